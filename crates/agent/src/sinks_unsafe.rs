//! Where inputs and outputs go: into the record (leader), or against it (follower).

use core::mem::MaybeUninit;
use core::ptr::copy_nonoverlapping;
use core::sync::atomic::AtomicU64;

use stretto_abi::ring::{Cursor, Head, Ring, RingWithBulk};
use stretto_semantics::{Before, Memory, OutSink, Part, Sink};

/// Parts whose place is remembered; a call with more is the monitor's.
const PARTS: usize = 40;
/// Words whose value before the call is remembered.
const WORDS: usize = 8;

/// What is remembered of a call's inputs: where they stand in the record, and words that the kernel may overwrite.
/// The arrays are not initialised: that would cost more than most calls.
#[derive(Debug)]
pub struct Notes {
    /// Argument, and where in the payload the part begins.
    parts: [MaybeUninit<(u8, u32)>; PARTS],
    count: usize,
    /// Address, length and value before the call.
    words: [MaybeUninit<(u64, u8, [u8; 8])>; WORDS],
    remembered: usize,
    /// Something had no place.
    pub overflow: bool,
}

impl Notes {
    /// Nothing is remembered.
    pub fn new() -> Self {
        Self {
            parts: [const { MaybeUninit::uninit() }; PARTS],
            count: 0,
            words: [const { MaybeUninit::uninit() }; WORDS],
            remembered: 0,
            overflow: false,
        }
    }

    /// Forgets everything.
    pub fn clear(&mut self) {
        (self.count, self.remembered, self.overflow) = (0, 0, false);
    }

    /// Where the memory that `argument` points at stands in the payload, part by part.
    pub fn parts(&self, argument: u8) -> impl Iterator<Item = usize> + '_ {
        let parts = self.parts.get(..self.count).unwrap_or(&[]);
        // SAFETY: the first `count` have been written.
        let parts = parts.iter().map(|part| unsafe { part.assume_init() });
        parts.filter(move |(of, _)| *of == argument).map(|(_, at)| at as usize)
    }

    fn part(&mut self, argument: u8, at: usize) {
        match self.parts.get_mut(self.count) {
            #[allow(clippy::cast_possible_truncation)] // a place in a record or in the bulk
            Some(place) => {
                place.write((argument, at as u32));
                self.count += 1;
            }
            None => self.overflow = true,
        }
    }

    fn word(&mut self, address: u64, bytes: &[u8]) {
        // Expressions look at integers only.
        if bytes.len() > 8 {
            return;
        }
        let mut word = [0; 8];
        for (to, from) in word.iter_mut().zip(bytes) {
            *to = *from;
        }
        match self.words.get_mut(self.remembered) {
            #[allow(clippy::cast_possible_truncation)] // at most 8
            Some(place) => {
                place.write((address, bytes.len() as u8, word));
                self.remembered += 1;
            }
            None => self.overflow = true,
        }
    }
}

impl Before for Notes {
    fn before(&self, address: u64, buffer: &mut [u8]) -> bool {
        let words = self.words.get(..self.remembered).unwrap_or(&[]);
        words.iter().any(|word| {
            // SAFETY: the first `remembered` have been written.
            let (at, length, word) = unsafe { word.assume_init() };
            if at != address || usize::from(length) < buffer.len() {
                return false;
            }
            for (to, from) in buffer.iter_mut().zip(word) {
                *to = from;
            }
            true
        })
    }
}

/// Writes a record's payload.
#[derive(Debug)]
pub struct Writer<'r> {
    payload: &'r [AtomicU64],
    pub length: usize,
    /// It does not fit.
    pub overflow: bool,
}

impl<'r> Writer<'r> {
    /// A writer for the record at `cursor`.
    pub fn new(ring: &'r Ring, cursor: Cursor) -> Self {
        let from = Ring::payload(cursor);
        let payload = ring.data.get(from..from + Ring::PAYLOAD / 8).unwrap_or(&[]);
        Self { payload, length: 0, overflow: false }
    }

    /// A writer for what is too large for a record.
    pub fn bulk(memory: &'r RingWithBulk) -> Self {
        Self { payload: &memory.bulk, length: 0, overflow: false }
    }

    /// Address of byte `at` of the payload.
    pub fn address(&self, at: usize) -> u64 {
        self.payload.as_ptr() as u64 + at as u64
    }

    /// The word at byte `at` of the payload.
    pub fn word(&self, at: usize) -> u64 {
        let mut word = [0u8; 8];
        for (byte, place) in word.iter_mut().zip(at..self.length) {
            // SAFETY: within what has been written of the payload.
            *byte = unsafe { *self.payload.as_ptr().cast::<u8>().add(place) };
        }
        u64::from_le_bytes(word)
    }

    /// Rounds up to a whole word.
    pub fn pad(&mut self) {
        self.length = (self.length + 7) & !7;
    }

    /// The next `length` bytes; `None` if there is no room for them.
    fn take(&mut self, length: usize) -> Option<&mut [u8]> {
        let end = self.length.checked_add(length).filter(|&end| end <= 8 * self.payload.len());
        let Some(end) = end else {
            self.overflow = true;
            return None;
        };
        let start = core::mem::replace(&mut self.length, end);
        // SAFETY: within the payload, which only the leader writes, and whose words are atomics, so interior mutable.
        // Followers look at it only after the record is published, with acquire and release in between.
        Some(unsafe {
            core::slice::from_raw_parts_mut(self.payload.as_ptr().cast_mut().cast::<u8>().add(start), length)
        })
    }

    fn put(&mut self, bytes: &[u8]) {
        let Some(place) = self.take(bytes.len()) else { return };
        // SAFETY: `place` has the length of `bytes`, and they don't overlap: one is in the ring.
        unsafe { copy_nonoverlapping(bytes.as_ptr(), place.as_mut_ptr(), bytes.len()) }
    }

    /// Appends the first `width` bytes of `value`, at most eight. Almost all pieces are such, and no general copy is
    /// needed for them: all eight are written, and what follows takes the place of the rest.
    #[inline(always)]
    fn put_word(&mut self, value: u64, width: usize) {
        let width = width.min(8);
        if self.length > (8 * self.payload.len()).saturating_sub(8) {
            return self.put(value.to_le_bytes().get(..width).unwrap_or(&[]));
        }
        // SAFETY: these eight bytes are within the payload, see `take`.
        unsafe {
            let place = self.payload.as_ptr().cast_mut().cast::<u8>().add(self.length);
            place.cast::<u64>().write_unaligned(value);
        }
        self.length += width;
    }

    fn copy<M: Memory>(&mut self, memory: &mut M, address: u64, length: usize) -> usize {
        self.take(length).map_or(length, |place| memory.read(address, place))
    }
}

/// Writes inputs to the record, and remembers what is needed later.
#[derive(Debug)]
pub struct Gathering<'g, 'r> {
    pub writer: &'g mut Writer<'r>,
    pub notes: &'g mut Notes,
}

impl Sink for Gathering<'_, '_> {
    fn part(&mut self, part: Part) {
        if part.depth > 0 {
            self.notes.part(part.argument, self.writer.length);
        }
    }

    fn bytes(&mut self, bytes: &[u8]) {
        self.writer.put(bytes);
    }

    #[inline(always)]
    fn word(&mut self, value: u64, width: usize) {
        self.writer.put_word(value, width);
    }

    fn fill<M: Memory>(&mut self, memory: &mut M, address: u64, length: usize) -> usize {
        self.writer.copy(memory, address, length)
    }

    fn before(&mut self, address: u64, bytes: &[u8]) {
        self.notes.word(address, bytes);
    }
}

impl OutSink for Writer<'_> {
    fn bytes(&mut self, bytes: &[u8]) {
        self.put(bytes);
    }

    #[inline(always)]
    fn length(&mut self, length: u32) {
        self.put_word(length.into(), 4);
    }

    fn fill<M: Memory>(&mut self, memory: &mut M, address: u64, length: usize) {
        self.copy(memory, address, length);
    }

    fn descriptor(&mut self, _: i32) {
        // Calls that receive descriptors are not made in the process.
        self.overflow = true;
    }
}

/// The outputs of a record.
pub fn outputs<'r>(memory: &'r RingWithBulk, cursor: Cursor, head: &Head) -> &'r [u8] {
    bytes(words(memory, cursor, head.outputs_in_bulk()), head.outputs_at(), head.outputs)
}

fn words(memory: &RingWithBulk, cursor: Cursor, bulk: bool) -> &[AtomicU64] {
    if bulk { &memory.bulk } else { memory.ring.data.get(Ring::payload(cursor)..).unwrap_or(&[]) }
}

fn bytes(words: &[AtomicU64], from: usize, length: usize) -> &[u8] {
    let whole = from.checked_add(length).is_some_and(|end| end <= 8 * words.len());
    if !whole {
        return &[];
    }
    // SAFETY: within the words. The leader does not change a record before all followers are done with it; one that
    // has been taken over may, and then what is read is arbitrary bytes, which is all that readers expect.
    unsafe { core::slice::from_raw_parts(words.as_ptr().cast::<u8>().add(from), length) }
}

/// Compares what is gathered with the inputs in a record.
#[derive(Debug)]
pub struct Comparer<'r> {
    /// The inputs, and at most eight bytes behind them: what is short is looked at as a whole word.
    record: &'r [u8],
    /// Bytes of inputs.
    length: usize,
    at: usize,
    differs: bool,
}

impl<'r> Comparer<'r> {
    /// A comparer for the record with this head.
    pub fn new(memory: &'r RingWithBulk, cursor: Cursor, head: &Head) -> Self {
        let words = words(memory, cursor, head.inputs_in_bulk());
        let length = head.inputs.min(8 * words.len());
        Self { record: bytes(words, 0, (length + 8).min(8 * words.len())), length, at: 0, differs: false }
    }

    /// Whether all was equal, and nothing is missing.
    pub fn equal(&self) -> bool {
        !self.differs && self.at == self.length
    }

    fn next(&mut self, length: usize) -> Option<&'r [u8]> {
        let end = self.at.checked_add(length)?;
        let part = self.record.get(self.at..end).filter(|_| end <= self.length);
        self.differs |= part.is_none();
        self.at = end.min(self.length);
        part
    }
}

impl Sink for Comparer<'_> {
    fn part(&mut self, _: Part) {}

    fn bytes(&mut self, bytes: &[u8]) {
        let expected = self.next(bytes.len());
        self.differs |= expected != Some(bytes);
    }

    #[inline(always)]
    fn word(&mut self, value: u64, width: usize) {
        let width = width.min(8);
        let expected = self.record.get(self.at..).and_then(|rest| rest.first_chunk());
        let Some(expected) = expected.filter(|_| self.at + width <= self.length) else {
            return self.bytes(value.to_le_bytes().get(..width).unwrap_or(&[]));
        };
        let other = u64::from_le_bytes(*expected) ^ value;
        // What lies beyond the width is shifted out.
        self.differs |= width != 0 && other << (8 * (8 - width)) != 0;
        self.at += width;
    }

    fn fill<M: Memory>(&mut self, memory: &mut M, address: u64, length: usize) -> usize {
        // Once it differs it does not matter what else there is.
        if self.differs {
            return length;
        }
        let Some(expected) = self.next(length) else { return length };
        match memory.compare(address, expected) {
            Some(got) => got,
            None => {
                self.differs = true;
                length
            }
        }
    }

    fn before(&mut self, _: u64, _: &[u8]) {}
}
