//! Threads and locks: the model checker's, or real ones.

use std::sync::PoisonError;

#[cfg(loom)]
pub use loom::{
    hint::spin_loop,
    sync::{Condvar, Mutex, MutexGuard, atomic::fence},
};
#[cfg(not(loom))]
pub use std::{
    hint::spin_loop,
    sync::{Condvar, Mutex, MutexGuard, atomic::fence},
};

pub fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

/// Waits until `condvar` is notified. The model checker sees by itself when nobody can go on.
#[cfg(loom)]
pub fn wait<'m, T>(condvar: &Condvar, guard: MutexGuard<'m, T>) -> MutexGuard<'m, T> {
    condvar.wait(guard).unwrap_or_else(PoisonError::into_inner)
}

/// Waits until `condvar` is notified; nobody has reason to wait for long.
#[cfg(not(loom))]
pub fn wait<'m, T>(condvar: &Condvar, guard: MutexGuard<'m, T>) -> MutexGuard<'m, T> {
    let patience = std::time::Duration::from_secs(60);
    let (guard, result) = condvar.wait_timeout(guard, patience).unwrap_or_else(PoisonError::into_inner);
    assert!(!result.timed_out(), "a wake-up was lost");
    guard
}

/// The model checker takes sequentially consistent accesses for acquire and release only; fences it takes at their
/// word. Stands where the order of such accesses matters.
pub fn in_order() {
    if cfg!(loom) {
        fence(std::sync::atomic::Ordering::SeqCst);
    }
}
