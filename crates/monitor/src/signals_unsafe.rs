//! Signals of Stretto itself while a program runs: forwarded to the program or left to the terminal.

use std::io;
use std::os::fd::{AsRawFd, FromRawFd, OwnedFd};

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

/// While it lives, the calling thread's forwarded signals are read from a descriptor.
#[derive(Debug)]
pub struct Forwarder {
    signals: OwnedFd,
    wake: OwnedFd,
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
    /// [`Forwarder::waker`] was written to.
    Woken,
    /// Time has passed.
    Nothing,
}

impl Forwarder {
    /// Blocks the signals in the calling thread (threads made from now on inherit that).
    ///
    /// # Errors
    /// When there are no descriptors left.
    pub fn new() -> io::Result<Self> {
        // SAFETY: the sets are live locals; new descriptors are owned by nobody else.
        unsafe {
            let mut set: libc::sigset_t = std::mem::zeroed();
            let mut old_mask: libc::sigset_t = std::mem::zeroed();
            libc::sigemptyset(&raw mut set);
            for signal in FORWARDED {
                libc::sigaddset(&raw mut set, signal);
            }
            libc::pthread_sigmask(libc::SIG_BLOCK, &raw const set, &raw mut old_mask);
            let signals = libc::signalfd(-1, &raw const set, libc::SFD_CLOEXEC | libc::SFD_NONBLOCK);
            let wake = libc::eventfd(0, libc::EFD_CLOEXEC | libc::EFD_NONBLOCK);
            if signals < 0 || wake < 0 {
                let error = io::Error::last_os_error();
                libc::pthread_sigmask(libc::SIG_SETMASK, &raw const old_mask, std::ptr::null_mut());
                return Err(error);
            }
            let mut old_stops: [libc::sigaction; 3] = std::mem::zeroed();
            for (signal, old) in STOPS.iter().zip(&mut old_stops) {
                let mut ignore: libc::sigaction = std::mem::zeroed();
                ignore.sa_sigaction = libc::SIG_IGN;
                libc::sigaction(*signal, &raw const ignore, old);
            }
            Ok(Self {
                old_child: without_stops(),
                signals: OwnedFd::from_raw_fd(signals),
                wake: OwnedFd::from_raw_fd(wake),
                old_mask,
                old_stops,
            })
        }
    }

    /// The descriptor that ends a wait when an 8-byte number is written to it.
    #[must_use]
    pub fn waker(&self) -> i32 {
        self.wake.as_raw_fd()
    }

    /// Waits for news, at most `milliseconds` (-1: for ever).
    #[must_use]
    pub fn wait(&self, milliseconds: i32) -> News {
        let mut fds = [
            libc::pollfd { fd: self.signals.as_raw_fd(), events: libc::POLLIN, revents: 0 },
            libc::pollfd { fd: self.wake.as_raw_fd(), events: libc::POLLIN, revents: 0 },
        ];
        // SAFETY: `fds` is a live array of two.
        unsafe { libc::poll(fds.as_mut_ptr(), 2, milliseconds) };
        if fds[1].revents != 0 {
            let mut count = 0u64;
            // SAFETY: eight bytes into a live local.
            unsafe { libc::read(self.wake.as_raw_fd(), (&raw mut count).cast(), 8) };
            return News::Woken;
        }
        // SAFETY: a zeroed signalfd_siginfo is valid; the kernel fills at most its size.
        let mut info: libc::signalfd_siginfo = unsafe { std::mem::zeroed() };
        let size = size_of::<libc::signalfd_siginfo>();
        // SAFETY: as above.
        let got = unsafe { libc::read(self.signals.as_raw_fd(), (&raw mut info).cast(), size) };
        // The terminal's own signals (si_code SI_KERNEL) reach the program directly: it is in the same group.
        if got == size.cast_signed() && info.ssi_code != libc::SI_KERNEL {
            return match info.ssi_signo.cast_signed() {
                DUMP => News::Dump,
                signal => News::Signal(signal),
            };
        }
        News::Nothing
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

/// Writes to [`Forwarder::waker`].
pub fn wake(fd: i32) {
    // SAFETY: eight bytes from a live local; a closed descriptor gives an error that changes nothing.
    unsafe { libc::write(fd, (&raw const ONE).cast(), 8) };
}

static ONE: u64 = 1;

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
