//! The monitor's ends of `semantics`: where gathered inputs and collected outputs go.

use stretto_semantics::{Before, OutSink, Part, Sink};

use crate::taskset::Inputs;

/// Collects inputs in a [`Vec`].
#[derive(Debug, Default)]
pub struct Collector(Inputs);

impl Collector {
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

    fn before(&mut self, address: u64, bytes: &[u8]) {
        self.0.before.push((address, bytes.to_vec()));
    }
}

/// Memory as it was before the leader's call.
#[derive(Debug)]
pub struct InputsBefore<'i>(pub &'i Inputs);

impl Before for InputsBefore<'_> {
    fn before(&self, address: u64, buffer: &mut [u8]) -> bool {
        self.0.before.iter().any(|(start, bytes)| {
            let Ok(skip) = usize::try_from(address.wrapping_sub(*start)) else { return false };
            let Some(known) = bytes.get(skip..).and_then(|rest| rest.get(..buffer.len())) else { return false };
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

    fn descriptor(&mut self, fd: i32) {
        self.received.push(fd);
    }
}
