//! How the copy of a displaced instruction is made.
//!
//! An instruction that does not depend on its address is copied byte by byte: a re-encoded one could differ
//! in what the processor does with unusual prefixes. Of the others only the displacement changes, and
//! branches get the form with 32 bits.

use iced_x86::{Code, ConstantOffsets, FlowControl, Instruction, Register};

use crate::Refusal;

/// What must be done to an instruction so that it means the same elsewhere.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Kind {
    /// Nothing.
    Verbatim,
    /// An operand relative to RIP: 32 bits at `field` of the instruction are the distance to `target`; `size`
    /// bytes there are read or written (none by `lea`).
    RipRelative { field: usize, target: u64, size: u64 },
    /// `jmp`.
    Jump { target: u64 },
    /// `jcc`; `condition` is the low half of its opcode.
    Conditional { condition: u8, target: u64 },
    /// `loop`, `loope`, `loopne`, `jrcxz`, which only exist with 8 bits.
    Counted { opcode: u8, target: u64 },
}

/// An instruction of a copy: where it begins in the copy, and where the program would be natively when it is
/// next.
pub(crate) struct Step {
    pub offset: usize,
    pub native: u64,
}

/// Finds the kind of `instruction`, whose encoding is `bytes`.
pub(crate) fn kind(
    instruction: &Instruction,
    offsets: ConstantOffsets,
    bytes: &[u8],
) -> Result<Kind, Refusal> {
    let at = instruction.ip();
    if matches!(instruction.flow_control(), FlowControl::UnconditionalBranch | FlowControl::ConditionalBranch)
    {
        return branch(bytes, instruction.near_branch_target()).ok_or(Refusal::PrefixedBranch { at });
    }
    if !instruction.is_ip_rel_memory_operand() {
        return Ok(Kind::Verbatim);
    }
    if instruction.memory_base() != Register::RIP || offsets.displacement_size() != 4 {
        return Err(Refusal::EipRelative { at });
    }
    let size =
        if reads_address_only(instruction.code()) { 0 } else { instruction.memory_size().size().max(1) };
    Ok(Kind::RipRelative {
        field: offsets.displacement_offset(),
        target: instruction.ip_rel_memory_address(),
        size: size as u64,
    })
}

/// `lea` gives the address of the window, which is the same as ever.
fn reads_address_only(code: Code) -> bool {
    matches!(code, Code::Lea_r16_m | Code::Lea_r32_m | Code::Lea_r64_m)
}

/// Only the plain encodings: with a prefix 66 AMD's processors take 16 bits and Intel's 32, with 67 the
/// counter is ECX, and compilers write none of these.
fn branch(bytes: &[u8], target: u64) -> Option<Kind> {
    match *bytes {
        [0xeb, _] | [0xe9, _, _, _, _] => Some(Kind::Jump { target }),
        [opcode @ 0x70..=0x7f, _] => Some(Kind::Conditional { condition: opcode & 0xf, target }),
        [0x0f, opcode @ 0x80..=0x8f, ..] if bytes.len() == 6 => {
            Some(Kind::Conditional { condition: opcode & 0xf, target })
        }
        [opcode @ 0xe0..=0xe3, _] => Some(Kind::Counted { opcode, target }),
        _ => None,
    }
}

impl Kind {
    /// Length of the copy of an instruction of `original` bytes.
    pub fn copy_length(&self, original: usize) -> usize {
        match self {
            Self::Verbatim | Self::RipRelative { .. } => original,
            Self::Jump { .. } => 5,
            Self::Conditional { .. } => 6,
            Self::Counted { .. } => 9,
        }
    }

    /// Where a branch goes.
    pub fn branch_target(&self) -> Option<u64> {
        match *self {
            Self::Jump { target } | Self::Conditional { target, .. } | Self::Counted { target, .. } => {
                Some(target)
            }
            Self::Verbatim | Self::RipRelative { .. } => None,
        }
    }

    /// What the instruction refers to relative to its own address.
    pub fn reference(&self) -> Option<u64> {
        match *self {
            Self::RipRelative { target, .. } => Some(target),
            _ => self.branch_target(),
        }
    }

    /// Appends the copy, at `copy`, of the instruction `bytes` that is at `at` in the program. A branch goes
    /// to `inner` instead, if that is given: the copy of its target.
    pub fn emit(
        &self,
        at: u64,
        bytes: &[u8],
        copy: u64,
        inner: Option<u64>,
        out: &mut Vec<u8>,
    ) -> Result<Vec<Step>, Refusal> {
        let end = copy + self.copy_length(bytes.len()) as u64;
        let distance = |target| distance(end, inner.unwrap_or(target)).ok_or(Refusal::OutOfReach { at });
        let mut steps = vec![Step { offset: 0, native: at }];
        match *self {
            Self::Verbatim => out.extend(bytes),
            Self::RipRelative { field, target, .. } => {
                out.extend(&bytes[..field]);
                out.extend(distance(target)?);
                out.extend(&bytes[field + 4..]);
            }
            Self::Jump { target } => {
                out.push(0xe9);
                out.extend(distance(target)?);
            }
            Self::Conditional { condition, target } => {
                out.extend([0x0f, 0x80 | condition]);
                out.extend(distance(target)?);
            }
            // Taken: over the short jump, to the long one. The counter has been decremented by then, so both
            // stand for what follows natively, not for the instruction itself.
            Self::Counted { opcode, target } => {
                out.extend([opcode, 2, 0xeb, 5, 0xe9]);
                out.extend(distance(target)?);
                steps.push(Step { offset: 2, native: at + bytes.len() as u64 });
                steps.push(Step { offset: 4, native: target });
            }
        }
        Ok(steps)
    }
}

/// The 32 bits of a displacement relative to `end`, if they suffice.
pub(crate) fn distance(end: u64, target: u64) -> Option<[u8; 4]> {
    i32::try_from(target.wrapping_sub(end).cast_signed()).ok().map(i32::to_le_bytes)
}
