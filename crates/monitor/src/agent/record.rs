//! Records of a ring, copied: what the monitor looks at must not change meanwhile.

use std::sync::atomic::Ordering;

use stretto_abi::ring::{Cursor, Head, Phase, Ring, beyond};

/// A record of the ring, copied.
#[derive(Debug)]
pub struct Record {
    pub head: Head,
    pub inputs: Vec<u8>,
    pub outputs: Vec<u8>,
    pub args: [u64; 6],
}

impl Record {
    /// Copies what the leader has written; as much as there is.
    #[must_use]
    pub fn copy(ring: &Ring, cursor: Cursor, head: Head) -> Self {
        let from = Ring::payload(cursor);
        let words = |at: usize, bytes: usize| -> Vec<u8> {
            let first = from + at / 8;
            let last = (first + bytes.div_ceil(8)).min(ring.data.len());
            let words = ring.data.get(first..last).unwrap_or(&[]).iter();
            let mut bytes_of: Vec<u8> =
                words.flat_map(|word| word.load(Ordering::Relaxed).to_le_bytes()).collect();
            bytes_of.truncate(bytes);
            bytes_of
        };
        let arguments = words(head.arguments_at(), 48);
        let word = |index: usize| {
            arguments
                .get(8 * index..8 * index + 8)
                .and_then(|bytes| bytes.try_into().ok())
                .map_or(0, u64::from_le_bytes)
        };
        Self {
            inputs: words(0, head.inputs),
            outputs: words(head.outputs_at(), head.outputs),
            args: std::array::from_fn(word),
            head,
        }
    }
}

/// The last calls that `variant` has made in the process, newest first, as the leader has recorded them.
pub fn last_calls(ring: &Ring, variant: usize, most: usize) -> Vec<Record> {
    let end = ring.cursor(variant).number;
    ring.backwards(ring.cursor(0))
        .filter(|(cursor, head)| head.phase == Phase::Done && beyond(end, cursor.number))
        .take(most)
        .map(|(cursor, head)| Record::copy(ring, cursor, head))
        .collect()
}
