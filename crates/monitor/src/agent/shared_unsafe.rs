//! Memory that the monitor shares with variants.

use std::ffi::CStr;
use std::fs::File;
use std::io;
use std::ops::Deref;
use std::os::fd::AsRawFd;
use std::ptr::NonNull;
use std::sync::atomic::AtomicU32;

use stretto_abi::doorbell::Doorbells;
use stretto_abi::ring::RingWithBulk;
use stretto_abi::turn::Turns;

use super::sealed_unsafe::anonymous;

/// What may lie in shared memory.
///
/// # Safety
/// Consists of atomics only, and every bit pattern is valid: variants write there what they like.
pub unsafe trait Shareable {}

// SAFETY: atomics only.
unsafe impl Shareable for RingWithBulk {}
// SAFETY: atomics only.
unsafe impl Shareable for Turns {}
// SAFETY: atomics only.
unsafe impl Shareable for Doorbells {}

/// A `T` in shared memory, zeroed at first.
#[derive(Debug)]
pub struct Shared<T> {
    file: File,
    place: NonNull<T>,
}

// SAFETY: everything in it is an atomic (`Shareable`).
unsafe impl<T: Shareable> Send for Shared<T> {}
// SAFETY: as above.
unsafe impl<T: Shareable> Sync for Shared<T> {}

impl<T: Shareable> Shared<T> {
    /// Whole pages.
    pub const SIZE: usize = size_of::<T>().next_multiple_of(4096);

    /// New memory, called `name` in `/proc`.
    ///
    /// # Errors
    /// If there is none.
    pub fn new(name: &CStr) -> io::Result<Self> {
        let file = anonymous(name)?;
        file.set_len(Self::SIZE as u64)?;
        // SAFETY: a new shared mapping of a file that has this size.
        let place = unsafe {
            libc::mmap(
                std::ptr::null_mut(),
                Self::SIZE,
                libc::PROT_READ | libc::PROT_WRITE,
                libc::MAP_SHARED,
                file.as_raw_fd(),
                0,
            )
        };
        let place = NonNull::new(place.cast()).filter(|_| place != libc::MAP_FAILED);
        Ok(Self { file, place: place.ok_or_else(io::Error::last_os_error)? })
    }

    /// The descriptor of the memory.
    #[must_use]
    pub fn descriptor(&self) -> i32 {
        self.file.as_raw_fd()
    }
}

/// Wakes all who sleep on a word in shared memory.
pub fn wake(word: &AtomicU32) {
    // SAFETY: the kernel looks at the address only.
    unsafe { libc::syscall(libc::SYS_futex, std::ptr::from_ref(word), libc::FUTEX_WAKE, i32::MAX) };
}

impl<T> Deref for Shared<T> {
    type Target = T;

    fn deref(&self) -> &T {
        // SAFETY: mapped as long as `self` lives, zeroed or written by atomics; every bit pattern is valid.
        unsafe { self.place.as_ref() }
    }
}

impl<T> Drop for Shared<T> {
    fn drop(&mut self) {
        // SAFETY: the mapping is ours, and no reference outlives `self`.
        unsafe { libc::munmap(self.place.as_ptr().cast(), size_of::<T>()) };
    }
}
