//! Memory that forked processes share.

use std::io;
use std::ops::Deref;
use std::ptr::NonNull;

use stretto_abi::ring::Ring;

use super::board::Slots;

/// # Safety
/// Zeroed memory is a valid value, everything in it is an atomic, and pages are aligned enough for it.
pub unsafe trait Atomics {}

// SAFETY: an array of structures of atomics, aligned to cache lines.
unsafe impl Atomics for Slots {}
// SAFETY: structures of atomics, aligned to pages.
unsafe impl Atomics for Ring {}

/// A `T` of zeros in memory that processes forked from now on share with this one.
#[derive(Debug)]
pub struct Shared<T: Atomics>(NonNull<T>);

// SAFETY: only atomics are reached through the pointer, and the memory stays until the drop.
unsafe impl<T: Atomics> Sync for Shared<T> {}

impl<T: Atomics> Shared<T> {
    pub fn new() -> io::Result<Self> {
        let protection = libc::PROT_READ | libc::PROT_WRITE;
        let flags = libc::MAP_SHARED | libc::MAP_ANONYMOUS;
        // SAFETY: a new mapping.
        let memory = unsafe { libc::mmap(std::ptr::null_mut(), size_of::<T>(), protection, flags, -1, 0) };
        if memory == libc::MAP_FAILED {
            return Err(io::Error::last_os_error());
        }
        NonNull::new(memory.cast()).map(Self).ok_or_else(io::Error::last_os_error)
    }
}

impl<T: Atomics> Deref for Shared<T> {
    type Target = T;

    fn deref(&self) -> &T {
        // SAFETY: mapped in `new` and zeroed, which is a valid value; unmapped only by the drop.
        unsafe { self.0.as_ref() }
    }
}

impl<T: Atomics> Drop for Shared<T> {
    fn drop(&mut self) {
        // SAFETY: the mapping made in `new`; no reference outlives `self`.
        unsafe { libc::munmap(self.0.as_ptr().cast(), size_of::<T>()) };
    }
}
