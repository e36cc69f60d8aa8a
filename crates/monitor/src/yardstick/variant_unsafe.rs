//! The loops that are measured: forked processes which report their times on shared memory.

use std::cell::Cell;
use std::fs::{File, OpenOptions};
use std::io;
use std::os::fd::AsRawFd;
use std::ptr::NonNull;
use std::sync::atomic::{AtomicU64, Ordering};

use stretto_tracee::Event;

use super::{BLOCK, Kind};
use crate::{MAX_VARIANTS, filter_unsafe, spawn_unsafe};

/// Nanoseconds of the monotonic clock before and after the loop; `go` starts it.
#[derive(Debug, Default)]
#[repr(align(128))]
struct Slot {
    go: AtomicU64,
    start: AtomicU64,
    end: AtomicU64,
}

type Slots = [Slot; MAX_VARIANTS];

/// Memory that forked processes share with this one.
#[derive(Debug)]
pub struct Board {
    slots: NonNull<Slots>,
}

// SAFETY: only atomics are reached through the pointer, and the memory stays until the drop.
unsafe impl Sync for Board {}

impl Board {
    pub fn new() -> io::Result<Self> {
        let protection = libc::PROT_READ | libc::PROT_WRITE;
        let flags = libc::MAP_SHARED | libc::MAP_ANONYMOUS;
        // SAFETY: a new mapping; zeroed memory is a valid `Slots`, and pages are aligned enough for it.
        let memory =
            unsafe { libc::mmap(std::ptr::null_mut(), size_of::<Slots>(), protection, flags, -1, 0) };
        if memory == libc::MAP_FAILED {
            return Err(io::Error::last_os_error());
        }
        NonNull::new(memory.cast()).map(|slots| Self { slots }).ok_or_else(io::Error::last_os_error)
    }

    fn slot(&self, variant: usize) -> &Slot {
        // SAFETY: mapped and initialised in `new`, unmapped only by the drop.
        unsafe { &self.slots.as_ref()[variant] }
    }

    /// Lets a variant begin.
    pub fn go(&self, variant: usize) {
        self.slot(variant).go.store(1, Ordering::Release);
    }

    /// The leader's time per call.
    pub fn nanoseconds(&self, iterations: u64) -> io::Result<f64> {
        let slot = self.slot(0);
        let (start, end) = (slot.start.load(Ordering::Acquire), slot.end.load(Ordering::Acquire));
        if end <= start {
            return Err(io::Error::other("the loop did not come to its end"));
        }
        #[allow(clippy::cast_precision_loss)] // far below 2^52
        Ok((end - start) as f64 / iterations as f64)
    }
}

impl Drop for Board {
    fn drop(&mut self) {
        // SAFETY: the mapping made in `new`; no reference outlives `self`.
        unsafe { libc::munmap(self.slots.as_ptr().cast(), size_of::<Slots>()) };
    }
}

/// One loop.
#[derive(Clone, Copy, Debug)]
pub struct Variant {
    pub kind: Kind,
    pub iterations: u64,
    pub cpu: Option<usize>,
    /// Under the filter of tier 1.
    pub traced: bool,
}

impl Variant {
    /// Forks it; it waits for [`Board::go`].
    pub fn fork(&self, board: &Board, variant: usize) -> io::Result<Child> {
        let zero = File::open("/dev/zero")?;
        let null = OpenOptions::new().write(true).open("/dev/null")?;
        let file = if self.kind == Kind::Read { &zero } else { &null };
        let slot = board.slot(variant);
        // SAFETY: the child makes only async-signal-safe calls, allocates nothing and ends with _exit.
        match unsafe { libc::fork() } {
            -1 => Err(io::Error::last_os_error()),
            // SAFETY: this is the child.
            0 => unsafe { self.child(slot, file.as_raw_fd()) },
            pid => Ok(Child { pid, running: Cell::new(true) }),
        }
    }

    /// # Safety
    /// Only in a forked child.
    unsafe fn child(&self, slot: &Slot, file: i32) -> ! {
        if let Some(cpu) = self.cpu {
            spawn_unsafe::pin_thread(cpu);
        }
        // SAFETY: plain calls without pointers. The signal comes when the thread that forked is gone.
        unsafe { libc::prctl(libc::PR_SET_PDEATHSIG, libc::SIGKILL) };
        while slot.go.load(Ordering::Acquire) == 0 {
            // SAFETY: no pointers.
            unsafe { libc::sched_yield() };
        }
        if self.traced && filter_unsafe::install().is_err() {
            // SAFETY: ends this process alone.
            unsafe { libc::_exit(1) };
        }
        let mut block = [0x5a; BLOCK];
        // SAFETY: `file` is open, and `block` is as large as the loop assumes.
        unsafe {
            self.turns(file, &mut block, self.iterations / 10 + 10);
            slot.start.store(now(), Ordering::Release);
            self.turns(file, &mut block, self.iterations);
            slot.end.store(now(), Ordering::Release);
            libc::_exit(0)
        }
    }

    /// # Safety
    /// Only in a forked child.
    #[inline(never)]
    unsafe fn turns(&self, file: i32, block: &mut [u8; BLOCK], count: u64) {
        let pointer = block.as_mut_ptr();
        for _ in 0..count {
            // SAFETY: `pointer` is valid for BLOCK bytes; getpid takes no notice of its arguments.
            unsafe { libc::syscall(self.kind.nr(), file, pointer, BLOCK) };
        }
    }
}

/// Nanoseconds; from the vDSO, so it is not traced.
fn now() -> u64 {
    let mut time = libc::timespec { tv_sec: 0, tv_nsec: 0 };
    // SAFETY: `time` is live.
    unsafe { libc::clock_gettime(libc::CLOCK_MONOTONIC, &raw mut time) };
    time.tv_sec.cast_unsigned() * 1_000_000_000 + time.tv_nsec.cast_unsigned()
}

/// A running loop; killed when dropped before its end.
#[derive(Debug)]
pub struct Child {
    pid: i32,
    running: Cell<bool>,
}

impl Child {
    pub fn pid(&self) -> i32 {
        self.pid
    }

    /// Waits for its end, without tracing it.
    pub fn wait(&self) -> io::Result<()> {
        let mut status = 0;
        // SAFETY: `status` is live.
        while unsafe { libc::waitpid(self.pid, &raw mut status, 0) } < 0 {
            let error = io::Error::last_os_error();
            if error.kind() != io::ErrorKind::Interrupted {
                return Err(error);
            }
        }
        self.ended(Event::decode(status))
    }

    /// Its end has been waited for and was this.
    pub fn ended(&self, event: Event) -> io::Result<()> {
        self.running.set(false);
        match event {
            Event::Exited(0) => Ok(()),
            Event::Exited(_) => Err(io::Error::other("the kernel refuses the seccomp filter")),
            end => Err(io::Error::other(format!("a variant died: {end:?}"))),
        }
    }
}

impl Drop for Child {
    fn drop(&mut self) {
        if self.running.get() {
            // SAFETY: the child has not been waited for, so the number is still its own.
            unsafe {
                libc::kill(self.pid, libc::SIGKILL);
                libc::waitpid(self.pid, std::ptr::null_mut(), libc::__WALL);
            }
        }
    }
}
