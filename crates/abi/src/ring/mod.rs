//! The ring of one set of corresponding threads: the leader's records, the followers' answers, the monitor's notices.
//!
//! Every page has one writer. The monitor writes [`Notices`], each variant its own [`Post`], the leader the records;
//! everybody else maps them for reading only. What is read is clamped: a variant that has been taken over may write
//! anything into what it may write.
//!
//! ```text
//! record  word 0  tag (low half: number of the record and its phase), epoch (high half)
//!         word 1  nr (low half), flags, 0, lines back to the record before it (16 bits)
//!         word 2  bytes of inputs (low half), bytes of outputs (high half)
//!         word 3  result
//!         word 4- inputs, as `semantics::gather` writes them; outputs, as `semantics::collect` does; six arguments
//! ```
//!
//! What is too large for a record lies in the *bulk* behind the ring, for one record at a time: the leader waits for it
//! until all followers are done with the last that used it.
//!
//! **Numbers.** Records are numbered; a tag names number and phase, so that what stood there a round ago is never
//! taken for news: the leader clears the next record's tag before it publishes a record's end.
//!
//! **Epochs.** A call that stops in the monitor is no record. `Notices::slow` counts such stops of each variant. A
//! follower whose leader has one more than itself, and no record left to read, goes to the monitor too; a leader that
//! sees a follower there takes its record back ([`Phase::Cancelled`]) and follows.

mod post;
mod record;

#[cfg(not(loom))]
use core::sync::atomic::{AtomicU64, Ordering};
#[cfg(loom)]
use loom::sync::atomic::{AtomicU64, Ordering};

use crate::turn::GivenUp;

pub use post::{ASLEEP, AWAY, CALLED, Line, Notices, Patience, Post, WAITED_FOR};
pub use record::{
    AHEAD, BULK_INPUTS, BULK_OUTPUTS, BY_MONITOR, Cursor, Head, Phase, THEN_SIGNAL, WITH_OUTPUTS, tag,
};
use record::{HEAD, LINE};

/// The greatest number of variants. A model has three at most, and every word costs it time.
pub const MAX_VARIANTS: usize = if cfg!(loom) { 3 } else { 8 };
/// Who learns how long calls take tells this many apart, by their numbers modulo this. With a prime, few calls that
/// programs make in turn share what was learnt: modulo 16 and 64 `openat` (257) was the same as `write`, which takes long
/// where a pipe is full. (`fstat` shares with `sendmmsg`.)
pub const CALLS: usize = 151;
/// How many things that a variant may wait for are told apart: four, by call. A follower never waits for room or
/// agreement; what it waits for ahead, and for a call that is approved, have these places.
pub const WAITS: usize = if cfg!(loom) { 1 } else { 4 * CALLS };
/// Bytes of records.
pub const DATA: usize = 1 << 20;
/// The greatest record; what is larger lies in the bulk.
pub const ROOM: usize = (256 << 10) + 1024;
/// Bytes of the bulk; a call with more is the monitor's. Memory that is never used costs nothing.
pub const BULK: usize = 8 << 20;

/// The ring as it lies in memory; `WORDS` of records.
#[derive(Debug)]
#[cfg_attr(not(loom), repr(C, align(4096)))] // the stacks of models are small
pub struct Shared<const WORDS: usize> {
    pub notices: Notices,
    pub posts: [Post; MAX_VARIANTS],
    pub data: [AtomicU64; WORDS],
}

/// The ring in use.
pub type Ring = Shared<{ DATA / 8 }>;

/// The ring and its bulk, as they lie in the memory of a set.
#[cfg(not(loom))]
#[derive(Debug)]
#[repr(C, align(4096))]
pub struct RingWithBulk {
    pub ring: Ring,
    pub bulk: [AtomicU64; BULK / 8],
}

fn word(low: u32, high: u32) -> u64 {
    u64::from(low) | u64::from(high) << 32
}

#[allow(clippy::cast_possible_truncation)] // halves are what is wanted
fn halves(word: u64) -> (u32, u32) {
    (word as u32, (word >> 32) as u32)
}

/// The variants in `set` (bits).
#[inline(always)]
pub fn variants(set: u32) -> impl Iterator<Item = usize> {
    let mut left = set & ((1 << MAX_VARIANTS) - 1);
    core::iter::from_fn(
        #[inline(always)]
        move || {
            let first = (left != 0).then(|| left.trailing_zeros() as usize);
            left &= left.wrapping_sub(1);
            first
        },
    )
}

/// Whether `count` is ahead of `other` (both wrap).
#[must_use]
pub fn beyond(count: u32, other: u32) -> bool {
    count.wrapping_sub(other).cast_signed() > 0
}

impl<const WORDS: usize> Default for Shared<WORDS> {
    /// An empty ring, as zeroed memory is one.
    fn default() -> Self {
        Self {
            notices: Notices::default(),
            posts: Default::default(),
            data: core::array::from_fn(|_| AtomicU64::default()),
        }
    }
}

impl<const WORDS: usize> Shared<WORDS> {
    /// A power of two, so that places stay right when offsets wrap; enough for four of the smallest records.
    const BYTES: u64 = {
        assert!(WORDS.is_power_of_two() && WORDS >= 128);
        8 * WORDS as u64
    };
    /// The greatest record: all of `ROOM` in the ring in use, less in small rings of tests. With three in the ring there
    /// always is room behind the only one that somebody still reads: consuming what the leader waited for need not
    /// wake it.
    pub const RECORD: u64 = {
        let record = if (ROOM as u64) < Self::BYTES / 3 { ROOM as u64 } else { Self::BYTES / 4 };
        assert!(record % LINE == 0 && 3 * record + LINE <= Self::BYTES);
        record
    };
    /// Bytes of inputs and outputs that a record may hold.
    pub const PAYLOAD: usize = (Self::RECORD - 2 * LINE - 48) as usize;

    /// Where `variant` stands, by its own account.
    #[must_use]
    pub fn cursor(&self, variant: usize) -> Cursor {
        let post = &self.posts[variant % MAX_VARIANTS];
        Cursor { number: post.done.load(Ordering::Relaxed), at: post.at.load(Ordering::Relaxed) }
    }

    /// Index of a record's first word. Always leaves room for the greatest record.
    #[allow(clippy::cast_possible_truncation)] // below WORDS
    fn index(cursor: Cursor) -> usize {
        let at = cursor.at % Self::BYTES / LINE * LINE;
        at.min(Self::BYTES - Self::RECORD) as usize / 8
    }

    /// Index of the first word of the payload of the record at `cursor`.
    #[must_use]
    pub fn payload(cursor: Cursor) -> usize {
        Self::index(cursor) + HEAD
    }

    /// Where the record behind one of `length` bytes begins. None crosses the end of the ring.
    fn after(cursor: Cursor, length: u64) -> Cursor {
        let mut at = cursor.at.wrapping_add(length);
        if at % Self::BYTES > Self::BYTES - Self::RECORD {
            at = (at / Self::BYTES).wrapping_add(1).wrapping_mul(Self::BYTES);
        }
        Cursor { number: cursor.number.wrapping_add(1), at }
    }

    /// Where the record behind the one at `cursor` with this head begins.
    #[must_use]
    pub fn behind(cursor: Cursor, head: &Head) -> Cursor {
        Self::after(cursor, head.length().min(Self::RECORD))
    }

    /// The word that tells a record's phase; its low half is the tag.
    #[must_use]
    pub fn tag_word(&self, cursor: Cursor) -> &AtomicU64 {
        &self.data[Self::index(cursor)]
    }

    /// Leader: whether none of `followers` (bits) still reads where the record at `cursor` may come to lie, or the tag
    /// behind it, which its end clears: that may stand beyond the gap at the end of the ring.
    #[must_use]
    #[inline(always)]
    pub fn has_room(&self, cursor: Cursor, followers: u32) -> bool {
        let end = Self::after(cursor, Self::RECORD).at.wrapping_add(LINE);
        variants(followers & !1).all(|variant| {
            let seen = &self.posts[0].seen[variant];
            if end.wrapping_sub(seen.load(Ordering::Relaxed)) <= Self::BYTES {
                return true;
            }
            let read = self.posts[variant].at.load(Ordering::Acquire);
            seen.store(read, Ordering::Relaxed);
            end.wrapping_sub(read) <= Self::BYTES
        })
    }

    /// Whether none of `followers` (bits) still reads in the bulk.
    #[must_use]
    pub fn bulk_is_free(&self, followers: u32) -> bool {
        let used = self.posts[0].bulk.load(Ordering::Relaxed);
        variants(followers & !1).all(|variant| {
            let read = self.posts[variant].at.load(Ordering::Acquire);
            read.wrapping_sub(used).cast_signed() >= 0
        })
    }

    /// Leader: writes the head of a record whose inputs are there, before it is published.
    pub fn describe(&self, cursor: Cursor, nr: u32, flags: u8, inputs: usize) {
        self.write_head(cursor, nr, flags, (inputs, 0));
    }

    #[allow(clippy::cast_possible_truncation)] // lengths are at most BULK
    fn write_head(&self, cursor: Cursor, nr: u32, flags: u8, (inputs, outputs): (usize, usize)) {
        let at = Self::index(cursor);
        let before = self.posts[0].before.load(Ordering::Relaxed) / LINE as u32;
        self.data[at + 1].store(word(nr, u32::from(flags) | before << 16), Ordering::Relaxed);
        self.data[at + 2].store(word(inputs as u32, outputs as u32), Ordering::Relaxed);
    }

    /// Leader: writes the arguments of a call with this head behind everything else, for reports.
    #[inline(always)]
    pub fn note_arguments(&self, cursor: Cursor, head: &Head, args: &[u64; 6]) {
        if let Some(words) = self.argument_words(cursor, head).first_chunk::<6>() {
            for (word, arg) in words.iter().zip(args) {
                word.store(*arg, Ordering::Relaxed);
            }
        }
    }

    /// The arguments of a call that has been made; zeros where the record is not whole.
    #[must_use]
    pub fn arguments(&self, cursor: Cursor, head: &Head) -> [u64; 6] {
        let words = self.argument_words(cursor, head);
        core::array::from_fn(|index| words.get(index).map_or(0, |word| word.load(Ordering::Relaxed)))
    }

    #[inline(always)]
    fn argument_words(&self, cursor: Cursor, head: &Head) -> &[AtomicU64] {
        self.data.get(Self::payload(cursor) + head.arguments_at() / 8..).unwrap_or(&[])
    }

    /// Leader: lets followers look at the inputs.
    pub fn publish(&self, cursor: Cursor, epoch: u32) {
        self.tag_word(cursor).swap(word(tag(cursor.number, Phase::Published), epoch), Ordering::SeqCst);
    }

    /// Whether `follower` has agreed to the record at `cursor`.
    #[must_use]
    pub fn has_agreed(&self, cursor: Cursor, follower: usize) -> bool {
        self.posts[follower % MAX_VARIANTS].agreed.load(Ordering::Acquire) == cursor.number.wrapping_add(1)
    }

    /// Leader: lets followers take over the result and the outputs, which are there. The head of a record that has
    /// not been published is written only here: followers look at its line all the time.
    #[inline(always)]
    pub fn finish(&self, cursor: Cursor, head: &Head) {
        self.write_head(cursor, head.nr, head.flags, (head.inputs, head.outputs));
        self.data[Self::index(cursor) + 3].store(head.result.cast_unsigned(), Ordering::Relaxed);
        self.end(cursor, head);
    }

    /// Leader: takes a published record back.
    pub fn cancel(&self, cursor: Cursor, epoch: u32) {
        let phase = Phase::Cancelled;
        self.end(cursor, &Head { phase, epoch, nr: 0, flags: 0, inputs: 0, outputs: 0, result: 0 });
    }

    #[inline(always)]
    fn end(&self, cursor: Cursor, head: &Head) {
        let next = Self::behind(cursor, head);
        self.tag_word(next).store(0, Ordering::Relaxed);
        let own = &self.posts[0];
        #[allow(clippy::cast_possible_truncation)] // at most two records
        own.before.store(next.at.wrapping_sub(cursor.at) as u32, Ordering::Relaxed);
        if head.outputs_in_bulk() {
            own.bulk.store(next.at, Ordering::Relaxed);
        }
        own.at.store(next.at, Ordering::Relaxed);
        own.done.store(next.number, Ordering::Release);
        self.tag_word(cursor).swap(word(tag(cursor.number, head.phase), head.epoch), Ordering::SeqCst);
    }

    /// Follower: whether the leader has given its turn up in the call of the record at `cursor`.
    #[must_use]
    pub fn is_given_up(&self, cursor: Cursor) -> bool {
        self.notices.given_up.load(Ordering::SeqCst) == GivenUp::at(cursor.number).0
    }

    /// Follower: the record at `cursor`, as far as it has got; `None`: it has not been published, or makes no sense.
    #[must_use]
    #[inline(always)]
    pub fn look(&self, cursor: Cursor) -> Option<Head> {
        let (seen, epoch) = halves(self.tag_word(cursor).load(Ordering::Acquire));
        let phase = [Phase::Published, Phase::Done, Phase::Cancelled]
            .into_iter()
            .find(|&phase| seen == tag(cursor.number, phase))?;
        self.head(cursor, phase, epoch)
    }

    #[allow(clippy::cast_possible_truncation)] // bytes are what is wanted
    fn head(&self, cursor: Cursor, phase: Phase, epoch: u32) -> Option<Head> {
        let at = Self::index(cursor);
        let load = |word: usize| self.data[at + word].load(Ordering::Relaxed);
        let (nr, rest) = halves(load(1));
        let (inputs, outputs) = halves(load(2));
        let (inputs, outputs) = (inputs as usize, outputs as usize);
        if phase == Phase::Cancelled {
            return Some(Head { phase, epoch, nr, flags: 0, inputs: 0, outputs: 0, result: 0 });
        }
        let outputs = if phase == Phase::Done { outputs } else { 0 };
        let head =
            Head { phase, epoch, nr, flags: rest as u8, inputs, outputs, result: load(3).cast_signed() };
        (head.taken(false) <= Self::PAYLOAD && head.taken(true) <= BULK).then_some(head)
    }

    /// Follower: agrees to the record at `cursor`.
    pub fn agree(&self, variant: usize, cursor: Cursor) {
        let own = &self.posts[variant % MAX_VARIANTS];
        own.agreed.swap(cursor.number.wrapping_add(1), Ordering::SeqCst);
    }

    /// Follower: is done with the record at `cursor`.
    pub fn consume(&self, variant: usize, cursor: Cursor, head: &Head) {
        let next = Self::behind(cursor, head);
        let own = &self.posts[variant % MAX_VARIANTS];
        own.agreed.store(next.number, Ordering::Relaxed);
        own.done.store(next.number, Ordering::Relaxed);
        own.at.store(next.at, Ordering::SeqCst);
    }

    /// The last records before `cursor`, newest first: for reports. `cursor` is the leader's, or that of a record.
    pub fn backwards(&self, cursor: Cursor) -> impl Iterator<Item = (Cursor, Head)> + '_ {
        let mut next = cursor;
        core::iter::from_fn(move || {
            let at = next.at.wrapping_sub(self.back(next));
            let here = Cursor { number: next.number.wrapping_sub(1), at };
            // What lies further back than a round has been written over.
            let kept = cursor.at.wrapping_sub(at) < Self::BYTES;
            let head = self.look(here).filter(|head| kept && Self::behind(here, head) == next)?;
            next = here;
            Some((here, head))
        })
    }

    /// Bytes back from `cursor` to the record before it.
    fn back(&self, cursor: Cursor) -> u64 {
        if self.look(cursor).is_none() {
            return self.posts[0].before.load(Ordering::Relaxed).into();
        }
        let (_, rest) = halves(self.data[Self::index(cursor) + 1].load(Ordering::Relaxed));
        u64::from(rest >> 16) * LINE
    }
}
