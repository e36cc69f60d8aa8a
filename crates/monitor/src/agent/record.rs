//! Records of a ring, copied: what the monitor looks at must not change meanwhile.

use std::sync::atomic::{AtomicU64, Ordering};

use stretto_abi::ring::{Cursor, Head, Phase, Ring, beyond};

use super::ring_memory::RingMemory;
use super::words::copy;

/// A record of the ring, copied.
#[derive(Debug)]
pub struct Record {
    pub head: Head,
    pub inputs: Vec<u8>,
    pub outputs: Vec<u8>,
    pub args: [u64; 6],
}

impl Record {
    /// Copies what the leader has written; as much as there is. What lay in the bulk and has been written over since is
    /// missing.
    #[must_use]
    pub fn copy(ring: &RingMemory, cursor: Cursor, head: Head) -> Self {
        let payload = ring.data.get(Ring::payload(cursor)..).unwrap_or(&[]);
        let kept = ring.posts[0].bulk.load(Ordering::Relaxed) == Ring::behind(cursor, &head).at;
        let bulk = if kept || head.phase == Phase::Published { ring.bulk() } else { &[] };
        let place = |in_bulk: bool| if in_bulk { bulk } else { payload };
        Self {
            inputs: bytes(place(head.inputs_in_bulk()), 0, head.inputs),
            outputs: bytes(place(head.outputs_in_bulk()), head.outputs_at(), head.outputs),
            args: ring.arguments(cursor, &head),
            head,
        }
    }
}

fn bytes(words: &[AtomicU64], at: usize, length: usize) -> Vec<u8> {
    let there = (8 * words.len()).saturating_sub(at);
    let mut bytes = vec![0; length.min(there)];
    copy(words, at, &mut bytes);
    bytes
}

/// The last calls that `variant` has made in the process, newest first, with their arguments, as the leader has recorded
/// them.
pub fn last_calls(ring: &Ring, variant: usize, most: usize) -> Vec<(Head, [u64; 6])> {
    let end = ring.cursor(variant).number;
    ring.backwards(ring.cursor(0))
        .filter(|(cursor, head)| head.phase == Phase::Done && beyond(end, cursor.number))
        .take(most)
        .map(|(cursor, head)| (head, ring.arguments(cursor, &head)))
        .collect()
}
