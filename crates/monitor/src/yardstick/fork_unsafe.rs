//! The loops that are measured run in forked processes, each on its CPU.

use std::cell::Cell;
use std::io;
use std::sync::atomic::Ordering;

use stretto_tracee::Event;

use super::board::{Board, Slot};
use crate::schedule_unsafe::pin_thread;

/// What a forked process does. It has been made before the fork: implementations allocate nothing, take no locks and
/// make only async-signal-safe calls.
pub trait Turns {
    /// Before the first turn. False ends the process.
    fn prepare(&mut self) -> bool;

    /// One call. False ends the process.
    fn turn(&mut self) -> bool;
}

/// How a loop ends.
const DONE: i32 = 0;
const UNPREPARED: i32 = 1;
const BROKEN_OFF: i32 = 2;

/// Ends this process when dropped: nothing of the child, not even a panic, gets back to the code that forked it.
struct Last;

impl Drop for Last {
    fn drop(&mut self) {
        // SAFETY: ends this process alone.
        unsafe { libc::_exit(BROKEN_OFF) };
    }
}

/// Forks a loop of `iterations` turns, with some more to warm up. It waits for [`Board::go`].
pub fn fork(
    board: &Board,
    variant: usize,
    cpu: Option<usize>,
    iterations: u64,
    turns: &mut impl Turns,
) -> io::Result<Child> {
    let slot = board.slot(variant);
    // SAFETY: the child makes only async-signal-safe calls, allocates nothing (see `Turns`) and ends with _exit.
    match unsafe { libc::fork() } {
        -1 => Err(io::Error::last_os_error()),
        0 => {
            let _last = Last;
            let status = child(slot, cpu, iterations, turns);
            // SAFETY: ends this process alone.
            unsafe { libc::_exit(status) }
        }
        pid => Ok(Child { pid, running: Cell::new(true) }),
    }
}

fn child(slot: &Slot, cpu: Option<usize>, iterations: u64, turns: &mut impl Turns) -> i32 {
    if let Some(cpu) = cpu {
        pin_thread(cpu);
    }
    // SAFETY: plain calls without pointers. The signal comes when the thread that forked is gone.
    unsafe { libc::prctl(libc::PR_SET_PDEATHSIG, libc::SIGKILL) };
    while slot.go.load(Ordering::Acquire) == 0 {
        // SAFETY: no pointers.
        unsafe { libc::sched_yield() };
    }
    if !turns.prepare() {
        return UNPREPARED;
    }
    if !(0..iterations / 10 + 10).all(|_| turns.turn()) {
        return BROKEN_OFF;
    }
    slot.start.store(now(), Ordering::Release);
    if !(0..iterations).all(|_| turns.turn()) {
        return BROKEN_OFF;
    }
    slot.end.store(now(), Ordering::Release);
    DONE
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
            Event::Exited(DONE) => Ok(()),
            Event::Exited(UNPREPARED) => Err(io::Error::other("the kernel refuses the seccomp filter")),
            Event::Exited(_) => Err(io::Error::other("a variant broke off")),
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
