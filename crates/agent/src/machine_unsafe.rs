//! The few things that need assembly: the gate, and memory of the program that may not be there.
//!
//! The monitor knows the labels. A thread that faults between two of them goes on at a third (`FIXUPS` in the
//! monitor); a thread that a signal stops between `stretto_gate_check` and `stretto_gate_after` goes on at
//! `stretto_gate_cancel`.

use core::arch::{asm, global_asm};
use core::sync::atomic::AtomicU32;

use stretto_abi::context::{BELOW_FRAME, CANCELLED, Context, ELSEWHERE, Frame, Plan, REGIONS};
use stretto_abi::doorbell::Doorbells;
use stretto_abi::ring::{CALLED, RingWithBulk};
use stretto_abi::turn::Turns;
use stretto_semantics::{Memory, Region, Regions};

use crate::entry::{Exit, Shared, dispatch};

// The gate: a call's number and arguments in the kernel's registers, where to go on in r12, what says that the call is the
// monitor's in r13. It is jumped to, and jumps: behind a system call the processor's return predictor is wrong where the
// kernel protects itself against Inception (CVE-2023-20569), and the first `ret` costs 40 ns (docs/decisions/0007-the-agent.md).
// What the monitor has been asked about and does not approve comes to it from beside the gate.
global_asm!(
    ".globl stretto_gate",
    ".globl stretto_gate_check",
    ".globl stretto_gate_after",
    ".globl stretto_gate_cancel",
    ".globl stretto_gate_elsewhere",
    "stretto_gate:",
    "stretto_gate_check:",
    "test dword ptr [r13], {called}",
    "jnz stretto_gate_cancel",
    "syscall",
    "stretto_gate_after:",
    "mov rcx, rax",
    "shr rcx, 32",
    "cmp ecx, {elsewhere}",
    "je 1f",
    "jmp r12",
    // The number that is left; not the gate: the filter stops the thread here.
    "1: mov eax, eax",
    "syscall",
    "stretto_gate_elsewhere:",
    "jmp r12",
    "stretto_gate_cancel:",
    "mov rax, {cancelled}",
    "jmp r12",
    called = const CALLED,
    cancelled = const CANCELLED,
    elsewhere = const ELSEWHERE >> 32,
);

/// As many bytes are copied into the ring with `rep movsb`, and out of it.
const LONG_IN: usize = 4 << 10;
const LONG_OUT: usize = 16 << 10;

// copy(to rdi, from rsi, length rdx, long rcx) -> bytes not copied
//
// Word by word if it is short, then with vectors, from `long` bytes on with `rep movsb`. That takes long to begin, and
// may be twenty times slower where the destination lies 1 to 63 bytes behind the source, but for multiples of 4096; where
// neither counts it is the quickest. What faults elsewhere begins again with it, since it tells how far it comes. Figures:
// docs/decisions/0007-the-agent.md.
global_asm!(
    ".globl stretto_copy",
    ".globl stretto_copy_vectors",
    ".globl stretto_copy_begin",
    ".globl stretto_copy_end",
    "stretto_copy:",
    "cmp rdx, rcx",
    "mov rcx, rdx",
    "jb 1f",
    "mov eax, edi",
    "sub eax, esi",
    "and eax, 4095",
    "dec eax",
    "cmp eax, 63",
    "jae stretto_copy_begin",
    "1: xor eax, eax",
    "stretto_copy_vectors:",
    "lea r8, [rdx - 64]",
    "cmp rdx, 64",
    "jbe 4f",
    // Asking for lines before they are written saves a tenth.
    "2: lea r9, [rax + 1024]",
    "cmp r9, r8",
    "cmova r9, r8",
    "prefetchw [rdi + r9]",
    "movdqu xmm0, [rsi + rax]",
    "movdqu xmm1, [rsi + rax + 16]",
    "movdqu xmm2, [rsi + rax + 32]",
    "movdqu xmm3, [rsi + rax + 48]",
    "movdqu [rdi + rax], xmm0",
    "movdqu [rdi + rax + 16], xmm1",
    "movdqu [rdi + rax + 32], xmm2",
    "movdqu [rdi + rax + 48], xmm3",
    "add rax, 64",
    "cmp rax, r8",
    "jb 2b",
    // The last 64 bytes, however many of them have been copied.
    "movdqu xmm0, [rsi + r8]",
    "movdqu xmm1, [rsi + r8 + 16]",
    "movdqu xmm2, [rsi + r8 + 32]",
    "movdqu xmm3, [rsi + r8 + 48]",
    "movdqu [rdi + r8], xmm0",
    "movdqu [rdi + r8 + 16], xmm1",
    "movdqu [rdi + r8 + 32], xmm2",
    "movdqu [rdi + r8 + 48], xmm3",
    "xor eax, eax",
    "ret",
    "4: cmp rdx, 8",
    "jb 9f",
    "mov r9, [rsi + rdx - 8]",
    "jmp 6f",
    "5: mov r8, [rsi + rax]",
    "mov [rdi + rax], r8",
    "add rax, 8",
    "6: lea r8, [rax + 8]",
    "cmp r8, rdx",
    "jb 5b",
    "mov [rdi + rdx - 8], r9",
    "xor eax, eax",
    "ret",
    "8: mov r8b, [rsi + rax]",
    "mov [rdi + rax], r8b",
    "inc rax",
    "9: cmp rax, rdx",
    "jb 8b",
    "xor eax, eax",
    "ret",
    "stretto_copy_begin:",
    "rep movsb",
    "stretto_copy_end:",
    "mov rax, rcx",
    "ret",
);

// compare(program rdi, record rsi, length rdx) -> equal bytes before the first that can't be read, or -1
global_asm!(
    ".globl stretto_compare",
    ".globl stretto_compare_wide",
    ".globl stretto_compare_tail",
    ".globl stretto_compare_byte",
    ".globl stretto_compare_end",
    "stretto_compare:",
    "xor eax, eax",
    "lea r8, [rdx - 64]",
    "cmp rdx, 64",
    "jb 5f",
    "stretto_compare_wide:",
    "2: movdqu xmm0, [rdi + rax]",
    "movdqu xmm1, [rdi + rax + 16]",
    "movdqu xmm2, [rdi + rax + 32]",
    "movdqu xmm3, [rdi + rax + 48]",
    "movdqu xmm4, [rsi + rax]",
    "movdqu xmm5, [rsi + rax + 16]",
    "movdqu xmm6, [rsi + rax + 32]",
    "movdqu xmm7, [rsi + rax + 48]",
    "pcmpeqb xmm0, xmm4",
    "pcmpeqb xmm1, xmm5",
    "pcmpeqb xmm2, xmm6",
    "pcmpeqb xmm3, xmm7",
    "pand xmm0, xmm1",
    "pand xmm2, xmm3",
    "pand xmm0, xmm2",
    "pmovmskb ecx, xmm0",
    "cmp ecx, 0xffff",
    "jne 3f",
    "add rax, 64",
    "cmp rax, r8",
    "jbe 2b",
    "5: lea rcx, [rax + 32]",
    "cmp rcx, rdx",
    "ja stretto_compare_tail",
    "movdqu xmm0, [rdi + rax]",
    "movdqu xmm1, [rdi + rax + 16]",
    "movdqu xmm2, [rsi + rax]",
    "movdqu xmm3, [rsi + rax + 16]",
    "pcmpeqb xmm0, xmm2",
    "pcmpeqb xmm1, xmm3",
    "pand xmm0, xmm1",
    "pmovmskb ecx, xmm0",
    "cmp ecx, 0xffff",
    "jne 3f",
    "add rax, 32",
    "stretto_compare_tail:",
    "cmp rax, rdx",
    "jae stretto_compare_end",
    "stretto_compare_byte:",
    "mov cl, [rdi + rax]",
    "cmp cl, [rsi + rax]",
    "jne 3f",
    "inc rax",
    "jmp stretto_compare_tail",
    "3: mov rax, -1",
    "stretto_compare_end:",
    "ret",
);

unsafe extern "C" {
    fn stretto_copy(to: u64, from: u64, length: usize, long: usize) -> usize;
    fn stretto_compare(program: u64, record: *const u8, length: usize) -> i64;
}

/// Makes a call that the filter lets pass, unless `attention` says [`CALLED`] by then.
#[inline(always)]
pub fn gate(nr: u64, arguments: &[u64; 6], attention: &AtomicU32) -> i64 {
    let [first, second, third, fourth, fifth, sixth] = *arguments;
    let result: u64;
    // SAFETY: the filter admits only calls that the policy has in process; what they write, the program asked for. The
    // gate changes no other registers, and does not use the stack.
    unsafe {
        asm!(
            "lea r12, [rip + 2f]",
            "jmp stretto_gate",
            "2:",
            inout("rax") nr => result,
            in("rdi") first,
            in("rsi") second,
            in("rdx") third,
            in("r10") fourth,
            in("r8") fifth,
            in("r9") sixth,
            in("r13") core::ptr::from_ref(attention),
            out("rcx") _,
            out("r11") _,
            out("r12") _,
            options(nostack),
        );
    }
    result.cast_signed()
}

/// The program's memory. Addresses are the program's own and may be bad: the monitor ends a copy that faults.
#[derive(Debug, Default)]
pub struct Local {
    /// Something could not be read or written.
    pub faulted: bool,
}

impl Local {
    fn copied(&mut self, length: usize, missing: usize) -> usize {
        self.faulted |= missing != 0;
        length - missing.min(length)
    }
}

impl Memory for Local {
    fn read(&mut self, address: u64, buffer: &mut [u8]) -> usize {
        // SAFETY: writes to `buffer` only; a fault on the other side ends the copy.
        let missing = unsafe { stretto_copy(buffer.as_mut_ptr() as u64, address, buffer.len(), LONG_IN) };
        self.copied(buffer.len(), missing)
    }

    fn compare(&mut self, address: u64, expected: &[u8]) -> Option<usize> {
        // SAFETY: reads only; a fault on the program's side ends the comparison.
        let equal = unsafe { stretto_compare(address, expected.as_ptr(), expected.len()) };
        let equal = usize::try_from(equal).ok()?;
        self.faulted |= equal < expected.len();
        Some(equal)
    }

    fn write(&mut self, address: u64, data: &[u8]) -> usize {
        // SAFETY: the program asked the kernel to write there; a fault ends the copy.
        let missing = unsafe { stretto_copy(address, data.as_ptr() as u64, data.len(), LONG_OUT) };
        self.copied(data.len(), missing)
    }
}

/// The entry comes here with the program's registers, and leaves with what is added to the stub's link. Not by `ret`, see
/// the gate.
///
/// # Safety
/// `context` is the thread's, `frame` its registers on the agent's stack; the monitor has filled in the context.
pub unsafe extern "C" fn enter(frame: *mut Frame, context: *const Context) -> ! {
    // SAFETY: as the caller says.
    let link = unsafe { link_of(frame, context) };
    // SAFETY: nothing here is used any more; the blob's root goes on with its stack below the frame.
    unsafe {
        asm!(
            "lea rsp, [{frame} - {below}]",
            "jmp stretto_leave",
            frame = in(reg) frame,
            below = const BELOW_FRAME,
            in("rax") link,
            options(noreturn),
        )
    }
}

/// # Safety
/// As [`enter`].
#[inline(always)]
unsafe fn link_of(frame: *mut Frame, context: *const Context) -> u64 {
    // SAFETY: see above; nobody else uses this thread's frame.
    let (frame, context) = unsafe { (&mut *frame, &*context) };
    let ring = context.ring.load(core::sync::atomic::Ordering::Relaxed);
    if ring == 0 {
        return Exit::Monitor.link();
    }
    // SAFETY: the monitor has mapped the ring with its bulk there and the plan behind the agent's text.
    let (memory, plan) = unsafe { (&*(ring as *const RingWithBulk), &*(context.plan as *const Plan)) };
    let turns = context.turns.load(core::sync::atomic::Ordering::Relaxed) as *const Turns;
    // SAFETY: the monitor has mapped them there, or says 0.
    let turns = unsafe { turns.as_ref() };
    // SAFETY: mapped with the agent, and never unmapped.
    let doorbells = unsafe { &*(plan.doorbells as *const Doorbells) };
    dispatch(frame, context, plan, &Shared { memory, turns, doorbells }).link()
}

/// What lies apart from the leader's in this variant, as the monitor has told.
#[derive(Clone, Copy, Debug)]
pub struct Apart(u64);

impl Apart {
    /// The list that `context` names.
    pub fn new(context: &Context) -> Self {
        Self(context.regions)
    }
}

impl Regions for Apart {
    fn newest_first(&self) -> impl Iterator<Item = Region> {
        let list = self.0 as *const u64;
        // SAFETY: the monitor has put the count and so many regions there, in memory that lives as long as the process.
        // It writes only while the thread is stopped. A program that overwrites it harms itself: it disagrees.
        let word = move |index: usize| unsafe { list.add(index).read_volatile() };
        let count = usize::try_from(word(0)).unwrap_or(0).min(REGIONS);
        (0..count).rev().map(move |index| Region {
            leader: word(1 + 3 * index),
            own: word(2 + 3 * index),
            length: word(3 + 3 * index),
        })
    }
}

/// Bytes of the plan: the table and the policy.
pub fn bytes(address: u64, length: u64) -> &'static [u8] {
    #[allow(clippy::cast_possible_truncation)] // x86-64 only
    // SAFETY: the monitor has put so many bytes there, in sealed memory that stays as long as the process.
    unsafe {
        core::slice::from_raw_parts(address as *const u8, length as usize)
    }
}
