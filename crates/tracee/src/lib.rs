//! A traced thread as a value that can't be misused.
//!
//! [`Stopped`] is a thread in a ptrace stop: only then can it be looked at and changed. Resuming consumes it;
//! waiting ([`wait`]) gives it back. Every request may find the thread gone (SIGKILL takes a tracee out of any
//! stop), which is the ordinary error [`Error::Gone`].
//!
//! Requests work only from the thread that traces; [`Stopped`] is therefore not `Send`.

mod error;
mod memory_unsafe;
mod ptrace_unsafe;
mod remote_call;
mod sleeper_unsafe;
mod status;
mod wait_unsafe;

pub use error::Error;
pub use memory_unsafe::Remote;
pub use ptrace_unsafe::{Resume, SignalInfo, Stopped, kill_thread, seize, signal_bit};
pub use remote_call::RemoteCalls;
pub use sleeper_unsafe::{INTERRUPTED, Sleeper, WAKE_SIGNAL, Waker, install_wake_handler};
pub use status::{Event, Stop};
pub use wait_unsafe::{Awaited, wait, wait_for};

/// The registers of a thread in a stop (`struct user_regs_struct`).
pub type Registers = libc::user_regs_struct;

/// The six arguments of a system call, in order.
#[must_use]
pub fn arguments(registers: &Registers) -> [u64; 6] {
    [registers.rdi, registers.rsi, registers.rdx, registers.r10, registers.r8, registers.r9]
}

/// What a system call has given; errors are small negative numbers.
#[must_use]
pub fn result(registers: &Registers) -> i64 {
    registers.rax.cast_signed()
}

/// Whether both are of the same call with the same arguments.
#[must_use]
pub fn is_same_call(one: &Registers, other: &Registers) -> bool {
    // The kernel looks at 32 bits of the number (arch/x86/entry/syscall_64.c).
    let number = |registers: &Registers| registers.orig_rax & 0xffff_ffff;
    number(one) == number(other) && arguments(one) == arguments(other)
}

/// Whether a thread that a signal has taken out of a call, with the registers of then, now enters that call again, as the
/// kernel has it do (arch/x86/kernel/signal.c, `arch_do_signal_or_restart`).
#[must_use]
pub fn is_entered_again(then: &Registers, now: &Registers) -> bool {
    const ERESTART_RESTARTBLOCK: i64 = 516;
    const RESTART_SYSCALL: u64 = 219;
    let block = result(then) == -ERESTART_RESTARTBLOCK && now.orig_rax & 0xffff_ffff == RESTART_SYSCALL;
    let orig_rax = if block { now.orig_rax } else { then.orig_rax };
    then.rip == now.rip && is_same_call(&Registers { orig_rax, ..*then }, now)
}

/// Writes the six arguments of a system call.
pub fn set_arguments(registers: &mut Registers, args: &[u64; 6]) {
    [registers.rdi, registers.rsi, registers.rdx, registers.r10, registers.r8, registers.r9] = *args;
}
