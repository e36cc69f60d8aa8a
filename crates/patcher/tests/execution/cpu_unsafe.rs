//! Runs code with given contents of all registers, and tells what they are afterwards.
//!
//! GS points to a [`Context`]: the code can leave, and the stub reach its agent, without a register or a
//! flag.

use std::arch::{asm, naked_asm};
use std::mem::offset_of;

use crate::memory_unsafe::Mapping;
use crate::traps_unsafe::{self, Traps};

/// XSAVE area in the standard format: x87, SSE, AVX, AVX-512 have less than 3 KiB (Intel SDM volume 1, 13.4).
pub const VECTORS: usize = 4096;
/// x87, SSE, AVX, and the three parts of AVX-512. Not PKRU: it would take memory away.
const STATES: u64 = 0b1110_0111;
/// Index of RSP in [`Processor::registers`].
pub const STACK: usize = 4;

/// What GS points to. Programs leave with `jmp gs:[LEAVE]`.
#[repr(C)]
pub struct Context {
    this: u64,
    agent: u64,
    leave: u64,
    host_stack: u64,
    program_stack: u64,
    agent_stack: u64,
    result: u64,
    done: u64,
    vectors: u64,
    host_vectors: u64,
    states: u64,
    flags: u64,
    /// In the order of their encodings.
    registers: [u64; 16],
    entry: u64,
    pub traps: Traps,
}

pub const LEAVE: i64 = offset_of!(Context, leave) as i64;

/// Everything that code can see of the processor.
#[derive(Clone, PartialEq, Eq)]
pub struct Processor {
    /// In the order of their encodings.
    pub registers: [u64; 16],
    pub flags: u64,
    pub vectors: Vec<u8>,
}

/// The two ways out of the stub.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Agent {
    /// The system call in the stub.
    Traced,
    /// The agent has the result.
    Done,
}

/// A thread that runs code. Only one for each thread: it owns GS and the alternate signal stack.
pub struct Machine {
    context: Box<Context>,
    memory: Mapping,
    states: u64,
}

impl Machine {
    pub fn new(rng: &mut crate::rng::Rng) -> Self {
        const AGENT_STACK: u64 = 4096;
        const SIGNAL_STACK: usize = 128 << 10;
        let memory = Mapping::anywhere(rng, 2 * VECTORS + AGENT_STACK as usize + SIGNAL_STACK);
        let start = memory.address();
        let states = states() & STATES;
        let context = Box::new(Context {
            this: 0,
            agent: 0,
            leave: leave as *const () as u64,
            host_stack: 0,
            program_stack: 0,
            agent_stack: start + 2 * VECTORS as u64 + AGENT_STACK,
            result: 0,
            done: 0,
            vectors: start,
            host_vectors: start + VECTORS as u64,
            states,
            flags: 0,
            registers: [0; 16],
            entry: 0,
            traps: Traps::new(leave as *const () as u64),
        });
        let mut machine = Self { context, memory, states };
        machine.context.this = &raw const *machine.context as u64;
        set_gs(machine.context.this);
        traps_unsafe::install(start + 2 * VECTORS as u64 + AGENT_STACK, SIGNAL_STACK);
        machine
    }

    pub fn traps(&mut self) -> &mut Traps {
        &mut self.context.traps
    }

    /// Which parts the XSAVE area has.
    pub fn states(&self) -> u64 {
        self.states
    }

    /// Runs the code at `entry` until it leaves. `result`: what the agent says a system call gives.
    pub fn run(&mut self, entry: u64, start: &Processor, agent: Agent, result: u64) -> Processor {
        self.memory.bytes_mut()[..VECTORS].copy_from_slice(&start.vectors);
        let context = &mut *self.context;
        context.agent = match agent {
            Agent::Traced => agent_traced as *const () as u64,
            Agent::Done => agent_done as *const () as u64,
        };
        context.result = result;
        context.registers = start.registers;
        context.flags = start.flags;
        context.entry = entry;
        // SAFETY: GS points to the context, which has all that `enter` needs. The code that the tests make
        // leaves through `leave` (or the handler makes it), and writes only to the mappings of its trial.
        unsafe { enter() };
        let vectors = self.memory.bytes()[..VECTORS].to_vec();
        Processor { registers: self.context.registers, flags: self.context.flags, vectors }
    }
}

impl Drop for Machine {
    fn drop(&mut self) {
        set_gs(0);
        traps_unsafe::remove_stack();
    }
}

fn set_gs(base: u64) {
    const ARCH_SET_GS: i32 = 0x1001;
    // SAFETY: neither Rust nor the C library use GS in 64-bit programs.
    let failed = unsafe { libc::syscall(libc::SYS_arch_prctl, ARCH_SET_GS, base) };
    assert_eq!(failed, 0);
}

/// XCR0: what the system has turned on.
fn states() -> u64 {
    let (low, high): (u32, u32);
    // SAFETY: Linux turns OSXSAVE on wherever there is XSAVE, and all processors with AVX have it.
    unsafe { asm!("xgetbv", in("ecx") 0, out("eax") low, out("edx") high, options(nomem, nostack)) };
    u64::from(high) << 32 | u64::from(low)
}

/// Saves what the caller needs, takes everything from the context, and goes to its entry.
#[unsafe(naked)]
unsafe extern "C" fn enter() {
    naked_asm!(
        "push rbx", "push rbp", "push r12", "push r13", "push r14", "push r15",
        "mov gs:[{host_stack}], rsp",
        "mov eax, gs:[{states}]",
        "mov edx, gs:[{states} + 4]",
        "mov rcx, gs:[{host_vectors}]",
        "xsave64 [rcx]",
        "mov rcx, gs:[{vectors}]",
        "xrstor64 [rcx]",
        "push qword ptr gs:[{flags}]",
        "popfq",
        "mov rax, gs:[{registers}]",
        "mov rcx, gs:[{registers} + 8]",
        "mov rdx, gs:[{registers} + 16]",
        "mov rbx, gs:[{registers} + 24]",
        "mov rsp, gs:[{registers} + 32]",
        "mov rbp, gs:[{registers} + 40]",
        "mov rsi, gs:[{registers} + 48]",
        "mov rdi, gs:[{registers} + 56]",
        "mov r8, gs:[{registers} + 64]",
        "mov r9, gs:[{registers} + 72]",
        "mov r10, gs:[{registers} + 80]",
        "mov r11, gs:[{registers} + 88]",
        "mov r12, gs:[{registers} + 96]",
        "mov r13, gs:[{registers} + 104]",
        "mov r14, gs:[{registers} + 112]",
        "mov r15, gs:[{registers} + 120]",
        "jmp gs:[{entry}]",
        host_stack = const offset_of!(Context, host_stack),
        states = const offset_of!(Context, states),
        host_vectors = const offset_of!(Context, host_vectors),
        vectors = const offset_of!(Context, vectors),
        flags = const offset_of!(Context, flags),
        registers = const offset_of!(Context, registers),
        entry = const offset_of!(Context, entry),
    )
}

/// Saves everything to the context, and returns from [`enter`].
#[unsafe(naked)]
unsafe extern "C" fn leave() {
    naked_asm!(
        "mov gs:[{registers}], rax",
        "mov gs:[{registers} + 8], rcx",
        "mov gs:[{registers} + 16], rdx",
        "mov gs:[{registers} + 24], rbx",
        "mov gs:[{registers} + 32], rsp",
        "mov gs:[{registers} + 40], rbp",
        "mov gs:[{registers} + 48], rsi",
        "mov gs:[{registers} + 56], rdi",
        "mov gs:[{registers} + 64], r8",
        "mov gs:[{registers} + 72], r9",
        "mov gs:[{registers} + 80], r10",
        "mov gs:[{registers} + 88], r11",
        "mov gs:[{registers} + 96], r12",
        "mov gs:[{registers} + 104], r13",
        "mov gs:[{registers} + 112], r14",
        "mov gs:[{registers} + 120], r15",
        "mov rsp, gs:[{host_stack}]",
        "pushfq",
        "pop gs:[{flags}]",
        "cld",
        "mov eax, gs:[{states}]",
        "mov edx, gs:[{states} + 4]",
        "mov rcx, gs:[{vectors}]",
        "xsave64 [rcx]",
        "mov rcx, gs:[{host_vectors}]",
        "xrstor64 [rcx]",
        "pop r15", "pop r14", "pop r13", "pop r12", "pop rbp", "pop rbx",
        "ret",
        host_stack = const offset_of!(Context, host_stack),
        states = const offset_of!(Context, states),
        host_vectors = const offset_of!(Context, host_vectors),
        vectors = const offset_of!(Context, vectors),
        flags = const offset_of!(Context, flags),
        registers = const offset_of!(Context, registers),
    )
}

/// The slow way out: RCX is the address of the system call in the stub.
#[unsafe(naked)]
unsafe extern "C" fn agent_traced() {
    naked_asm!("jmp rcx")
}

/// The fast way out: RAX, RCX (the constant of the `movabs`) and R11 as the kernel leaves them, nothing else
/// changed.
#[unsafe(naked)]
unsafe extern "C" fn agent_done() {
    naked_asm!(
        "mov gs:[{program_stack}], rsp",
        "mov rsp, gs:[{agent_stack}]",
        "pushfq",
        "pop r11",
        "mov rsp, gs:[{program_stack}]",
        "lea rax, [rcx + {to_done}]",
        "mov gs:[{done}], rax",
        "mov rcx, [rcx + 4]",
        "mov rax, gs:[{result}]",
        "jmp gs:[{done}]",
        program_stack = const offset_of!(Context, program_stack),
        agent_stack = const offset_of!(Context, agent_stack),
        to_done = const stretto_patcher::DONE - stretto_patcher::TRACED,
        done = const offset_of!(Context, done),
        result = const offset_of!(Context, result),
    )
}
