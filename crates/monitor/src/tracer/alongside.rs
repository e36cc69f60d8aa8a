//! What followers do while the leader carries a call out: what they would have to do afterwards, and can take back.
//!
//! A follower that waits for the leader's outcome first makes such a call twice as long, and the leader waits for it in
//! its next one.

use stretto_abi::table::Mechanism;
use stretto_tracee::Error;

use super::Tracer;
use crate::remote::close;

/// What a follower has done.
#[derive(Clone, Copy, Debug)]
pub enum Alongside {
    /// Opened what the leader is opening: a descriptor, or an error.
    Opened(i64),
    /// Moved the end of its heap, which was there, in the leader's terms, before.
    Heap { before: u64 },
}

impl Alongside {
    /// What it has opened.
    pub fn descriptor(self) -> Option<i64> {
        match self {
            Self::Opened(fd) if fd >= 0 => Some(fd),
            Self::Opened(_) | Self::Heap { .. } => None,
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

    /// Follower: the leader's call has failed.
    pub(super) fn take_back(&mut self, tid: i32) -> Result<(), Error> {
        match self.task(tid)?.alongside {
            Some(Alongside::Opened(fd)) if fd >= 0 => {
                self.with_calls(tid, |_, calls, _| close(calls, fd.cast_unsigned()))?;
            }
            Some(Alongside::Heap { before }) => {
                self.with_calls(tid, |tracer, calls, _| tracer.take_heap_back(calls, before))?;
            }
            Some(Alongside::Opened(_)) | None => {}
        }
        self.task(tid)?.alongside = None;
        Ok(())
    }
}
