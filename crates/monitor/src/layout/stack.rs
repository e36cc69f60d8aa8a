//! The stack that exec builds: argc, argv, envp, auxiliary vector, strings (System V ABI for x86-64, 3.4.1).

use std::ops::Range;

/// Where the auxiliary vector stands in the bytes from the stack pointer upwards.
#[derive(Clone, Debug)]
pub struct Auxv {
    /// Byte offset of the first pair.
    start: usize,
    pairs: Vec<(u64, u64)>,
}

fn word(bytes: &[u8], at: usize) -> Option<u64> {
    Some(u64::from_le_bytes(bytes.get(at..at + 8)?.try_into().ok()?))
}

fn put(bytes: &mut [u8], at: usize, value: u64) {
    if let Some(place) = bytes.get_mut(at..at + 8) {
        place.copy_from_slice(&value.to_le_bytes());
    }
}

impl Auxv {
    /// Finds the vector in a fresh stack. `None` if the bytes are no fresh stack.
    #[must_use]
    pub fn find(bytes: &[u8]) -> Option<Self> {
        let argc = usize::try_from(word(bytes, 0)?).ok()?;
        let mut at = argc.checked_add(2)?.checked_mul(8)?;
        while word(bytes, at)? != 0 {
            at += 8;
        }
        let start = at + 8;
        let mut pairs = Vec::new();
        let mut at = start;
        loop {
            let pair = (word(bytes, at)?, word(bytes, at + 8)?);
            pairs.push(pair);
            if pair.0 == 0 {
                return Some(Self { start, pairs });
            }
            at += 16;
        }
    }

    /// The value of the first entry with this key.
    #[must_use]
    pub fn get(&self, key: u64) -> Option<u64> {
        self.pairs.iter().find(|pair| pair.0 == key).map(|pair| pair.1)
    }

    /// Changes the value of an entry, here and in `bytes`.
    pub fn set(&mut self, bytes: &mut [u8], key: u64, value: u64) {
        if let Some(index) = self.pairs.iter().position(|pair| pair.0 == key) {
            self.pairs[index].1 = value;
            put(bytes, self.start + 16 * index + 8, value);
        }
    }

    /// Changes the key of an entry, here and in `bytes`.
    pub fn rename(&mut self, bytes: &mut [u8], key: u64, to: u64) {
        if let Some(index) = self.pairs.iter().position(|pair| pair.0 == key) {
            self.pairs[index].0 = to;
            put(bytes, self.start + 16 * index, to);
        }
    }
}

/// Adds `delta` to every pointer into `range` in argv, envp and the auxiliary vector.
pub fn rebase(bytes: &mut [u8], range: Range<u64>, delta: u64) {
    let Some(auxv) = Auxv::find(bytes) else {
        return;
    };
    let end = auxv.start + 16 * auxv.pairs.len();
    for at in (8..end.min(bytes.len())).step_by(8) {
        if let Some(value) = word(bytes, at).filter(|value| range.contains(value)) {
            put(bytes, at, value.wrapping_add(delta));
        }
    }
}
