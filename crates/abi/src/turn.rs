//! A leader's turn among the threads of its process, while it waits in a call that its agent makes.
//!
//! Threads of one process take turns in running its code. One that waits needs no turn: before the call its agent says
//! "open", naming the record that the call stands in, behind it "closed". In between the monitor may take the turn for
//! another thread; then the agent can't close it, and brings the thread to the monitor with the result. Followers are
//! told the record ([`Notices::given_up`](crate::ring::Notices)), so that each gives its turn up there, and nowhere
//! else.

#[cfg(not(loom))]
use core::sync::atomic::{AtomicU32, Ordering};
#[cfg(loom)]
use loom::sync::atomic::{AtomicU32, Ordering};

const OPEN: u32 = 1;
const CLOSED: u32 = 0;
const TAKEN: u32 = 2;

/// The word in the leader's post.
#[derive(Debug, Default)]
pub struct Turn(AtomicU32);

/// The record at which a turn was given up, as it stands in [`Notices::given_up`](crate::ring::Notices); the word is
/// never 0. As in tags, the two highest bits of the number are missing.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct GivenUp(pub u32);

impl GivenUp {
    /// At the record of this number.
    #[must_use]
    pub fn at(number: u32) -> Self {
        Self(number << 2 | OPEN)
    }

    /// Whether somebody whose next record has this number is there, or further.
    #[must_use]
    pub fn is_reached(self, number: u32) -> bool {
        (number << 2).wrapping_sub(self.0 & !3).cast_signed() >= 0
    }
}

impl Turn {
    /// Agent: whoever needs the turn may take it, from now on until [`Self::close`].
    pub fn open(&self, number: u32) {
        self.0.swap(GivenUp::at(number).0, Ordering::SeqCst);
    }

    /// Agent: false: it has been taken.
    #[must_use]
    pub fn close(&self, number: u32) -> bool {
        let open = GivenUp::at(number).0;
        self.0.compare_exchange(open, CLOSED, Ordering::SeqCst, Ordering::SeqCst).is_ok()
    }

    /// Monitor: takes the turn if it is open, and says where it was given up.
    #[must_use]
    pub fn take(&self) -> Option<GivenUp> {
        let seen = self.0.load(Ordering::SeqCst);
        let taken = seen & 3 == OPEN
            && self.0.compare_exchange(seen, TAKEN, Ordering::SeqCst, Ordering::SeqCst).is_ok();
        taken.then_some(GivenUp(seen))
    }
}
