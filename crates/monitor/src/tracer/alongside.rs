//! What followers do while the leader carries a call out: what they would have to do afterwards, and can take back.
//!
//! A follower that waits for the leader's outcome first makes such a call twice as long, and the leader waits for it in
//! its next one.

use stretto_abi::table::Mechanism;
use stretto_tracee::Error;

use super::Tracer;

/// What a follower has done.
#[derive(Clone, Copy, Debug)]
pub enum Alongside {
    /// Opened what the leader is opening: a descriptor, or an error.
    Opened(i64),
    /// Moved the end of its heap.
    Heap,
}

impl Alongside {
    /// What it has opened.
    pub fn descriptor(self) -> Option<i64> {
        match self {
            Self::Opened(fd) if fd >= 0 => Some(fd),
            Self::Opened(_) | Self::Heap => None,
        }
    }
}

impl Tracer<'_> {
    /// Follower: the leader carries the call out.
    pub(super) fn go_alongside(&mut self, tid: i32) -> Result<(), Error> {
        match self.task(tid)?.call().and_then(|call| call.row()).map(|row| row.mechanism) {
            Some(Mechanism::Open) => self.open_alongside(tid),
            Some(Mechanism::Brk) => self.move_heap_alongside(tid),
            _ => Ok(()),
        }
    }
}
