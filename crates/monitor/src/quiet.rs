//! How long a thread that signals wait for has come to no call.
//!
//! What counts is the time in which it could have come to one. A thread that wants a CPU and is not given any stands
//! wherever it was, perhaps between two instructions that belong together, and its next call may be near. Wherever the
//! variants are then, they are not at the same place: measured with two signals that came to a starved leader at once,
//! the second of which found it before, and its follower behind, the first instructions of the handler of the first.

use std::time::Duration;

use crate::clock_unsafe::Moment;
use crate::procfs::{Scheduled, scheduled};

/// How long a signal waits for the leader's next call before it is delivered wherever the variants are.
const PATIENCE: Duration = Duration::from_millis(20);

/// A time without a call, from the first look at the thread.
#[derive(Clone, Copy, Debug)]
pub struct Quiet {
    since: Moment,
    /// How long it had run by then; `None`: the kernel does not tell.
    ran: Option<Duration>,
}

impl Quiet {
    /// It begins now.
    #[must_use]
    pub fn begin(tid: i32) -> Self {
        Self { since: Moment::roughly_now(), ran: scheduled(tid).map(|now| now.ran) }
    }

    /// Whether the thread has run, or slept, for so long that no call is near.
    #[must_use]
    pub fn is_long(self, tid: i32) -> bool {
        self.was_long(scheduled(tid), self.since.roughly_elapsed())
    }

    fn was_long(self, now: Option<Scheduled>, elapsed: Duration) -> bool {
        match (self.ran, now) {
            (Some(before), Some(now)) if now.runnable => now.ran.saturating_sub(before) > PATIENCE,
            _ => elapsed > PATIENCE,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const LONG: Duration = Duration::from_millis(21);

    fn after(ran: Duration, runnable: bool, elapsed: Duration) -> bool {
        let quiet = Quiet { since: Moment::roughly_now(), ran: Some(LONG) };
        let now = Scheduled { ran: LONG + ran, waited: Duration::ZERO, runnable };
        quiet.was_long(Some(now), elapsed)
    }

    #[test]
    fn a_thread_that_computes_has_had_its_chance() {
        assert!(after(LONG, true, LONG));
    }

    #[test]
    fn a_thread_that_is_given_no_cpu_has_not_however_long_that_takes() {
        assert!(!after(Duration::ZERO, true, LONG * 1000));
    }

    #[test]
    fn a_thread_that_sleeps_would_for_ever() {
        assert!(after(Duration::ZERO, false, LONG));
        assert!(!after(Duration::ZERO, false, LONG / 2));
    }

    #[test]
    fn time_counts_where_the_kernel_tells_nothing_else() {
        let quiet = Quiet { since: Moment::roughly_now(), ran: None };
        assert!(quiet.was_long(None, LONG));
    }
}
