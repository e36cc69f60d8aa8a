//! A finished patch: the bytes, and how places in the program and in the stub correspond.

use core::ops::Range;

use crate::stub::Stub;

/// What to write where, and what the places mean afterwards.
#[derive(Clone, Debug)]
pub struct Patch {
    address: u64,
    original: Vec<u8>,
    window: Vec<u8>,
    stub: u64,
    stub_bytes: Vec<u8>,
    native: Vec<(u64, u64)>,
    copies: Vec<(u64, u64)>,
    heads: Vec<usize>,
}

/// The bytes of one place in the program: as they are, and as a patch makes them.
#[derive(Clone, Debug)]
pub(crate) struct Bytes {
    pub original: Vec<u8>,
    pub window: Vec<u8>,
    /// Offsets in them at which displaced instructions begin, and what follows the end of the flow.
    pub heads: Vec<usize>,
}

impl Patch {
    pub(crate) fn new(address: u64, bytes: Bytes, stub: u64, text: Stub) -> Self {
        let Bytes { original, window, heads } = bytes;
        let Stub { bytes: stub_bytes, native, copies } = text;
        Self { address, original, window, stub, stub_bytes, native, copies, heads }
    }

    pub(crate) fn heads(&self) -> &[usize] {
        &self.heads
    }

    /// Address of the `syscall` instruction, where the window begins.
    pub fn address(&self) -> u64 {
        self.address
    }

    /// The bytes of the program that the window replaces.
    pub fn original(&self) -> &[u8] {
        &self.original
    }

    /// The bytes to write at [`Patch::address`]: the jump to the stub, and `int3` where displaced
    /// instructions stick out. As long as [`Patch::original`].
    pub fn window(&self) -> &[u8] {
        &self.window
    }

    /// Address of the stub.
    pub fn stub(&self) -> u64 {
        self.stub
    }

    /// The bytes to write there, before the window is.
    pub fn stub_bytes(&self) -> &[u8] {
        &self.stub_bytes
    }

    /// For each displaced instruction behind the `syscall` its address in the program and that of its copy in
    /// the stub. The first is site+2 with [`DONE`](crate::DONE).
    pub fn copies(&self) -> &[(u64, u64)] {
        &self.copies
    }

    /// Whether `rip` is in the stub.
    pub fn in_stub(&self, rip: u64) -> bool {
        range(self.stub, &self.stub_bytes).contains(&rip)
    }

    /// Whether `rip` is in the bytes of the program that the patch overwrites.
    pub fn in_window(&self, rip: u64) -> bool {
        range(self.address, &self.window).contains(&rip)
    }

    /// Where the program would be natively when a thread is at `rip` in the stub: at the site up to the
    /// traced `syscall`, behind it until the copies begin, then at the original of each copy. The jumps
    /// behind the copy of a `loop` or `jrcxz` stand for where that goes, as the counter has been decremented.
    /// The jump at the end stands for the first instruction that was not displaced.
    ///
    /// Before `done` RCX is the stub's: behind the traced `syscall` it must become site+2, as the kernel
    /// would have left it.
    pub fn program_address(&self, rip: u64) -> Option<u64> {
        if !self.in_stub(rip) {
            return None;
        }
        let after = self.native.partition_point(|&(begin, _)| begin <= rip);
        after.checked_sub(1).map(|index| self.native[index].1)
    }

    /// Where a thread goes on that trapped in the window; `rip` is the address of the byte that trapped (for
    /// an `int3` the kernel reports the one behind it). `None` if no instruction is known to begin there:
    /// restore the original bytes and let the program go on as it would.
    pub fn copy_of(&self, rip: u64) -> Option<u64> {
        self.copies.iter().find(|&&(at, _)| at == rip).map(|&(_, copy)| copy)
    }
}

fn range(begin: u64, bytes: &[u8]) -> Range<u64> {
    begin..begin + bytes.len() as u64
}
