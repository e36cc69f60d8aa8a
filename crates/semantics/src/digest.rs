//! A digest of a call's inputs, for who must not take another's word for them.

use stretto_abi::digest::Digest;
use stretto_abi::table::Table;

use crate::canon::Canon;
use crate::gather::{Part, Sink, gather};
use crate::memory::Memory;

/// Bytes of memory that are looked at together.
const CHUNK: usize = 256;

struct Digester(Digest);

impl Sink for Digester {
    fn part(&mut self, _: Part) {}

    fn bytes(&mut self, bytes: &[u8]) {
        self.0.bytes(bytes);
    }

    fn fill<M: Memory>(&mut self, memory: &mut M, address: u64, length: usize) -> usize {
        let mut chunk = [0u8; CHUNK];
        let mut done = 0;
        while done < length {
            let want = CHUNK.min(length - done);
            let got =
                chunk.get_mut(..want).map_or(0, |part| memory.read(address.wrapping_add(done as u64), part));
            self.0.bytes(chunk.get(..got).unwrap_or(&[]));
            done += got;
            if got < want {
                break;
            }
        }
        done
    }

    fn before(&mut self, _: u64, _: &[u8]) {}
}

/// The digest of what [`gather`] gives for a call with the number `record` among those of its thread.
pub fn digest<M: Memory, C: Canon>(
    table: &Table<'_>,
    (row, nodes): (u32, &[u32; 6]),
    args: &[u64; 6],
    memory: &mut M,
    canon: &C,
    (key, record): ([u64; 2], u32),
) -> u64 {
    let mut digester = Digester(Digest::new(key));
    digester.0.bytes(&record.to_le_bytes());
    digester.0.bytes(&row.to_le_bytes());
    gather(table, nodes, args, memory, canon, &mut digester);
    digester.0.finish()
}
