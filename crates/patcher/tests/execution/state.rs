//! What a run begins with and ends with.

use crate::cpu_unsafe::{Processor, VECTORS};
use crate::rng::Rng;

/// CF, PF, AF, ZF, SF, DF, OF, ID: what programs can set without consequences.
const FLAGS: u64 = 0x0020_0cd5;
/// The bit that is always set, and IF.
const FIXED_FLAGS: u64 = 0x202;
pub const TRAP_FLAG: u64 = 0x100;

/// How a run ended.
#[derive(Clone, PartialEq, Eq)]
pub struct Outcome {
    pub processor: Processor,
    pub memory: Vec<u8>,
    /// The signal, and where the program would natively be.
    pub fault: Option<(i32, u64)>,
}

/// Random registers, flags and vectors. `parts` are those that the XSAVE area has.
pub fn random(rng: &mut Rng, parts: u64) -> Processor {
    let mut registers = [0; 16];
    for register in &mut registers {
        // Small numbers make divisions and conditions interesting.
        *register = if rng.one_in(3) { rng.below(4) } else { rng.next() };
    }
    let flags = rng.next() & FLAGS | FIXED_FLAGS;
    let mut vectors = vec![0; VECTORS];
    rng.fill(&mut vectors);
    legacy(rng, &mut vectors);
    // The header: the standard format with all parts.
    vectors[512..576].fill(0);
    vectors[512..520].copy_from_slice(&parts.to_le_bytes());
    Processor { registers, flags, vectors }
}

/// The first 512 bytes (Intel SDM volume 1, table 10-2), with all exceptions masked.
fn legacy(rng: &mut Rng, vectors: &mut [u8]) {
    let control = 0x037f | rng.next() as u16 & 0x0c00;
    let status = rng.next() as u16 & 0x7f00 & !0x80;
    vectors[0..2].copy_from_slice(&control.to_le_bytes());
    vectors[2..4].copy_from_slice(&status.to_le_bytes());
    vectors[5..24].fill(0);
    let mxcsr = 0x1f80 | rng.next() as u32 & 0xe07f;
    vectors[24..28].copy_from_slice(&mxcsr.to_le_bytes());
    vectors[28..32].fill(0);
    for register in 0..8 {
        vectors[32 + register * 16 + 10..32 + register * 16 + 16].fill(0);
    }
    vectors[416..512].fill(0);
}

impl Outcome {
    /// What differs, in words.
    pub fn difference(&self, other: &Self) -> Option<String> {
        let mut found = Vec::new();
        for (index, (one, two)) in self.processor.registers.iter().zip(&other.processor.registers).enumerate()
        {
            if one != two {
                found.push(format!("register {index}: {one:#x}, {two:#x}"));
            }
        }
        if self.processor.flags != other.processor.flags {
            found.push(format!("flags: {:#x}, {:#x}", self.processor.flags, other.processor.flags));
        }
        if self.fault != other.fault {
            found.push(format!("fault: {:x?}, {:x?}", self.fault, other.fault));
        }
        // XSTATE_BV only says which parts the processor tracks as used.
        let vectors = (0..VECTORS).filter(|byte| !(512..520).contains(byte));
        let vectors = vectors.filter(|&byte| self.processor.vectors[byte] != other.processor.vectors[byte]);
        if let Some(byte) = vectors.into_iter().next() {
            found.push(format!("XSAVE area from {byte} on"));
        }
        if let Some(byte) = (0..self.memory.len()).find(|&byte| self.memory[byte] != other.memory[byte]) {
            found.push(format!("memory from {byte:#x} on"));
        }
        (!found.is_empty()).then(|| found.join("; "))
    }
}
