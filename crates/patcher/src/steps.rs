//! In which order the bytes of a patch are written while threads may be executing them.
//!
//! A processor may see one byte of an instruction changed and another not, so an instruction is never changed while one
//! can begin to execute it: its first byte is made to trap, then the rest is written, then the first byte. The first
//! byte of the `syscall` is replaced by `int3` meanwhile; those of displaced instructions trap in the patch anyway.
//! Between two steps every processor has to forget what it has fetched (Intel SDM volume 3, 10.1.3; the kernel does
//! the same with its own text, arch/x86/kernel/alternative.c).
//!
//! Of an instruction behind the end of the flow only the first byte is known. If it begins one byte further, that byte
//! is the last of the jump and is all of the instruction that changes.

use std::collections::BTreeMap;

use crate::Patch;

const INT3: u8 = 0xcc;

/// Bytes to be written.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Write {
    pub address: u64,
    pub bytes: Vec<u8>,
}

/// What to write in each step, in this order.
pub type Steps = [Vec<Write>; 3];

/// All steps at once, where nobody executes the code.
#[must_use]
pub fn whole(steps: &Steps) -> Write {
    let mut bytes = BTreeMap::new();
    for write in steps.iter().flatten() {
        bytes.extend((write.address..).zip(write.bytes.iter().copied()));
    }
    let address = bytes.keys().next().copied().unwrap_or_default();
    Write { address, bytes: bytes.into_values().collect() }
}

impl Patch {
    /// How the program's bytes become those of the patch.
    #[must_use]
    pub fn steps_in(&self) -> Steps {
        let trap = std::iter::once((0, INT3)).chain(self.head_bytes(self.window()));
        [
            self.writes(trap),
            self.writes(self.other_bytes(self.window())),
            self.writes([(0, self.window()[0])]),
        ]
    }

    /// How they become the program's again.
    #[must_use]
    pub fn steps_out(&self) -> Steps {
        let heads = self.head_bytes(self.original());
        [
            self.writes([(0, INT3)]),
            self.writes(self.other_bytes(self.original())),
            self.writes(heads.chain([(0, self.original()[0])])),
        ]
    }

    fn head_bytes<'b>(&'b self, bytes: &'b [u8]) -> impl Iterator<Item = (usize, u8)> + 'b {
        self.heads().iter().map(|&offset| (offset, bytes[offset]))
    }

    fn other_bytes<'b>(&'b self, bytes: &'b [u8]) -> impl Iterator<Item = (usize, u8)> + 'b {
        let is_head = |offset: &usize| *offset == 0 || self.heads().contains(offset);
        (0..bytes.len()).filter(move |offset| !is_head(offset)).map(|offset| (offset, bytes[offset]))
    }

    /// Neighbours are written at once.
    fn writes(&self, bytes: impl IntoIterator<Item = (usize, u8)>) -> Vec<Write> {
        let mut writes: Vec<Write> = Vec::new();
        for (offset, byte) in bytes {
            let address = self.address() + offset as u64;
            match writes.last_mut() {
                Some(last) if last.address + last.bytes.len() as u64 == address => last.bytes.push(byte),
                _ => writes.push(Write { address, bytes: vec![byte] }),
            }
        }
        writes
    }
}
