//! Job control of Stretto itself: when the program's first process stops, Stretto stops with it, so that the shell
//! that waits for Stretto notices; when Stretto goes on, so does the program.

use std::sync::atomic::{AtomicBool, Ordering};

use crate::signals_unsafe;

/// Whether the first process of the leader is stopped, and what is to be done about it.
#[derive(Debug, Default)]
pub struct Job {
    stopped: AtomicBool,
    stop_wanted: AtomicBool,
    went_on: AtomicBool,
}

impl Job {
    /// Leader's tracer: the first process has stopped. `waker` reaches the thread that calls [`Self::follow`].
    pub fn stopped(&self, waker: i32) {
        self.stopped.store(true, Ordering::Release);
        self.stop_wanted.store(true, Ordering::Release);
        signals_unsafe::wake(waker);
    }

    /// Leader's tracer: it goes on.
    pub fn continued(&self) {
        self.stopped.store(false, Ordering::Release);
        self.stop_wanted.store(false, Ordering::Release);
    }

    /// Stops this process if the program has stopped; returns when it was continued.
    pub fn follow(&self) {
        if self.stop_wanted.swap(false, Ordering::AcqRel) {
            signals_unsafe::stop_self();
            self.went_on.store(true, Ordering::Release);
        }
    }

    /// Whether the program is still stopped although Stretto was continued a while ago. A shell continues both,
    /// because they are one process group; kill(1) perhaps only the process that it knows, which is Stretto.
    #[must_use]
    pub fn lags_behind(&self) -> bool {
        self.went_on.swap(false, Ordering::AcqRel) && self.stopped.load(Ordering::Acquire)
    }
}
