//! How long somebody is waited for.
//!
//! A variant is late when it had its chance: on a busy machine it may want to run and not be given a CPU. That can take
//! minutes: in Linux 6.13 to 6.18 a process can be kept from a CPU by others of another session (or group) that share
//! the CPU among themselves and have work on a second one. (Commit 101f3498b4bd names the cause: what a group is owed
//! grows with every change of its weight. Measured with two processes that write to each other's pipes on one CPU, a
//! third that computes on another, and a loop of 0.1 s in a session of its own: it took the minute until they ended.)

use std::time::Duration;

use crate::clock_unsafe::Moment;
use crate::procfs::{cpu_time, is_runnable};

/// Who got less than one part in so many of the time was kept from running.
const SHARE: u32 = 10;

/// A wait for others.
#[derive(Clone, Debug)]
pub struct Lag {
    since: Moment,
    /// Those on whom it depends, and how long they had run when they were first looked at.
    watched: Vec<(i32, Duration)>,
}

impl Lag {
    /// It begins now, some milliseconds ago.
    #[must_use]
    pub fn begin() -> Self {
        Self { since: Moment::roughly_now(), watched: Vec::new() }
    }

    /// Whether nobody has said yet on whom it depends.
    #[must_use]
    pub fn is_unwatched(&self) -> bool {
        self.watched.is_empty()
    }

    /// Notes on which threads it depends.
    pub fn watch(&mut self, threads: impl IntoIterator<Item = i32>) {
        self.watched = threads.into_iter().filter_map(|tid| Some((tid, cpu_time(tid)?))).collect();
    }

    /// Whether it takes longer than `limit` seconds; 0: it never does.
    #[must_use]
    pub fn exceeds(&self, limit: f64) -> bool {
        limit > 0.0 && self.since.roughly_elapsed().as_secs_f64() > limit
    }

    /// Whether one of those on whom it depends would run, and has hardly been given a CPU since.
    #[must_use]
    pub fn is_for_want_of_a_cpu(&self) -> bool {
        let enough = self.since.roughly_elapsed() / SHARE;
        self.watched.iter().any(|&(tid, before)| {
            is_runnable(tid) && cpu_time(tid).is_some_and(|now| now.saturating_sub(before) < enough)
        })
    }
}
