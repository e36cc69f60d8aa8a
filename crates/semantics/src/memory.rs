/// The memory of a variant.
pub trait Memory {
    /// Reads up to `buffer.len()` bytes; returns how many came before the first that can't be read.
    fn read(&mut self, address: u64, buffer: &mut [u8]) -> usize;
    /// Compares memory with `expected`: how many bytes could be read, all of them equal; `None` if one differs.
    fn compare(&mut self, address: u64, expected: &[u8]) -> Option<usize> {
        let mut chunk = [0u8; 256];
        let mut done = 0;
        while let Some(rest) = expected.get(done..).filter(|rest| !rest.is_empty()) {
            let want = rest.len().min(chunk.len());
            let part = chunk.get_mut(..want)?;
            let got = self.read(address.wrapping_add(done as u64), part).min(want);
            if part.get(..got) != rest.get(..got) {
                return None;
            }
            done += got;
            if got < want {
                break;
            }
        }
        Some(done)
    }
    /// These ranges (address, length) will be read next: memory that is far away can fetch them together.
    fn announce(&mut self, _ranges: &[(u64, usize)]) {}
    /// Writes `data`; returns how many bytes were written before the first that can't be.
    fn write(&mut self, address: u64, data: &[u8]) -> usize;
}

/// Memory as it was before a call.
pub trait Before {
    /// Fills `buffer` if the whole range is known.
    fn before(&self, address: u64, buffer: &mut [u8]) -> bool;
}

/// Nothing has been overwritten yet.
#[derive(Clone, Copy, Debug)]
pub struct NoBefore;

impl Before for NoBefore {
    fn before(&self, _: u64, _: &mut [u8]) -> bool {
        false
    }
}

/// A little-endian integer of up to eight bytes; 0 where nothing can be read.
pub(crate) fn integer<M: Memory>(memory: &mut M, address: u64, width: u32) -> u64 {
    let mut bytes = [0u8; 8];
    let width = (width as usize).min(8);
    let whole = bytes.get_mut(..width).is_some_and(|part| memory.read(address, part) == width);
    if whole { u64::from_le_bytes(bytes) } else { 0 }
}
