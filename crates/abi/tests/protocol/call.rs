//! Calls: what everybody expects of them follows from their number.

use std::sync::atomic::Ordering;

use stretto_abi::ring::{Cursor, Shared};

/// When the leader executes a call that it makes in the process.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Mode {
    Lockstep,
    Ahead,
}

/// One call of the program.
#[derive(Clone, Copy, Debug)]
pub struct Call {
    /// Its place in the program.
    pub number: u32,
    pub mode: Mode,
    /// Bit per variant that makes it in the process; in the others it stops in the monitor.
    pub patched: u32,
    /// Bytes of inputs and outputs.
    pub inputs: usize,
    pub outputs: usize,
}

/// Words of arguments behind a record's outputs. What they mean is no part of the protocol, so one is enough where
/// every word costs.
const ARGUMENTS: usize = if cfg!(loom) { 1 } else { 6 };

impl Call {
    pub fn in_process(&self, variant: usize) -> bool {
        self.patched & 1 << variant != 0
    }

    pub fn nr(&self) -> u32 {
        self.number
    }

    pub fn result(&self) -> i64 {
        self.word(3, 0).cast_signed()
    }

    pub fn input_words(&self) -> impl Iterator<Item = u64> {
        self.words(0, self.inputs.div_ceil(8))
    }

    pub fn output_words(&self) -> impl Iterator<Item = u64> {
        self.words(1, self.outputs.div_ceil(8))
    }

    pub fn arguments(&self) -> impl Iterator<Item = u64> {
        self.words(2, ARGUMENTS)
    }

    fn words(&self, what: u64, count: usize) -> impl Iterator<Item = u64> {
        let call = *self;
        (0..count as u64).map(move |place| call.word(what, place))
    }

    /// Differs from every other word: of another call, of another part, of another place.
    fn word(&self, what: u64, place: u64) -> u64 {
        (u64::from(self.number) + 1) << 32 | what << 30 | place
    }
}

/// Writes words at byte `at` of the payload; `None`: there is no room.
pub fn put<const WORDS: usize>(
    ring: &Shared<WORDS>,
    cursor: Cursor,
    at: usize,
    words: impl Iterator<Item = u64>,
) -> Option<()> {
    let first = Shared::<WORDS>::payload(cursor) + at / 8;
    for (word, place) in words.zip(first..) {
        ring.data.get(place)?.store(word, Ordering::Relaxed);
    }
    Some(())
}

/// Whether just these words stand at byte `at` of the payload.
pub fn same<const WORDS: usize>(
    ring: &Shared<WORDS>,
    cursor: Cursor,
    at: usize,
    words: impl Iterator<Item = u64>,
) -> bool {
    let first = Shared::<WORDS>::payload(cursor) + at / 8;
    words
        .zip(first..)
        .all(|(word, place)| ring.data.get(place).is_some_and(|there| there.load(Ordering::Relaxed) == word))
}
