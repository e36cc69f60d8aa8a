//! How long a thread that others wait for, or signals, has come to no call.
//!
//! What counts is the time in which it could have come to one. A thread that wants a CPU and is not given any stands
//! wherever it was, perhaps between two instructions that belong together, and its next call may be near. Where variants
//! are then is not the same place: measured with two signals that came to a starved leader at once, the second of which
//! found it before, and its follower behind, the first instructions of the handler of the first.

use std::time::Duration;

use crate::clock_unsafe::Moment;
use crate::procfs::{Scheduled, scheduled};

/// A time without a call, from the first look at the thread.
#[derive(Clone, Copy, Debug)]
pub struct Quiet {
    looked: Moment,
    /// How it had fared by then; `None`: the kernel does not tell.
    last: Option<Scheduled>,
    /// How long it had a chance to come.
    chance: Duration,
}

impl Quiet {
    /// It begins now.
    #[must_use]
    pub fn begin(tid: i32) -> Self {
        Self { looked: Moment::roughly_now(), last: scheduled(tid), chance: Duration::ZERO }
    }

    /// Whether the thread has run, or slept, for longer than `most`, as far as can be seen: to be asked now and then.
    pub fn exceeds(&mut self, most: Duration, tid: i32) -> bool {
        let interval = self.looked.roughly_elapsed();
        if interval > Duration::ZERO {
            self.looked = Moment::roughly_now();
            self.look(interval, scheduled(tid));
        }
        self.chance > most
    }

    /// Of a thread that slept at both ends it is believed that it did in between.
    fn look(&mut self, interval: Duration, now: Option<Scheduled>) {
        self.chance += match (std::mem::replace(&mut self.last, now), now) {
            (Some(before), Some(now)) if !(before.sleeps && now.sleeps) => {
                now.ran.saturating_sub(before.ran).min(interval)
            }
            _ => interval,
        };
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const SHORT: Duration = Duration::from_millis(1);
    const LONG: Duration = Duration::from_secs(60);

    /// The chance that a thread had that was seen like this: how long it had run, and whether it slept.
    fn chance(seen: &[Option<(Duration, bool)>]) -> Duration {
        let scheduled = |(ran, sleeps)| Scheduled { ran, sleeps, ..Scheduled::default() };
        let mut seen = seen.iter().map(|seen| seen.map(scheduled));
        let last = seen.next().flatten();
        let mut quiet = Quiet { looked: Moment::roughly_now(), last, chance: Duration::ZERO };
        seen.for_each(|now| quiet.look(LONG, now));
        quiet.chance
    }

    #[test]
    fn a_thread_that_wants_to_run_has_as_much_chance_as_it_is_given() {
        assert_eq!(chance(&[Some((LONG, false)), Some((LONG * 2, false))]), LONG);
        assert_eq!(chance(&[Some((LONG, false)), Some((LONG + SHORT, false))]), SHORT);
    }

    #[test]
    fn a_thread_that_sleeps_for_a_moment_has_no_more() {
        let seen = [Some((LONG, false)), Some((LONG + SHORT, true)), Some((LONG + SHORT * 2, false))];
        assert_eq!(chance(&seen), SHORT * 2);
    }

    #[test]
    fn a_thread_that_sleeps_has_all_the_time() {
        assert_eq!(chance(&[Some((LONG, true)), Some((LONG, true))]), LONG);
    }

    #[test]
    fn time_counts_where_the_kernel_tells_nothing_else() {
        assert_eq!(chance(&[None, None]), LONG);
    }
}
