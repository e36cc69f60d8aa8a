//! The monitor's ends of `semantics`: where gathered inputs and collected outputs go.

use std::hash::{BuildHasher, Hasher, RandomState};
use std::sync::LazyLock;

use stretto_semantics::{Before, Memory, OutSink, Part, Sink};

use crate::taskset::{Digests, Inputs};

/// Inputs as large as this are compared by digests: a program's gigabyte does not become the monitor's.
const LARGE: usize = 8 << 20;
/// Bytes that one digest stands for.
pub const WINDOW: usize = 256 << 10;

/// Digests are keyed (SipHash), and nobody else knows the keys: equal ones can't be prepared.
static KEYS: LazyLock<RandomState> = LazyLock::new(RandomState::new);

/// Collects inputs in a [`Vec`].
#[derive(Debug)]
pub struct Collector(Inputs);

impl Default for Collector {
    /// With room for the inputs of most calls, so that they are not moved while they grow.
    fn default() -> Self {
        Self(Inputs { bytes: Vec::with_capacity(256), parts: Vec::with_capacity(8), ..Inputs::default() })
    }
}

impl Collector {
    /// Inputs that were gathered before.
    pub fn take(&mut self, bytes: Vec<u8>) {
        self.0.bytes = bytes;
    }

    /// What was collected.
    #[must_use]
    pub fn finish(self) -> Inputs {
        self.0
    }
}

impl Sink for Collector {
    fn part(&mut self, part: Part) {
        self.0.parts.push((part, self.0.bytes.len()));
    }

    fn bytes(&mut self, bytes: &[u8]) {
        self.0.bytes.extend_from_slice(bytes);
    }

    fn fill<M: Memory>(&mut self, memory: &mut M, address: u64, length: usize) -> usize {
        if length < LARGE {
            return append(&mut self.0.bytes, memory, address, length);
        }
        let start = self.0.bytes.len();
        let got = digest(&mut self.0.bytes, memory, address, length);
        self.0.digests.push(Digests { start, end: self.0.bytes.len() });
        got
    }

    fn before(&mut self, address: u64, bytes: &[u8]) {
        self.0.before.push((address, bytes.to_vec()));
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
