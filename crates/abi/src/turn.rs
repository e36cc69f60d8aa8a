//! A leader's turn among the threads of its process, in calls that its agents make.
//!
//! Threads of one process take turns in running its code. One that waits in a call needs no turn. As long as no thread
//! in the monitor asks for the turn, agents pass it on among themselves ([`Turns`]), in calls that every follower has
//! agreed to: then the followers' counterparts stand still, too, and whoever has got the turn in the leader may run in
//! every variant as soon as its own call has ended.
//!
//! If the monitor gives the turns out, the agent of a thread says "open" before such a call, naming the record that the
//! call stands in, behind it "closed" ([`Turn`]). In between the monitor may take the turn for another thread. Followers
//! are told the record ([`Notices::given_up`](crate::ring::Notices)), so that each gives its turn up there, and nowhere
//! else. A thread that has lost its turn and does not get it from another agent goes to the monitor with its result.

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

    /// Monitor: whether [`Self::take`] would take it.
    #[must_use]
    pub fn is_open(&self) -> bool {
        self.0.load(Ordering::SeqCst) & 3 == OPEN
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

/// Who of a process has the turn in the leader. The leader's threads and the monitor write it.
#[derive(Debug, Default)]
#[repr(C)]
pub struct Turns {
    holder: AtomicU32,
    /// How many agents wait for the turn.
    pub waiting: AtomicU32,
    /// Counts who has got it from another agent.
    pub passed: AtomicU32,
}

const NOBODY: u32 = 1;
const THREAD: u32 = 2;

/// Who has the turn.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Holder {
    /// The monitor knows.
    Monitor,
    /// Whoever comes first.
    Nobody,
    /// The thread of this set (30 bits of it).
    Thread(u32),
}

impl Holder {
    /// The thread of `set`.
    #[must_use]
    pub fn of(set: u32) -> Self {
        Self::Thread(set & u32::MAX >> 2)
    }

    fn word(self) -> u32 {
        match self {
            Self::Monitor => 0,
            Self::Nobody => NOBODY,
            Self::Thread(set) => set << 2 | THREAD,
        }
    }

    /// Anything may have been written there.
    fn from_word(word: u32) -> Self {
        match word & 3 {
            NOBODY => Self::Nobody,
            THREAD => Self::Thread(word >> 2),
            _ => Self::Monitor,
        }
    }
}

impl Turns {
    /// Who has the turn now.
    #[must_use]
    pub fn holder(&self) -> Holder {
        Holder::from_word(self.holder.load(Ordering::SeqCst))
    }

    /// The word that changes with the holder, and what it is while `holder` has the turn.
    #[must_use]
    pub fn word(&self, holder: Holder) -> (&AtomicU32, u32) {
        (&self.holder, holder.word())
    }

    /// Whoever has the turn: lets others have it. False: `own` has not got it, or the monitor has taken it back.
    #[must_use]
    pub fn pass_on(&self, own: Holder) -> bool {
        self.change(own, Holder::Nobody)
    }

    /// Agent: takes the turn if nobody has it; who has it then.
    #[must_use]
    pub fn take(&self, own: Holder) -> Holder {
        if self.change(Holder::Nobody, own) {
            self.passed.fetch_add(1, Ordering::SeqCst);
        }
        self.holder()
    }

    /// Monitor: from now on agents pass the turn on.
    pub fn lend(&self, to: Holder) {
        self.holder.store(to.word(), Ordering::SeqCst);
    }

    /// Monitor: from now on the monitor does; who has the turn. `Monitor`: it was so before.
    #[must_use]
    pub fn take_back(&self) -> Holder {
        Holder::from_word(self.holder.swap(Holder::Monitor.word(), Ordering::SeqCst))
    }

    fn change(&self, from: Holder, to: Holder) -> bool {
        self.holder.compare_exchange(from.word(), to.word(), Ordering::SeqCst, Ordering::SeqCst).is_ok()
    }
}
