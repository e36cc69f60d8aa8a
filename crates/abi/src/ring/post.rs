//! What the monitor and each variant tell the others, beside the records.

#[cfg(not(loom))]
use core::sync::atomic::{AtomicU32, AtomicU64, Ordering};
#[cfg(loom)]
use loom::sync::atomic::{AtomicU32, AtomicU64, Ordering};

use super::{MAX_VARIANTS, WAITS};
use crate::turn::Turn;

/// The variant's next call goes to the monitor, also one that waits now.
pub const CALLED: u32 = 1;
/// Another thread of the leader's needs its turn: the next call goes to the monitor, or gives the turn up.
pub const WAITED_FOR: u32 = 2;

/// What the monitor tells a set. Written by the monitor only.
#[derive(Debug, Default)]
#[cfg_attr(not(loom), repr(C, align(4096)))] // the stacks of models are small
pub struct Notices {
    /// Counts everything that happens to the words below; who sleeps is woken through it.
    pub news: AtomicU32,
    /// By variant: [`CALLED`], [`WAITED_FOR`].
    pub attention: [AtomicU32; MAX_VARIANTS],
    /// Bit per variant that takes part.
    pub active: AtomicU32,
    /// Bit per variant that has mapped the ring.
    pub attached: AtomicU32,
    /// Stops in the monitor, by variant.
    pub slow: [AtomicU32; MAX_VARIANTS],
    /// Not 0: threads of the process take turns.
    pub turns: AtomicU32,
    /// The set that the ring belongs to.
    pub set: AtomicU32,
    /// The record at which the leader gave its turn up last (see [`crate::turn`]); 0: none.
    pub given_up: AtomicU32,
    /// Not 0: followers open files with the leader, in the monitor: most are mapped, or can't be opened later.
    pub opens: AtomicU32,
}

/// Something that begins a cache line.
#[derive(Debug, Default)]
#[cfg_attr(not(loom), repr(C, align(64)))]
pub struct Line<T>(T);

impl<T> core::ops::Deref for Line<T> {
    type Target = T;

    fn deref(&self) -> &T {
        &self.0
    }
}

/// How often a variant looks before it sleeps (low half), and how often it has slept since that was right (high half),
/// by what it waits for; 0: no experience yet.
#[derive(Debug)]
#[cfg_attr(not(loom), repr(C, align(64)))]
pub struct Patience([AtomicU32; WAITS]);

impl Default for Patience {
    fn default() -> Self {
        Self(core::array::from_fn(|_| AtomicU32::default()))
    }
}

impl core::ops::Deref for Patience {
    type Target = [AtomicU32; WAITS];

    fn deref(&self) -> &Self::Target {
        &self.0
    }
}

/// It sleeps, or is about to.
pub const ASLEEP: u32 = 1;
/// It has let others on its CPU run, and looks again when it is back.
pub const AWAY: u32 = 2;

/// What one variant tells the others. What changes with every record, what seldom changes, and what is its own stand in
/// lines apart: a line that another CPU has just written costs 0.1-0.4 us.
#[derive(Debug, Default)]
#[cfg_attr(not(loom), repr(C, align(4096)))] // the stacks of models are small
pub struct Post {
    /// Follower: records that it has agreed to.
    pub agreed: AtomicU32,
    /// Records that it is done with.
    pub done: AtomicU32,
    /// Where the next record begins, in bytes since the beginning.
    pub at: AtomicU64,
    /// Follower: a digest of its own inputs, written before it agrees to a call that the monitor approves.
    pub digest: AtomicU64,
    /// [`ASLEEP`], [`AWAY`]; 0: it does not wait, or looks.
    pub sleeping: Line<AtomicU32>,
    /// Bytes from the beginning of the last record to `at`; only the leader's matters.
    pub before: Line<AtomicU32>,
    /// Leader: its turn among the threads of the process.
    pub turn: Line<Turn>,
    /// What it has learnt about waiting. For itself only.
    pub patience: Patience,
    /// Calls that it has made in the process.
    pub calls: AtomicU64,
    /// Leader: where the record behind the last that used the bulk begins.
    pub bulk: AtomicU64,
    /// Leader: how far each follower had read when it was last looked at.
    pub seen: [AtomicU64; MAX_VARIANTS],
}

impl Post {
    /// Whether it sleeps, or is about to.
    #[must_use]
    pub fn is_asleep(&self) -> bool {
        self.sleeping.load(Ordering::SeqCst) == ASLEEP
    }
}
