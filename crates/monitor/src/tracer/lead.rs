//! How far the leader's threads may be ahead of the followers' in taking turns.
//!
//! A thread that looks for another one in a loop of calls that each variant makes at its own pace takes turn after turn,
//! and waits for nobody. A follower that has to share a CPU with it would never come to what that thread looks for
//! (measured: half a million turns behind after three seconds, and more and more).

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU32, Ordering};

use crate::MAX_VARIANTS;

/// How many turns a follower may be behind. Within so many nobody waits for anybody.
const MOST: u32 = 64;
/// A leader that has waited goes on when followers are as near as this: being woken should pay.
const NEAR: u32 = MOST / 2;

/// How many turns of one process followers have still to follow.
#[derive(Debug, Default)]
pub struct Lead {
    to_come: [AtomicU32; MAX_VARIANTS],
    /// The leader waits until all are near.
    waits: AtomicBool,
    /// It waits, and nobody has called it since it looked last.
    calls_for_it: AtomicBool,
}

/// A turn that a follower has still to follow, or to leave out.
#[derive(Debug)]
pub struct ToCome {
    lead: Arc<Lead>,
    variant: usize,
}

impl Lead {
    /// The leader has one turn more than `variant`.
    pub(super) fn add(self: &Arc<Self>, variant: usize) -> ToCome {
        self.to_come[variant].fetch_add(1, Ordering::SeqCst);
        ToCome { lead: Arc::clone(self), variant }
    }

    /// Leader: whether it has to wait for one of `followers`, of which one will call it then.
    pub(super) fn is_too_long(&self, followers: impl Iterator<Item = usize> + Clone) -> bool {
        let any_behind = |more_than: u32| {
            followers.clone().any(|variant| self.to_come[variant].load(Ordering::SeqCst) > more_than)
        };
        let mut waits = self.waits.load(Ordering::Relaxed) || any_behind(MOST);
        // Who says that it waits looks once more; who comes nearer looks whether somebody waits.
        self.calls_for_it.store(waits, Ordering::SeqCst);
        waits = waits && any_behind(NEAR);
        self.waits.store(waits, Ordering::Relaxed);
        if !waits {
            self.calls_for_it.store(false, Ordering::Relaxed);
        }
        waits
    }
}

impl ToCome {
    /// The follower has it now. True: a leader that waits has to look again.
    pub(super) fn comes(self) -> bool {
        let (lead, variant) = (Arc::clone(&self.lead), self.variant);
        drop(self);
        lead.to_come[variant].load(Ordering::SeqCst) <= NEAR
            && lead.calls_for_it.swap(false, Ordering::SeqCst)
    }
}

/// Each counts.
impl Clone for ToCome {
    fn clone(&self) -> Self {
        self.lead.add(self.variant)
    }
}

impl Drop for ToCome {
    fn drop(&mut self) {
        self.lead.to_come[self.variant].fetch_sub(1, Ordering::SeqCst);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_leader_waits_from_the_limit_until_its_followers_are_near() {
        let lead = Arc::new(Lead::default());
        let mut ones: Vec<_> = (0..MOST).map(|_| lead.add(1)).collect();
        let mut twos: Vec<_> = (0..=MOST).map(|_| lead.add(2)).collect();
        assert!(!lead.is_too_long([1].into_iter()));
        assert!(lead.is_too_long([1, 2].into_iter()));
        let called =
            (NEAR..MOST).map(|_| twos.pop().is_some_and(ToCome::comes)).filter(|called| *called).count();
        assert_eq!((called, twos.len()), (0, 1 + NEAR as usize));
        assert!(twos.pop().is_some_and(ToCome::comes));
        assert!(lead.is_too_long([1, 2].into_iter()), "the other is not near");
        let called = ones.drain(..).filter_map(|one| one.comes().then_some(())).count();
        assert_eq!(called, 1);
        assert!(!lead.is_too_long([1, 2].into_iter()));
        assert!(!twos.pop().is_some_and(ToCome::comes), "nobody waits");
    }
}
