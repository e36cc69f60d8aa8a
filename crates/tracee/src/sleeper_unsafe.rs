//! Waiting in a system call or for a message from another thread, without losing either.
//!
//! `waitpid` can't wait for anything but children, and no descriptor reports ptrace stops. So the sender of a message
//! interrupts the `wait4` of a sleeping tracer, or the call in which another thread waits, with a signal. The classic
//! race (signal between the last look at the mailbox and the system call) is closed the way libcs close it for
//! cancellation: look and call are a few instructions between two labels, and the handler moves an instruction pointer
//! that it finds between them past the call.

use std::arch::global_asm;
use std::sync::atomic::{AtomicI32, AtomicU32, Ordering};

// call_unless(flag: *const u32 rdi, nr: i64 rsi, first: u64 rdx, second: u64 rcx, third: u64 r8) -> i64
global_asm!(
    ".globl stretto_call_unless",
    ".globl stretto_call_begin",
    ".globl stretto_call_end",
    ".globl stretto_call_skip",
    "stretto_call_unless:",
    "stretto_call_begin:",
    "mov eax, [rdi]",
    "test eax, eax",
    "jnz stretto_call_skip",
    "mov rax, rsi",
    "mov rdi, rdx",
    "mov rsi, rcx",
    "mov rdx, r8",
    "xor r10d, r10d",
    "syscall",
    "stretto_call_end:",
    "ret",
    "stretto_call_skip:",
    "mov rax, -4",
    "ret",
);

unsafe extern "C" {
    fn stretto_call_unless(flag: *const AtomicU32, nr: i64, first: u64, second: u64, third: u64) -> i64;
    static stretto_call_begin: u8;
    static stretto_call_end: u8;
    static stretto_call_skip: u8;
}

/// Wakes a thread of the monitor: a real-time signal that neither libc nor Python uses.
pub const WAKE_SIGNAL: i32 = 50;

unsafe extern "C" fn on_wake(_: i32, _: *mut libc::siginfo_t, context: *mut libc::c_void) {
    // SAFETY: the kernel passes a valid ucontext to an SA_SIGINFO handler.
    let registers = unsafe { &mut (*context.cast::<libc::ucontext_t>()).uc_mcontext.gregs };
    let rip = registers[libc::REG_RIP as usize];
    let begin = (&raw const stretto_call_begin) as i64;
    let end = (&raw const stretto_call_end) as i64;
    if (begin..end).contains(&rip) {
        registers[libc::REG_RIP as usize] = (&raw const stretto_call_skip) as i64;
    }
}

/// Installs the handler of the wake-up signal in this process. Idempotent.
pub fn install_wake_handler() {
    // SAFETY: an all-zero sigaction is valid, and `on_wake` is async-signal-safe: it only edits its context.
    unsafe {
        let mut action: libc::sigaction = std::mem::zeroed();
        action.sa_sigaction = on_wake as *const () as usize;
        action.sa_flags = libc::SA_SIGINFO;
        libc::sigaction(WAKE_SIGNAL, &raw const action, std::ptr::null_mut());
    }
}

/// The receiving end: one per thread that is called.
#[derive(Debug, Default)]
pub struct Sleeper {
    /// Something is in the mailbox.
    flag: AtomicU32,
    sleeping: AtomicU32,
    tid: AtomicI32,
}

/// The sending end of a [`Sleeper`].
pub type Waker = std::sync::Arc<Sleeper>;

impl Sleeper {
    /// Names the calling thread as the one to wake.
    pub fn adopt(&self) {
        // SAFETY: no pointers.
        self.tid.store(unsafe { libc::gettid() }, Ordering::SeqCst);
        // SAFETY: the set is a live local; unblocking a signal whose handler is installed is harmless.
        unsafe {
            let mut set: libc::sigset_t = std::mem::zeroed();
            libc::sigemptyset(&raw mut set);
            libc::sigaddset(&raw mut set, WAKE_SIGNAL);
            libc::pthread_sigmask(libc::SIG_UNBLOCK, &raw const set, std::ptr::null_mut());
        }
    }

    /// Says that a message waits; wakes the thread if it sleeps.
    pub fn wake(&self) {
        self.flag.store(1, Ordering::SeqCst);
        if self.sleeping.load(Ordering::SeqCst) == 1 {
            // SAFETY: no pointers; the thread belongs to this process for the whole run.
            unsafe {
                libc::syscall(libc::SYS_tgkill, libc::getpid(), self.tid.load(Ordering::SeqCst), WAKE_SIGNAL);
            }
        }
    }

    /// Makes a system call that waits; what it gave, or [`INTERRUPTED`].
    ///
    /// # Safety
    /// As for the system call `nr` with these arguments, and a fourth of 0.
    #[must_use]
    pub unsafe fn wait_in(&self, nr: i64, [first, second, third]: [u64; 3]) -> i64 {
        self.sleeping.store(1, Ordering::SeqCst);
        // SAFETY: the flag is live, the rest is the caller's; see the module's comment for the protocol.
        let answer = unsafe { stretto_call_unless(&raw const self.flag, nr, first, second, third) };
        self.sleeping.store(0, Ordering::SeqCst);
        answer
    }

    /// Whether a message waits.
    #[must_use]
    pub fn called(&self) -> bool {
        self.flag.load(Ordering::Acquire) == 1
    }

    /// Forgets the call; the caller is about to empty the mailbox.
    pub fn clear(&self) {
        self.flag.store(0, Ordering::SeqCst);
    }
}

/// What [`Sleeper::wait_in`] gives when a message waits, or another signal came.
pub const INTERRUPTED: i64 = -(libc::EINTR as i64);

#[cfg(test)]
mod tests {
    use std::sync::Arc;
    use std::thread;

    use super::*;

    /// A thread that waits for ever unless it is called; what the call gave it.
    fn sleeping(sleeper: &Arc<Sleeper>) -> thread::JoinHandle<i64> {
        install_wake_handler();
        let sleeper = Arc::clone(sleeper);
        thread::spawn(move || {
            sleeper.adopt();
            // SAFETY: no pointers.
            unsafe { sleeper.wait_in(libc::SYS_pause, [0; 3]) }
        })
    }

    #[test]
    fn who_was_called_before_does_not_sleep() {
        let sleeper = Arc::new(Sleeper::default());
        sleeper.wake();
        assert_eq!(sleeping(&sleeper).join().expect("no panic"), INTERRUPTED);
    }

    #[test]
    fn a_call_at_any_moment_ends_the_sleep() {
        for round in 0..2000 {
            let sleeper = Arc::new(Sleeper::default());
            let thread = sleeping(&sleeper);
            while round % 2 == 1 && sleeper.sleeping.load(Ordering::SeqCst) == 0 {
                std::hint::spin_loop();
            }
            for _ in 0..round % 97 {
                std::hint::spin_loop();
            }
            sleeper.wake();
            assert_eq!(thread.join().expect("no panic"), INTERRUPTED);
        }
    }
}
