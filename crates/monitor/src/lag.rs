//! How long somebody is waited for.
//!
//! A variant is late when it had its chance: on a busy machine it may want to run and not be given a CPU, and that time
//! does not count. It can be minutes: in Linux 6.13 to 6.18 processes of one session (or control group) that share one
//! CPU and have work on a second one can keep everybody else from the first. (Commit 101f3498b4bd names the cause: what
//! a group is owed grows with every change of its weight. Measured with two processes that write to each other's pipes
//! on one CPU, a third that computes on another, and a loop of 0.1 s in a session of its own: it took the minute until
//! they ended.)

use std::time::Duration;

use crate::clock_unsafe::Moment;
use crate::procfs::{Scheduled, scheduled};

/// Between two looks at the same threads.
const INTERVAL: Duration = Duration::from_millis(200);

/// A wait for others.
#[derive(Clone, Debug)]
pub struct Lag {
    since: Moment,
    looked: Moment,
    watched: Vec<Watched>,
    /// That it takes so long only for want of a CPU has been said.
    told: bool,
}

/// A thread on which the wait depends.
#[derive(Clone, Debug)]
struct Watched {
    tid: i32,
    last: Scheduled,
    /// How long it has waited for a CPU since the wait began.
    waited: Duration,
}

impl Lag {
    /// It begins now, some milliseconds ago.
    #[must_use]
    pub fn begin() -> Self {
        let now = Moment::roughly_now();
        Self { since: now, looked: now, watched: Vec::new(), told: false }
    }

    /// Whether nobody has said yet on whom it depends.
    #[must_use]
    pub fn is_unwatched(&self) -> bool {
        self.watched.is_empty()
    }

    /// Says on which threads it depends.
    pub fn watch(&mut self, threads: impl IntoIterator<Item = i32>) {
        let watched = |tid| Some(Watched { tid, last: scheduled(tid)?, waited: Duration::ZERO });
        self.watched = threads.into_iter().filter_map(watched).collect();
        self.looked = Moment::roughly_now();
    }

    /// Whether it takes longer than `limit` seconds (0: it never does), but for the time in which one of them would have
    /// run and was not given a CPU.
    pub fn exceeds(&mut self, limit: f64) -> bool {
        let interval = self.looked.roughly_elapsed();
        if interval >= INTERVAL {
            self.looked = Moment::roughly_now();
            self.watched.iter_mut().for_each(|watched| watched.look(interval));
        }
        limit > 0.0 && self.chance().as_secs_f64() > limit
    }

    /// Whether it would be too long, had they been given CPUs; once.
    pub fn lacks_a_cpu(&mut self, limit: f64) -> bool {
        let lacks = limit > 0.0 && !self.told && self.since.roughly_elapsed().as_secs_f64() > limit;
        self.told |= lacks;
        lacks
    }

    /// How long they had a chance to come.
    fn chance(&self) -> Duration {
        let waited = self.watched.iter().map(|watched| watched.waited).max().unwrap_or_default();
        self.since.roughly_elapsed().saturating_sub(waited)
    }
}

impl Watched {
    /// Adds what it has waited in an interval. The kernel counts when the wait is over: of whoever still waits it is known
    /// that it would have run at both ends and has not in between.
    fn look(&mut self, interval: Duration) {
        let Some(now) = scheduled(self.tid) else { return };
        let before = std::mem::replace(&mut self.last, now);
        let still = before.runnable && now.runnable && before.ran == now.ran;
        let counted = now.waited.saturating_sub(before.waited).min(interval);
        self.waited += if still { interval } else { counted };
    }
}
