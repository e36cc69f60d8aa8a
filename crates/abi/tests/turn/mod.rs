//! Turns in small: what `stretto-agent` (turn.rs, leader.rs) and the monitor (tracer/lending.rs, turns.rs) do
//! with them in the leader, function by function. Followers are left out. So are patience and the monitor's
//! look at agents that stand still: only who waits for a thread in an approved call may need them. Whoever
//! changes the protocol there changes it here too.

pub mod agent;
#[path = "../protocol/futex.rs"]
#[allow(dead_code)]
pub mod futex;
pub mod monitor;
#[path = "../protocol/sync.rs"]
#[allow(dead_code, unused_imports)]
pub mod sync;

use std::sync::atomic::{AtomicUsize, Ordering::SeqCst};

use loom::cell::UnsafeCell;
use loom::sync::atomic::AtomicU32;
use stretto_abi::turn::{Turn, Turns};

use futex::Futexes;
use monitor::Monitor;
use sync::{Condvar, Mutex, lock, wait};

pub const THREADS: usize = 3;

/// What a thread does between two stretches of its own code.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Call {
    /// May wait, but ends at once.
    Poll,
    /// Ends when there is something to read.
    Read,
    /// Never waits. Something can be read then.
    Write,
    /// May wait, but ends at once; the monitor has to approve of it.
    Open,
    /// `Read` in the monitor.
    SlowRead,
    /// `Write` in the monitor, which every variant makes by itself.
    LocalWrite,
}

/// Where a thread is at first.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Start {
    /// In its own code. One thread is.
    Running,
    /// In a call, for which it has passed the turn on.
    InCall,
    /// In the monitor: it is new.
    New,
}

/// All that the threads of a process share.
#[derive(Default)]
pub struct World {
    pub turns: Turns,
    /// `posts[0].turn` in each thread's ring.
    pub posts: [Turn; THREADS],
    pub attention: [AtomicU32; THREADS],
    pub futexes: Futexes,
    pub monitor: Monitor,
    pub pipe: Pipe,
    pub witness: Witness,
}

/// In the kernel.
#[derive(Default)]
pub struct Pipe {
    filled: Mutex<usize>,
    changed: Condvar,
}

impl Pipe {
    pub fn make(&self, call: Call) {
        match call {
            Call::Poll | Call::Open => {}
            Call::Write | Call::LocalWrite => {
                *lock(&self.filled) += 1;
                self.changed.notify_all();
            }
            Call::Read | Call::SlowRead => {
                let mut filled = lock(&self.filled);
                while *filled == 0 {
                    filled = wait(&self.changed, filled);
                }
                *filled -= 1;
            }
        }
    }
}

/// One thread at a time runs its own code.
#[derive(Default)]
pub struct Witness {
    /// Which one, from 1. Nobody in the protocol sees it: it is no part of the model.
    runs: AtomicUsize,
    /// What its code touches. The model checker complains if others may do so at the same time.
    memory: UnsafeCell<()>,
}

impl Witness {
    pub fn runs(&self, thread: usize) {
        assert_eq!(self.runs.swap(thread + 1, SeqCst), 0, "{thread} runs beside another thread");
        self.memory.with_mut(|_| ());
    }

    pub fn stops(&self, thread: usize) {
        self.memory.with_mut(|_| ());
        assert_eq!(self.runs.swap(0, SeqCst), thread + 1, "another thread runs beside {thread}");
    }
}
