//! Signals of Stretto itself while a program runs: forwarded to the program or left to the terminal.

use stretto_tracee::WAKE_SIGNAL;

/// Signals that are forwarded when a process sends them.
const FORWARDED: [i32; 8] = [
    libc::SIGTERM,
    libc::SIGHUP,
    libc::SIGINT,
    libc::SIGQUIT,
    libc::SIGUSR1,
    libc::SIGUSR2,
    libc::SIGWINCH,
    DUMP,
];

/// Asks Stretto itself where every thread of every variant is.
const DUMP: i32 = libc::SIGPWR;

/// While it lives, the calling thread blocks the forwarded signals, and waits for them.
///
/// It waits with `sigtimedwait`, not in a poll of a signalfd: that would wake it, and the other CPU for it, with every
/// signal that the threads of this process send each other (fs/signalfd.c and kernel/signal.c, `signalfd_notify`),
/// which is how tracers wake each other: 12 us for each, measured.
pub struct Forwarder {
    signals: libc::sigset_t,
    thread: i32,
    old_mask: libc::sigset_t,
    old_stops: [libc::sigaction; 3],
    old_child: libc::sigaction,
}

const STOPS: [i32; 3] = [libc::SIGTSTP, libc::SIGTTIN, libc::SIGTTOU];

/// What came.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum News {
    /// A process sent this signal.
    Signal(i32),
    /// A person wants to know where everything is.
    Dump,
    /// The thread was woken ([`wake`]).
    Woken,
    /// Time has passed.
    Nothing,
}

impl Forwarder {
    /// Blocks the signals in the calling thread (threads made from now on inherit that).
    #[must_use]
    pub fn new() -> Self {
        // SAFETY: the sets and actions are live locals, for which zeros are valid.
        unsafe {
            let mut signals: libc::sigset_t = std::mem::zeroed();
            let mut old_mask: libc::sigset_t = std::mem::zeroed();
            libc::sigemptyset(&raw mut signals);
            for signal in FORWARDED.into_iter().chain([WAKE_SIGNAL]) {
                libc::sigaddset(&raw mut signals, signal);
            }
            libc::pthread_sigmask(libc::SIG_BLOCK, &raw const signals, &raw mut old_mask);
            let mut old_stops: [libc::sigaction; 3] = std::mem::zeroed();
            for (signal, old) in STOPS.iter().zip(&mut old_stops) {
                let mut ignore: libc::sigaction = std::mem::zeroed();
                ignore.sa_sigaction = libc::SIG_IGN;
                libc::sigaction(*signal, &raw const ignore, old);
            }
            Self { old_child: without_stops(), signals, thread: libc::gettid(), old_mask, old_stops }
        }
    }

    /// The thread that waits, for [`wake`].
    #[must_use]
    pub fn thread(&self) -> i32 {
        self.thread
    }

    /// Waits for news, at most `milliseconds`.
    #[must_use]
    pub fn wait(&self, milliseconds: u32) -> News {
        let limit = libc::timespec {
            tv_sec: (milliseconds / 1000).into(),
            tv_nsec: (milliseconds % 1000 * 1_000_000).into(),
        };
        // SAFETY: the set, the information, for which zeros are valid, and the limit are live.
        let (signal, info) = unsafe {
            let mut info: libc::siginfo_t = std::mem::zeroed();
            (libc::sigtimedwait(&raw const self.signals, &raw mut info, &raw const limit), info)
        };
        match signal {
            WAKE_SIGNAL => News::Woken,
            // The terminal's own signals (si_code SI_KERNEL) reach the program directly: it is in the same group.
            1.. if info.si_code == libc::SI_KERNEL => News::Nothing,
            DUMP => News::Dump,
            1.. => News::Signal(signal),
            _ => News::Nothing,
        }
    }
}

impl Drop for Forwarder {
    fn drop(&mut self) {
        // SAFETY: restores what `new` has saved.
        unsafe {
            for (signal, old) in STOPS.iter().zip(&self.old_stops) {
                libc::sigaction(*signal, old, std::ptr::null_mut());
            }
            libc::sigaction(libc::SIGCHLD, &raw const self.old_child, std::ptr::null_mut());
            libc::pthread_sigmask(libc::SIG_SETMASK, &raw const self.old_mask, std::ptr::null_mut());
        }
    }
}

/// Keeps stops of tracees from raising SIGCHLD; returns what was. The kernel sends it with every ptrace stop to
/// whichever thread does not block it (kernel/signal.c, do_notify_parent_cldstop), so that each system call of a
/// variant would wake the main thread of Stretto: more than half of what a call cost, measured.
fn without_stops() -> libc::sigaction {
    // SAFETY: all-zero is a valid sigaction, and both pointers are to live locals. The handler stays.
    unsafe {
        let mut old: libc::sigaction = std::mem::zeroed();
        libc::sigaction(libc::SIGCHLD, std::ptr::null(), &raw mut old);
        let quiet = libc::sigaction { sa_flags: old.sa_flags | libc::SA_NOCLDSTOP, ..old };
        libc::sigaction(libc::SIGCHLD, &raw const quiet, std::ptr::null_mut());
        old
    }
}

/// Wakes a thread of this process that waits in [`Forwarder::wait`].
pub fn wake(thread: i32) {
    // SAFETY: no pointers; a thread that is gone gives an error that changes nothing.
    unsafe { libc::syscall(libc::SYS_tgkill, libc::getpid(), thread, WAKE_SIGNAL) };
}

/// Blocks every signal in the calling thread.
pub fn block_all() {
    // SAFETY: a live local set.
    unsafe {
        let mut set: libc::sigset_t = std::mem::zeroed();
        libc::sigfillset(&raw mut set);
        libc::pthread_sigmask(libc::SIG_BLOCK, &raw const set, std::ptr::null_mut());
    }
}

/// Sends `signal` to a process.
pub fn send(pid: i32, signal: i32) {
    // SAFETY: no pointers.
    unsafe { libc::kill(pid, signal) };
}

/// Stops this process, as the shell's job control would; returns when it is continued.
pub fn stop_self() {
    // SAFETY: no pointers.
    unsafe { libc::kill(libc::getpid(), libc::SIGSTOP) };
}

/// A random number from the kernel.
#[must_use]
pub fn random() -> u64 {
    let mut bytes = [0u8; 8];
    // SAFETY: eight bytes into a live local.
    unsafe { libc::getrandom(bytes.as_mut_ptr().cast(), 8, 0) };
    u64::from_le_bytes(bytes)
}

/// Registers of a thread that nothing is known of.
#[must_use]
pub fn no_registers() -> stretto_tracee::Registers {
    // SAFETY: a struct of integers, for which zeros are valid.
    unsafe { std::mem::zeroed() }
}
