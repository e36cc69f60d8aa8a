//! The turns of one process in one variant: who has it, who waits for it, and in followers the leader's order.

use std::collections::VecDeque;
use std::sync::Arc;
use std::time::Duration;

use stretto_abi::turn::{GivenUp, Holder as LentTo};
use stretto_tracee::Stopped;

use super::lead::{Lead, ToCome};
use super::lending::Lent;
use crate::clock_unsafe::Moment;
use crate::quiet::Quiet;

/// How long a thread may run its own code while others wait for the turn, or the first of a process take to end.
pub(super) const PATIENCE: Duration = Duration::from_secs(2);

/// Whoever has the turn for longer is watched: most give it up before, and to ask the kernel takes time.
const SOON: Duration = Duration::from_millis(100);

/// Who runs its own code.
#[derive(Debug)]
pub(super) struct Holder {
    pub(super) tid: i32,
    since: Moment,
    /// From soon after that.
    quiet: Option<Quiet>,
    /// Follower: it has come to the monitor. It has the turn until the leader's has given it up.
    pub(super) parked: bool,
}

/// A stopped thread that waits for its turn.
#[derive(Debug)]
pub struct Ready {
    pub(super) set: u32,
    pub stopped: Stopped,
    pub(super) signal: i32,
    pub(super) since: Moment,
}

/// Where the leader's thread of a set gave its turn up, in a call that its agent makes.
#[derive(Clone, Copy, Debug)]
pub struct Release {
    pub(super) set: u32,
    pub(super) place: GivenUp,
}

/// What happens to the turn in the leader.
#[derive(Clone, Copy, Debug)]
pub enum Next {
    /// Somebody has got it.
    Turn(Turn),
    /// The thread of this set had it when it was taken back from the agents, or nobody had.
    TakenBack(Option<u32>),
}

/// Who is next in the leader.
#[derive(Clone, Copy, Debug)]
pub struct Turn {
    pub(super) set: u32,
    /// `None`: whoever had the turn before had come to the monitor, in all variants.
    pub(super) behind: Option<Release>,
    /// Somebody else has had the turn for too long, and keeps it.
    pub(super) beside: bool,
}

/// The turns of one process, in one variant.
#[derive(Debug, Default)]
pub struct Turns {
    /// More than one only after [`PATIENCE`].
    pub(super) holders: Vec<Holder>,
    pub(super) ready: VecDeque<Ready>,
    /// Leader: where the turn was given up that nobody has got since.
    pub(super) released: Option<Release>,
    /// Follower: the leader's order, as far as it has not been followed yet.
    pub(super) order: VecDeque<(Next, Option<ToCome>)>,
    /// Follower: turns that are over before they began, by set (see `Tracer::cut_turn`).
    pub(super) cut: Vec<u32>,
    /// Leader: the monitor gives out the next turn, since followers have to wait for a thread's end or for a call that each
    /// variant makes at its own pace, or since somebody has kept the turn for long, and those who wait for it are on their
    /// way here.
    pub(super) kept: bool,
    /// Leader: how far followers are behind.
    pub(super) lead: Arc<Lead>,
    /// Leader: it has waited for them for too long, and does not until they have come near.
    pub(super) in_vain: bool,
    /// Leader: what agents pass the turn on with.
    pub(super) lent: Option<Lent>,
}

impl std::fmt::Display for Turns {
    fn fmt(&self, to: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let holders: Vec<String> = self
            .holders
            .iter()
            .map(|holder| format!("{}{}", holder.tid, if holder.parked { " (stopped)" } else { "" }))
            .collect();
        let ready: Vec<u32> = self.ready.iter().map(|ready| ready.set).collect();
        let order = self.order.iter().map(|(next, _)| match next {
            Next::Turn(Turn { set, behind: Some(release), .. }) => {
                format!("{set} behind record {} of {}", release.place.0 >> 2, release.set)
            }
            Next::Turn(turn) => turn.set.to_string(),
            Next::TakenBack(set) => format!("taken back from {set:?}"),
        });
        let order: Vec<String> = order.collect();
        write!(to, "running {holders:?}, ready sets {ready:?}, to come {order:?}, cut {:?}", self.cut)?;
        match self.lent.as_ref().map(Lent::holder) {
            None | Some(LentTo::Monitor) => Ok(()),
            Some(holder) => write!(to, ", passed on by agents: {holder:?}"),
        }
    }
}

impl Turns {
    /// The threads that stand still until their turn.
    pub(super) fn standing(&self) -> impl Iterator<Item = i32> + '_ {
        self.ready.iter().map(|ready| ready.stopped.tid())
    }

    pub(super) fn give_up(&mut self, tid: i32) {
        self.holders.retain(|holder| holder.tid != tid);
    }

    /// Leader: takes out who is next, if somebody may run now. Whoever is in `stopped` waits for followers, or ends.
    pub(super) fn next(&mut self, stopped: &[i32]) -> Option<Ready> {
        let since = self.ready.front()?.since;
        let waited_for = |holder: &mut Holder| stopped.contains(&holder.tid) | holder.is_waited_for(since);
        // All are looked at, however many are waited for.
        let waits = self.holders.iter_mut().map(waited_for).fold(false, |any, this| any | this);
        if waits { None } else { self.ready.pop_front() }
    }

    /// Follower: how many turns of the thread of `set` are still to come.
    pub(super) fn to_come(&self, set: u32) -> usize {
        let is_its = |(next, _): &&(Next, _)| matches!(next, Next::Turn(turn) if turn.set == set);
        let cut = self.cut.iter().filter(|&&cut| cut == set).count();
        self.order.iter().filter(is_its).count().saturating_sub(cut)
    }

    /// Follower: leaves turns out that are over before they began.
    pub(super) fn skip_cut(&mut self) {
        while let Some((Next::Turn(next), _)) = self.order.front()
            && let Some(index) = self.cut.iter().position(|set| *set == next.set)
        {
            self.cut.swap_remove(index);
            self.order.pop_front();
        }
    }

    /// Follower: takes out who is next, if it may run now, and what counts its turn. `passed`: the turn that the leader gave
    /// up before has come to its end here too.
    pub(super) fn follow(&mut self, passed: bool) -> Option<(Ready, Option<ToCome>)> {
        let &(Next::Turn(Turn { set: wanted, beside, .. }), _) = self.order.front()? else { return None };
        let index = self.ready.iter().position(|ready| ready.set == wanted)?;
        // However long that takes: the leader's order counts. Who stays away is late some day.
        if !beside && self.holders.iter().any(|holder| !(holder.parked && passed)) {
            return None;
        }
        if !beside {
            self.holders.clear();
        }
        let (_, counted) = self.order.pop_front()?;
        Some((self.ready.remove(index)?, counted))
    }

    /// Leader: whether `followers` are so far behind that whoever is next waits for them. Not for ever: then the leader comes
    /// to a call where they are missed.
    pub(super) fn waits_for(&mut self, followers: impl Iterator<Item = usize> + Clone) -> bool {
        let too_long = self.lead.is_too_long(followers);
        let late = |ready: &Ready| ready.since.roughly_elapsed() > PATIENCE;
        self.in_vain = too_long && (self.in_vain || self.ready.front().is_some_and(late));
        too_long && !self.in_vain
    }

    /// Leader: who has the turn, if the monitor has nothing to do with it otherwise.
    pub(super) fn only_holder(&self) -> Result<Option<i32>, ()> {
        let free = self.ready.is_empty() && self.released.is_none() && !self.kept;
        match self.holders.as_slice() {
            [] if free => Ok(None),
            [holder] if free => Ok(Some(holder.tid)),
            _ => Err(()),
        }
    }

    /// Who has the turn when it has been taken back from the agents.
    pub(super) fn hand_back(&mut self, tid: Option<i32>, parked: bool) {
        self.holders.clear();
        self.holders.extend(tid.map(|tid| Holder { parked, ..Holder::new(tid) }));
    }
}

impl Holder {
    pub(super) fn new(tid: i32) -> Self {
        Self { tid, since: Moment::roughly_now(), quiet: None, parked: false }
    }

    /// Whether a thread that is ready `since` then still waits for it.
    fn is_waited_for(&mut self, since: Moment) -> bool {
        if self.quiet.is_none() && self.since.roughly_elapsed() > SOON {
            self.quiet = Some(Quiet::begin(self.tid));
        }
        let exceeds = |quiet: &mut Quiet| quiet.exceeds(PATIENCE, self.tid);
        !self.quiet.as_mut().is_some_and(exceeds) || since.roughly_elapsed() < PATIENCE
    }
}
