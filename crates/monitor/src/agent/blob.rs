//! The agent's code, built and checked by `build.rs`.

use stretto_abi::context::SLOT;

/// Its bytes, as they lie in memory, before relocation.
pub static BYTES: &[u8] = include_bytes!(concat!(env!("OUT_DIR"), "/agent.bin"));

include!(concat!(env!("OUT_DIR"), "/agent.rs"));

/// The first page of a slot holds the context, or what lies apart; a quarter of the rest stays unused.
const _: () = assert!(STACK <= (SLOT - 4096) / 4 * 3, "the agent needs more stack than its threads have");

/// Where a thread goes on that faults in the agent between the first two offsets: the program gave a bad address.
const FIXUPS: [(u64, u64, u64); 4] = [
    (COPY_VECTORS, COPY_BEGIN, COPY_BEGIN),
    (COPY_BEGIN, COPY_END, COPY_END),
    (COMPARE_WIDE, COMPARE_TAIL, COMPARE_TAIL),
    (COMPARE_BYTE, COMPARE_END, COMPARE_END),
];

/// Where a thread goes on that faults at `offset`; `None`: that is no access to the program's memory.
#[must_use]
pub fn fixup(offset: u64) -> Option<u64> {
    FIXUPS.iter().find(|(begin, end, _)| (*begin..*end).contains(&offset)).map(|(_, _, next)| *next)
}
