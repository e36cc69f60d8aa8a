//! The monitor's ends of `semantics`: where gathered inputs and collected outputs go.

use std::hash::{BuildHasher, Hasher, RandomState};
use std::sync::LazyLock;

use stretto_semantics::{Before, MAX_BYTES, Memory, OutSink, Part, Sink};

use crate::taskset::{Digests, Inputs};

/// Inputs as large as this are compared by digests: a program's gigabyte does not become the monitor's.
const LARGE: usize = 8 << 20;
/// Buffers of one call that are kept together; digests stand for the rest.
const KEPT: usize = 2 * LARGE;
/// Bytes of numbers and strings, and parts, that a call may have: exec allows 6 MiB, with an address for each string
/// (bprm_stack_limits, fs/exec.c). A call that has more is refused.
const MOST_BYTES: usize = 16 << 20;
const MOST_PARTS: usize = 1 << 20;
/// Bytes of buffers that a call may have: what the kernel takes of one, with some for what surrounds it.
const MOST_BUFFERED: usize = MAX_BYTES as usize + (1 << 20);
/// Bytes that one digest stands for.
pub const WINDOW: usize = 256 << 10;

/// Digests are keyed (SipHash), and nobody else knows the keys: equal ones can't be prepared.
static KEYS: LazyLock<RandomState> = LazyLock::new(RandomState::new);

/// Collects inputs in a [`Vec`]: not so many that a variant could fill the monitor's memory, or keep it reading.
#[derive(Debug)]
pub struct Collector {
    inputs: Inputs,
    bytes: usize,
    buffered: usize,
}

impl Default for Collector {
    /// With room for the inputs of most calls, so that they are not moved while they grow.
    fn default() -> Self {
        let inputs =
            Inputs { bytes: Vec::with_capacity(256), parts: Vec::with_capacity(8), ..Inputs::default() };
        Self { inputs, bytes: 0, buffered: 0 }
    }
}

impl Collector {
    /// Inputs that were gathered before.
    pub fn take(&mut self, bytes: Vec<u8>) {
        self.inputs.bytes = bytes;
    }

    /// What was collected.
    #[must_use]
    pub fn finish(self) -> Inputs {
        Inputs { excessive: self.is_full(), ..self.inputs }
    }
}

impl Sink for Collector {
    fn part(&mut self, part: Part) {
        self.inputs.parts.push((part, self.inputs.bytes.len()));
    }

    fn bytes(&mut self, bytes: &[u8]) {
        self.bytes += bytes.len();
        self.inputs.bytes.extend_from_slice(bytes);
    }

    fn fill<M: Memory>(&mut self, memory: &mut M, address: u64, length: usize) -> usize {
        self.buffered += length;
        if self.is_full() {
            return 0;
        }
        if length < LARGE && self.buffered <= KEPT {
            return append(&mut self.inputs.bytes, memory, address, length);
        }
        let start = self.inputs.bytes.len();
        let got = digest(&mut self.inputs.bytes, memory, address, length);
        self.inputs.digests.push(Digests { start, end: self.inputs.bytes.len() });
        got
    }

    fn before(&mut self, address: u64, bytes: &[u8]) {
        self.inputs.before.push((address, bytes.to_vec()));
    }

    fn is_full(&self) -> bool {
        self.bytes > MOST_BYTES || self.inputs.parts.len() > MOST_PARTS || self.buffered > MOST_BUFFERED
    }
}

/// Appends digests of memory, window by window. Returns how many bytes could be read.
fn digest<M: Memory>(bytes: &mut Vec<u8>, memory: &mut M, address: u64, length: usize) -> usize {
    let mut window = vec![0; WINDOW];
    let mut done = 0;
    while done < length {
        let step = WINDOW.min(length - done);
        let got = memory.read(address.wrapping_add(done as u64), &mut window[..step]).min(step);
        let mut hasher = KEYS.build_hasher();
        hasher.write(&window[..got]);
        bytes.extend_from_slice(&hasher.finish().to_le_bytes());
        done += got;
        if got < step {
            break;
        }
    }
    done
}

/// Appends memory, in steps: a length that a program made up must not cost its size in memory.
fn append<M: Memory>(bytes: &mut Vec<u8>, memory: &mut M, address: u64, length: usize) -> usize {
    const STEP: usize = 1 << 20;
    let start = bytes.len();
    let mut done = 0;
    while done < length {
        let step = STEP.min(length - done);
        bytes.resize(start + done + step, 0);
        let got = memory.read(address.wrapping_add(done as u64), &mut bytes[start + done..]).min(step);
        done += got;
        if got < step {
            break;
        }
    }
    bytes.truncate(start + done);
    done
}

/// Memory as it was before the leader's call.
#[derive(Debug)]
pub struct InputsBefore<'i>(pub &'i Inputs);

impl Before for InputsBefore<'_> {
    fn before(&self, address: u64, buffer: &mut [u8]) -> bool {
        self.0.before.iter().any(|(start, bytes)| {
            let Ok(skip) = usize::try_from(address.wrapping_sub(*start)) else {
                return false;
            };
            let Some(known) = bytes.get(skip..).and_then(|rest| rest.get(..buffer.len())) else {
                return false;
            };
            buffer.copy_from_slice(known);
            true
        })
    }
}

/// Collects outputs.
#[derive(Debug, Default)]
pub struct Outputs {
    stream: Vec<u8>,
    received: Vec<i32>,
}

impl Outputs {
    /// The stream for followers, and the descriptors that came with control data.
    #[must_use]
    pub fn finish(self) -> (Vec<u8>, Vec<i32>) {
        (self.stream, self.received)
    }
}

impl OutSink for Outputs {
    fn bytes(&mut self, bytes: &[u8]) {
        self.stream.extend_from_slice(bytes);
    }

    fn fill<M: Memory>(&mut self, memory: &mut M, address: u64, length: usize) {
        let start = self.stream.len();
        append(&mut self.stream, memory, address, length);
        self.stream.resize(start + length, 0);
    }

    fn descriptor(&mut self, fd: i32) {
        self.received.push(fd);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Memory that has the same byte everywhere.
    struct Endless;

    impl Memory for Endless {
        fn read(&mut self, _: u64, buffer: &mut [u8]) -> usize {
            buffer.fill(b'x');
            buffer.len()
        }

        fn write(&mut self, _: u64, _: &[u8]) -> usize {
            0
        }
    }

    fn part() -> Part {
        Part { argument: 0, depth: 1, node: 0, field: 0, address: 1 }
    }

    /// What is collected while there is room for it.
    fn collected(mut more: impl FnMut(&mut Collector)) -> Inputs {
        let mut collector = Collector::default();
        while !collector.is_full() {
            more(&mut collector);
        }
        collector.finish()
    }

    #[test]
    fn strings_without_end_do_not_fill_memory() {
        let inputs = collected(|collector| {
            collector.part(part());
            collector.bytes(&[b'x'; 128 << 10]);
        });
        assert!(inputs.excessive && inputs.bytes.len() <= MOST_BYTES + (128 << 10));
    }

    #[test]
    fn parts_without_end_do_not_fill_memory() {
        let inputs = collected(|collector| collector.part(part()));
        assert!(inputs.excessive && inputs.parts.len() == MOST_PARTS + 1);
    }

    #[test]
    fn many_buffers_are_kept_in_part_and_compared_to_the_end() {
        let mut collector = Collector::default();
        for _ in 0..100 {
            collector.part(part());
            assert_eq!(collector.fill(&mut Endless, 1, 1 << 20), 1 << 20);
        }
        let inputs = collector.finish();
        assert!(!inputs.excessive && inputs.bytes.len() < KEPT + (1 << 20));
        assert_eq!(inputs.digests.len(), 100 - KEPT / (1 << 20));
    }

    #[test]
    fn the_same_buffer_without_end_is_not_read_for_ever() {
        #[allow(clippy::cast_possible_truncation)] // below 2 GiB
        let half = MAX_BYTES as usize / 2 + (1 << 20);
        let mut collector = Collector { buffered: half, ..Collector::default() };
        assert_eq!(collector.fill(&mut Endless, 1, half), 0);
        assert!(collector.finish().excessive);
    }

    #[test]
    fn what_one_call_may_write_is_not_excessive() {
        #[allow(clippy::cast_possible_truncation)] // below 2 GiB
        let most = MAX_BYTES as usize;
        let collector = Collector { buffered: most, ..Collector::default() };
        assert!(!collector.finish().excessive);
    }
}
