//! The agent's code, built and checked by `build.rs`.

/// Its bytes, as they lie in memory, before relocation.
pub static BYTES: &[u8] = include_bytes!(concat!(env!("OUT_DIR"), "/agent.bin"));

include!(concat!(env!("OUT_DIR"), "/agent.rs"));

/// Where a thread goes on that faults in the agent between the first two offsets: the program gave a bad address.
const FIXUPS: [(u64, u64, u64); 4] = [
    (COPY_BACK, COPY_BEGIN, COPY_BEGIN),
    (COPY_BEGIN, COPY_END, COPY_END),
    (COMPARE_WIDE, COMPARE_TAIL, COMPARE_TAIL),
    (COMPARE_BYTE, COMPARE_END, COMPARE_END),
];

/// Where a thread goes on that faults at `offset`; `None`: that is no access to the program's memory.
#[must_use]
pub fn fixup(offset: u64) -> Option<u64> {
    FIXUPS.iter().find(|(begin, end, _)| (*begin..*end).contains(&offset)).map(|(_, _, next)| *next)
}
