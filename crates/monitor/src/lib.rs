//! The monitor: starts variants, traces them, lets them meet at every system call, compares, decides.
//!
//! The life of one system call: a variant's thread stops at the entry; its tracer gathers the inputs
//! (`tracer::call`) and comes to the rendezvous (`rendezvous`); whoever comes last compares and posts a decision
//! to every tracer (`mailbox`); the leader carries the call out and publishes the outcome (`tracer::leader`);
//! the followers take it over (`tracer::follower`).

pub mod backtrace;
pub mod config;
pub mod yardstick;

mod agent;
mod approval;
mod clock_unsafe;
mod deaf;
mod divergence;
mod events;
mod filter_unsafe;
mod gather;
mod hot;
mod job;
mod lag;
mod layout;
mod mailbox;
mod membarrier_unsafe;
mod memory;
mod notify_unsafe;
mod padded;
mod placement;
mod procfs;
mod program;
mod quiet;
mod remote;
mod rendezvous;
mod result;
mod run;
mod schedule_unsafe;
mod session;
mod signals_unsafe;
mod spawn_unsafe;
mod taskset;
mod text;
mod tracer;
mod warnings;

pub use config::{Config, Injection, Layout, MAX_VARIANTS, Reaction};
pub use events::Listener;
pub use membarrier_unsafe::is_there as membarrier_is_there;
pub use run::{Outcome, Report, run};
pub use schedule_unsafe::short_slices;

use std::sync::{Mutex, MutexGuard, PoisonError, TryLockError};

/// Looks at a lock that another tracer holds before this thread sleeps for it. All locks are held for less than the
/// wake-up that sleeping costs (25-90 us across CPUs of a virtual machine, measured); variants that do the same
/// come to the same lock at the same time.
const LOOKS: u32 = 1000;

/// Locks; a panic of another thread while it held the lock does not make the data unusable here.
pub(crate) fn lock<T: ?Sized>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    for _ in 0..LOOKS {
        match mutex.try_lock() {
            Ok(guard) => return guard,
            Err(TryLockError::Poisoned(error)) => return error.into_inner(),
            Err(TryLockError::WouldBlock) => std::hint::spin_loop(),
        }
    }
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
