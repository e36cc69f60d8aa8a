//! One frame, and the ways to the next that need no tables.

use super::{Read, Registers};

/// DWARF numbers of the registers (System V ABI for AMD64, figure 3.36).
pub mod number {
    pub const RBX: usize = 3;
    pub const RBP: usize = 6;
    pub const RSP: usize = 7;
    pub const R12: usize = 12;
    pub const R15: usize = 15;
    /// The return address column: the instruction pointer.
    pub const RIP: usize = 16;
    pub const COUNT: usize = 17;
}
use number::{COUNT, R12, RBP, RBX, RIP, RSP};

/// The registers of one frame, by DWARF number; those that are not known are `None`.
#[derive(Clone, Debug, Default)]
pub struct Frame {
    pub registers: [Option<u64>; COUNT],
}

/// What the frame below is.
#[derive(Debug)]
pub enum Step {
    /// The caller, at its return address.
    Caller(Frame),
    /// What a signal has interrupted.
    Interrupted(Frame),
    /// There is none: this is where the thread began.
    End,
    /// This way does not tell.
    Unknown,
}

impl Frame {
    pub fn new(from: &Registers) -> Self {
        let mut frame = Self::default();
        frame.registers[RIP] = Some(from.rip);
        frame.registers[RSP] = Some(from.rsp);
        frame.registers[RBP] = Some(from.rbp);
        frame.registers[RBX] = Some(from.rbx);
        for (index, value) in [from.r12, from.r13, from.r14, from.r15].into_iter().enumerate() {
            frame.registers[R12 + index] = Some(value);
        }
        frame
    }

    pub fn pc(&self) -> u64 {
        self.registers[RIP].unwrap_or(0)
    }

    pub fn sp(&self) -> u64 {
        self.registers[RSP].unwrap_or(0)
    }

    /// The same registers after a return to `pc`.
    fn returned(&self, pc: u64, sp: u64) -> Self {
        let mut caller = self.clone();
        caller.registers[RIP] = Some(pc);
        caller.registers[RSP] = Some(sp);
        caller
    }
}

/// Reads a little-endian word.
pub fn word(read: &mut Read<'_>, address: u64) -> Option<u64> {
    let mut bytes = [0; 8];
    (read(address, &mut bytes) == bytes.len()).then(|| u64::from_le_bytes(bytes))
}

/// The instruction pointer is where no code can be: most likely a call through a bad pointer has just pushed its
/// return address.
pub fn from_bad_call(frame: &Frame, read: &mut Read<'_>) -> Option<Frame> {
    let sp = frame.sp();
    Some(frame.returned(word(read, sp)?, sp.wrapping_add(8)))
}

/// A function with a frame pointer keeps its caller's one and the return address at it. The stack is not
/// followed further than frames are large.
pub fn from_frame_pointer(frame: &Frame, read: &mut Read<'_>) -> Option<Frame> {
    const LARGEST: u64 = 1 << 20;
    let (base, sp) = (frame.registers[RBP]?, frame.sp());
    if base % 8 != 0 || base.checked_sub(sp)? > LARGEST {
        return None;
    }
    let (saved, pc) = (word(read, base)?, word(read, base.wrapping_add(8))?);
    let mut caller = frame.returned(pc, base.wrapping_add(16));
    caller.registers[RBP] = Some(saved);
    for unknown in [RBX].into_iter().chain(R12..=number::R15) {
        caller.registers[unknown] = None;
    }
    Some(caller)
}

/// Return to a signal's restorer, known by its instructions where no table describes it (musl, Go): `mov` of 15
/// to rax or eax, `syscall`. The stack pointer then is at the `struct ucontext` (arch/x86/include/uapi/asm/
/// sigcontext.h, ucontext.h).
pub fn from_signal_frame(frame: &Frame, read: &mut Read<'_>) -> Option<Frame> {
    const LONG: [u8; 9] = [0x48, 0xc7, 0xc0, 15, 0, 0, 0, 0x0f, 0x05];
    const SHORT: [u8; 7] = [0xb8, 15, 0, 0, 0, 0x0f, 0x05];
    const REGISTERS: u64 = 40;
    /// DWARF numbers in the order of `struct sigcontext`: r8-r15, rdi, rsi, rbp, rbx, rdx, rax, rcx, rsp, rip.
    const ORDER: [usize; 17] = [8, 9, 10, 11, 12, 13, 14, 15, 5, 4, RBP, RBX, 1, 0, 2, RSP, RIP];
    let mut code = [0; 9];
    let got = read(frame.pc(), &mut code);
    let code = &code[..got.min(code.len())];
    if !code.starts_with(&LONG) && !code.starts_with(&SHORT) {
        return None;
    }
    let mut interrupted = Frame::default();
    let mut address = frame.sp().wrapping_add(REGISTERS);
    for number in ORDER {
        interrupted.registers[number] = Some(word(read, address)?);
        address = address.wrapping_add(8);
    }
    Some(interrupted)
}
