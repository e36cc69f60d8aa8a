//! A stopped variant's memory for `semantics`.

use stretto_semantics::Memory;
use stretto_tracee::Remote;

use crate::agent::ring_memory::RingMemory;
use crate::agent::territory;

/// Bytes that are fetched at once for small reads: a structure's fields cost one system call together.
const WINDOW: usize = 256;

/// At most so many bytes of announced ranges are fetched together; copying more costs more than a request.
const TOGETHER: usize = 64 << 10;

/// Memory of a variant that does not run as long as this value lives, so small reads may be remembered.
#[derive(Debug)]
pub struct VariantMemory {
    remote: Remote,
    start: u64,
    length: usize,
    window: [u8; WINDOW],
    announced: Announced,
}

/// Ranges that were fetched together, and their bytes one behind the other.
#[derive(Debug, Default)]
struct Announced {
    ranges: Vec<(u64, usize)>,
    bytes: Vec<u8>,
}

impl Announced {
    /// The bytes of exactly this range, if they are here.
    fn find(&self, address: u64, length: usize) -> Option<&[u8]> {
        let mut at = 0;
        for &(start, size) in &self.ranges {
            if start == address && size == length {
                return self.bytes.get(at..at + size);
            }
            at += size;
        }
        None
    }
}

impl VariantMemory {
    /// Nothing is remembered yet.
    #[must_use]
    pub fn new(remote: Remote) -> Self {
        Self { remote, start: 0, length: 0, window: [0; WINDOW], announced: Announced::default() }
    }

    fn remembered(&self, address: u64, length: usize) -> Option<&[u8]> {
        let skip = usize::try_from(address.checked_sub(self.start)?).ok()?;
        self.window[..self.length].get(skip..skip.checked_add(length)?)
    }
}

/// What a leader at the gate gives the kernel: what its agent has published in its ring, or memory of the program.
#[derive(Debug)]
pub struct Presented<'r> {
    memory: VariantMemory,
    ring: &'r RingMemory,
    /// All that was read could be read to its end, and nothing lies elsewhere among what belongs to agents, some of which
    /// other processes may write.
    pub is_sound: bool,
}

impl<'r> Presented<'r> {
    /// Nothing has been read yet.
    #[must_use]
    pub fn new(remote: Remote, ring: &'r RingMemory) -> Self {
        Self { memory: VariantMemory::new(remote), ring, is_sound: true }
    }
}

impl Memory for Presented<'_> {
    fn read(&mut self, address: u64, buffer: &mut [u8]) -> usize {
        // Who shares the leader's memory can write it, and nobody else: children don't have it.
        let published = self.ring.read_leaders(address, buffer);
        let got = published.unwrap_or_else(|| self.memory.read(address, buffer));
        self.is_sound &= got == buffer.len() && (published.is_some() || !territory::is_within(address));
        got
    }

    fn announce(&mut self, ranges: &[(u64, usize)]) {
        self.memory.announce(ranges);
    }

    fn write(&mut self, address: u64, data: &[u8]) -> usize {
        self.memory.write(address, data)
    }
}

impl Memory for VariantMemory {
    fn read(&mut self, address: u64, buffer: &mut [u8]) -> usize {
        if let Some(bytes) = self.announced.find(address, buffer.len()) {
            buffer.copy_from_slice(bytes);
            return buffer.len();
        }
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

    fn announce(&mut self, ranges: &[(u64, usize)]) {
        let size = ranges.iter().map(|(_, length)| length).sum::<usize>().min(TOGETHER);
        self.announced.ranges = ranges.to_vec();
        self.announced.bytes.resize(size, 0);
        let got = self.remote.read_ranges(ranges, &mut self.announced.bytes);
        self.announced.bytes.truncate(got);
    }

    fn write(&mut self, address: u64, data: &[u8]) -> usize {
        self.length = 0;
        self.announced = Announced::default();
        self.remote.write(address, data)
    }
}
