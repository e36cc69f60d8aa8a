//! One step out: by the unwind tables of the module, else by the frame pointer.

use gimli::{
    BaseAddresses, CfaRule, EhFrame, EhFrameHdr, EndianSlice, LittleEndian, Register, RegisterRule,
    UnwindContext, UnwindSection, X86_64,
};

use super::Registers;
use super::modules::{Module, Modules};

type Read<'r> = &'r mut dyn FnMut(u64, &mut [u8]) -> usize;

fn word(read: Read<'_>, address: u64) -> Option<u64> {
    let mut bytes = [0; 8];
    (read(address, &mut bytes) == 8).then(|| u64::from_le_bytes(bytes))
}

fn value(registers: &Registers, register: Register) -> Option<u64> {
    Some(match register {
        X86_64::RSP => registers.rsp,
        X86_64::RBP => registers.rbp,
        X86_64::RBX => registers.rbx,
        X86_64::R12 => registers.r12,
        X86_64::R13 => registers.r13,
        X86_64::R14 => registers.r14,
        X86_64::R15 => registers.r15,
        _ => return None,
    })
}

/// The registers in the caller of the frame that `now` describes.
pub fn caller(
    modules: &mut Modules,
    now: &Registers,
    exact: bool,
    read: Read<'_>,
) -> Option<Registers> {
    match modules.locate(now.rip) {
        Some((module, own)) => {
            let inside = if exact { own } else { own.wrapping_sub(1) };
            by_tables(&module, inside, now, read).or_else(|| by_frame_pointer(now, read))
        }
        // A wild jump: the address it was called from may still be on top of the stack.
        None if exact => {
            let rip = word(read, now.rsp)?;
            Some(Registers {
                rip,
                rsp: now.rsp.wrapping_add(8),
                ..*now
            })
        }
        None => None,
    }
}

fn by_frame_pointer(now: &Registers, read: Read<'_>) -> Option<Registers> {
    if now.rbp < now.rsp {
        return None;
    }
    let rbp = word(read, now.rbp)?;
    let rip = word(read, now.rbp.wrapping_add(8))?;
    Some(Registers {
        rip,
        rsp: now.rbp.wrapping_add(16),
        rbp,
        ..*now
    })
}

/// DWARF call frame information (LSB, "Exception Frames").
fn by_tables(module: &Module, address: u64, now: &Registers, read: Read<'_>) -> Option<Registers> {
    let (frame_at, frame_bytes) = &module.eh_frame;
    let (header_at, header_bytes) = &module.eh_frame_hdr;
    let bases = BaseAddresses::default()
        .set_eh_frame(*frame_at)
        .set_eh_frame_hdr(*header_at);
    let frame = EhFrame::from(EndianSlice::new(frame_bytes, LittleEndian));
    let header = EhFrameHdr::from(EndianSlice::new(header_bytes, LittleEndian)).parse(&bases, 8);
    let entry = match header
        .as_ref()
        .ok()
        .and_then(gimli::ParsedEhFrameHdr::table)
    {
        Some(table) => table
            .fde_for_address(&frame, &bases, address, EhFrame::cie_from_offset)
            .ok()?,
        None => frame
            .fde_for_address(&bases, address, EhFrame::cie_from_offset)
            .ok()?,
    };
    let mut context = UnwindContext::new();
    let row = entry
        .unwind_info_for_address(&frame, &bases, &mut context, address)
        .ok()?;
    let cfa = match row.cfa() {
        CfaRule::RegisterAndOffset { register, offset } => {
            value(now, *register)?.wrapping_add_signed(*offset)
        }
        // The only expression that distributions use is that of the procedure linkage table; its frame needs
        // no unwinding for a report.
        CfaRule::Expression(_) => return None,
    };
    let mut restored = |register: Register, old: u64| match row.register(register) {
        RegisterRule::Offset(offset) => word(read, cfa.wrapping_add_signed(offset)),
        RegisterRule::ValOffset(offset) => Some(cfa.wrapping_add_signed(offset)),
        RegisterRule::Register(other) => value(now, other),
        _ => Some(old),
    };
    Some(Registers {
        rip: restored(X86_64::RA, 0)?,
        rsp: cfa,
        rbp: restored(X86_64::RBP, now.rbp)?,
        rbx: restored(X86_64::RBX, now.rbx)?,
        r12: restored(X86_64::R12, now.r12)?,
        r13: restored(X86_64::R13, now.r13)?,
        r14: restored(X86_64::R14, now.r14)?,
        r15: restored(X86_64::R15, now.r15)?,
    })
}
