//! The instructions that a jump at the site displaces: which there are, and whether they may be.

use iced_x86::{
    Code, CpuidFeature, Decoder, DecoderError, DecoderOptions, FlowControl, Instruction, Mnemonic,
};

use crate::relocate::{Kind, kind};
use crate::{JUMP, Refusal, SYSCALL};

/// An instruction that begins in the five bytes of the jump, behind the `syscall`.
#[derive(Clone, Debug)]
pub(crate) struct Displaced {
    pub offset: usize,
    pub bytes: Vec<u8>,
    pub kind: Kind,
}

/// All displaced instructions.
#[derive(Clone, Debug)]
pub(crate) struct Window {
    pub displaced: Vec<Displaced>,
    /// Bytes from the site to the end of the jump or of the last displaced instruction.
    pub length: usize,
    /// The last displaced instruction never goes on to the next one.
    pub ends_flow: bool,
}

impl Window {
    /// Decodes from the `syscall` on. Decoding backwards would be guesswork; forwards from an instruction
    /// that was executed it is certain, up to the first one that never goes on.
    pub fn decode(address: u64, code: &[u8]) -> Result<Self, Refusal> {
        let mut decoder = Decoder::with_ip(64, code, address, DecoderOptions::NONE);
        let mut instruction = Instruction::default();
        decoder.decode_out(&mut instruction);

        let mut displaced = Vec::new();
        let mut end = SYSCALL;
        let mut ends_flow = false;
        while end < JUMP && !ends_flow {
            let offset = end;
            decoder.decode_out(&mut instruction);
            let at = instruction.ip();
            match decoder.last_error() {
                DecoderError::None => {}
                DecoderError::NoMoreBytes => return Err(Refusal::TooFewBytes { at }),
                _ => return Err(Refusal::Undecodable { at }),
            }
            ends_flow = check(&instruction)?;
            end += instruction.len();
            let bytes = code[offset..end].to_vec();
            let kind = kind(&instruction, decoder.get_constant_offsets(&instruction), &bytes)?;
            displaced.push(Displaced { offset, bytes, kind });
        }
        let length = end.max(JUMP);
        if code.len() < length {
            return Err(Refusal::TooFewBytes { at: address });
        }
        let window = Self { displaced, length, ends_flow };
        window.check_references(address)?;
        Ok(window)
    }

    /// Which bytes of the jump must be trapping opcodes: those where a displaced instruction began, and after
    /// the end of the flow all, as nobody knows what begins there.
    pub fn constrained(&self) -> [bool; JUMP] {
        let mut constrained = [false; JUMP];
        for displaced in &self.displaced {
            constrained[displaced.offset] = true;
        }
        if self.ends_flow {
            let last = self.displaced.last().expect("a window has a displaced instruction at offset 2");
            for byte in constrained.iter_mut().skip(last.offset + last.bytes.len()) {
                *byte = true;
            }
        }
        constrained
    }

    /// Offsets behind the site, in the jump, where an instruction begins, or may: the displaced ones, and what follows
    /// the end of the flow.
    pub fn heads(&self) -> Vec<usize> {
        let mut heads: Vec<usize> = self.displaced.iter().map(|displaced| displaced.offset).collect();
        let end = self.displaced.last().map_or(SYSCALL, |last| last.offset + last.bytes.len());
        if self.ends_flow && end < JUMP {
            heads.push(end);
        }
        heads
    }

    /// If `displaced` is a branch to an instruction that has a copy, the index of that.
    pub fn inner_target(&self, address: u64, displaced: &Displaced) -> Option<usize> {
        let target = displaced.kind.branch_target()?;
        self.displaced.iter().position(|other| address + other.offset as u64 == target)
    }

    /// Branches into the window are only known to be right if they go to the site (the jump stands there) or
    /// to a displaced instruction; operands in memory there would see the patch.
    fn check_references(&self, address: u64) -> Result<(), Refusal> {
        let window = address..address + self.length as u64;
        for displaced in &self.displaced {
            let at = address + displaced.offset as u64;
            if let Some(target) = displaced.kind.branch_target() {
                let inside = window.contains(&target) && target != address;
                if inside && self.inner_target(address, displaced).is_none() {
                    return Err(Refusal::BranchIntoWindow { at });
                }
            }
            if let Kind::RipRelative { target, size, .. } = displaced.kind
                && size > 0
                && target < window.end
                && target.saturating_add(size) > window.start
            {
                return Err(Refusal::OperandInWindow { at });
            }
        }
        Ok(())
    }
}

/// Refuses what may not be displaced. Says whether the instruction never goes on to the next one.
fn check(instruction: &Instruction) -> Result<bool, Refusal> {
    let at = instruction.ip();
    let code = instruction.code();
    let ends_flow = match instruction.flow_control() {
        FlowControl::Next | FlowControl::ConditionalBranch => false,
        FlowControl::UnconditionalBranch => true,
        FlowControl::IndirectBranch if code == Code::Jmp_rm64 => true,
        FlowControl::Return if matches!(code, Code::Retnq | Code::Retnq_imm16) => true,
        FlowControl::IndirectBranch | FlowControl::Return => return Err(Refusal::FarTransfer { at }),
        // `sysenter` is `syscall` with another opcode; the rest of this group are hypervisor calls.
        FlowControl::Call if matches!(code, Code::Syscall | Code::Sysenter) => {
            return Err(Refusal::SecondSystemCall { at });
        }
        FlowControl::Call | FlowControl::IndirectCall => return Err(Refusal::Call { at }),
        FlowControl::Interrupt if code == Code::Int3 => return Err(Refusal::Breakpoint { at }),
        FlowControl::Interrupt => return Err(Refusal::SecondSystemCall { at }),
        FlowControl::XbeginXabortXend => return Err(Refusal::Transaction { at }),
        FlowControl::Exception if code == Code::Ud2 => true,
        FlowControl::Exception => return Err(Refusal::Undecodable { at }),
    };
    // Often behind exit_group(2). It faults whenever a program executes it, so it ends the flow.
    if code == Code::Hlt {
        return Ok(true);
    }
    if instruction.is_privileged() {
        return Err(Refusal::Privileged { at });
    }
    if instruction.cpuid_features().iter().any(is_x87) {
        return Err(Refusal::RecordsItsAddress { at });
    }
    if loads_segment(instruction) {
        return Err(Refusal::SegmentLoad { at });
    }
    if matches!(code, Code::Popfw | Code::Popfq) {
        return Err(Refusal::LoadsFlags { at });
    }
    Ok(ends_flow)
}

fn is_x87(feature: &CpuidFeature) -> bool {
    use CpuidFeature::*;
    matches!(feature, FPU | FPU287 | FPU287XL_ONLY | FPU387 | FPU387SL_ONLY)
}

/// `mov` and `pop` to a segment register, and the loads of far pointers.
fn loads_segment(instruction: &Instruction) -> bool {
    match instruction.mnemonic() {
        Mnemonic::Mov | Mnemonic::Pop => instruction.op0_register().is_segment_register(),
        Mnemonic::Lss | Mnemonic::Lfs | Mnemonic::Lgs => true,
        _ => false,
    }
}
