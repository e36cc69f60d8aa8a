//! A stopped variant's memory for `semantics`.

use stretto_semantics::Memory;
use stretto_tracee::Remote;

/// Bytes that are fetched at once for small reads: a structure's fields cost one system call together.
const WINDOW: usize = 256;

/// Memory of a variant that is stopped as long as this value lives, so small reads may be remembered.
#[derive(Debug)]
pub struct VariantMemory {
    remote: Remote,
    start: u64,
    length: usize,
    window: [u8; WINDOW],
}

impl VariantMemory {
    /// Nothing is remembered yet.
    #[must_use]
    pub fn new(remote: Remote) -> Self {
        Self { remote, start: 0, length: 0, window: [0; WINDOW] }
    }

    fn remembered(&self, address: u64, length: usize) -> Option<&[u8]> {
        let skip = usize::try_from(address.checked_sub(self.start)?).ok()?;
        self.window[..self.length].get(skip..skip.checked_add(length)?)
    }
}

impl Memory for VariantMemory {
    fn read(&mut self, address: u64, buffer: &mut [u8]) -> usize {
        if buffer.len() > WINDOW / 2 {
            return self.remote.read(address, buffer);
        }
        if self.remembered(address, buffer.len()).is_none() {
            // Not beyond the page: the next one may not be there.
            let page_left = 4096 - (address % 4096) as usize;
            let want = WINDOW.min(page_left);
            self.start = address;
            self.length = self.remote.read(address, &mut self.window[..want]);
        }
        match self.remembered(address, buffer.len()) {
            Some(bytes) => {
                buffer.copy_from_slice(bytes);
                buffer.len()
            }
            None => self.remote.read(address, buffer),
        }
    }

    fn write(&mut self, address: u64, data: &[u8]) -> usize {
        self.length = 0;
        self.remote.write(address, data)
    }
}
