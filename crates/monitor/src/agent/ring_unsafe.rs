//! The memory of a ring, as the monitor sees it.

use std::fs::File;
use std::io;
use std::ops::Deref;
use std::os::fd::AsRawFd;
use std::ptr::NonNull;
use std::sync::atomic::{AtomicI32, AtomicU64, Ordering};

use stretto_abi::ring::{MAX_VARIANTS, Ring, RingWithBulk};

use super::sealed_unsafe::anonymous;

/// Bytes of a ring and its bulk.
pub const SIZE: usize = size_of::<RingWithBulk>();
/// Bytes of a page: each of a ring's parts has one writer.
const PAGE: u64 = 4096;

/// What it costs a follower to open something again, in what an `open` costs less when it need not open it (some 30 us
/// and 20 us, measured), rounded up; and how much of it there has to be.
const REOPENED: i32 = 2;
const MAPPED: i32 = 8;

/// A ring: shared memory that every variant of the set maps.
#[derive(Debug)]
pub struct RingMemory {
    file: File,
    place: NonNull<RingWithBulk>,
    /// Files that followers had to open again, to map them, against files that they need not open.
    mapped: AtomicI32,
}

// SAFETY: everything in a ring is an atomic.
unsafe impl Send for RingMemory {}
// SAFETY: as above.
unsafe impl Sync for RingMemory {}

impl RingMemory {
    /// An empty ring in which `active` variants (bits) take part.
    ///
    /// # Errors
    /// If there is no memory.
    pub fn new(active: u32, slow: &[u32; MAX_VARIANTS]) -> io::Result<Self> {
        let file = anonymous(c"stretto-ring")?;
        file.set_len(SIZE as u64)?;
        // SAFETY: a new shared mapping of a file that has this size.
        let place = unsafe {
            libc::mmap(
                std::ptr::null_mut(),
                SIZE,
                libc::PROT_READ | libc::PROT_WRITE,
                libc::MAP_SHARED,
                file.as_raw_fd(),
                0,
            )
        };
        let place = NonNull::new(place.cast()).filter(|_| place != libc::MAP_FAILED);
        let place = place.ok_or_else(io::Error::last_os_error)?;
        let ring = Self { file, place, mapped: AtomicI32::new(0) };
        ring.notices.active.store(active, Ordering::Release);
        for (word, count) in ring.notices.slow.iter().zip(slow) {
            word.store(*count, Ordering::Release);
        }
        Ok(ring)
    }

    /// The descriptor of its memory.
    #[must_use]
    pub fn descriptor(&self) -> i32 {
        self.file.as_raw_fd()
    }

    /// What is too large for records.
    #[must_use]
    pub fn bulk(&self) -> &[AtomicU64] {
        // SAFETY: as for the ring (see `deref`).
        unsafe { &self.place.as_ref().bulk }
    }

    /// Threads of the process take turns from now on.
    pub fn take_turns(&self) {
        self.notices.turns.store(1, Ordering::SeqCst);
    }

    /// The leader has opened what followers hold a placeholder for.
    pub fn note_open(&self) {
        if self.mapped.load(Ordering::Relaxed) > -MAPPED {
            self.mapped.fetch_sub(1, Ordering::Relaxed);
        }
    }

    /// A follower had to open it again, to map it. Where that comes often, followers open with the leader from now on.
    pub fn note_mapping(&self) {
        if self.mapped.fetch_add(REOPENED, Ordering::Relaxed) > MAPPED {
            self.notices.opens.store(1, Ordering::Relaxed);
        }
    }

    /// Says that a notice has changed, and wakes who sleeps.
    pub fn announce(&self) {
        let news = &self.notices.news;
        news.fetch_add(1, Ordering::SeqCst);
        if self.posts.iter().all(|post| post.sleeping.load(Ordering::SeqCst) == 0) {
            return;
        }
        // SAFETY: the word is in memory that lives as long as `self`.
        unsafe {
            libc::syscall(libc::SYS_futex, std::ptr::from_ref(news), libc::FUTEX_WAKE, i32::MAX);
        }
    }
}

impl Deref for RingMemory {
    type Target = Ring;

    fn deref(&self) -> &Ring {
        // SAFETY: mapped as long as `self` lives, zeroed or written by atomics; every bit pattern is valid.
        unsafe { &self.place.as_ref().ring }
    }
}

impl Drop for RingMemory {
    fn drop(&mut self) {
        // SAFETY: the mapping is ours, and no reference outlives `self`.
        unsafe { libc::munmap(self.place.as_ptr().cast(), SIZE) };
    }
}

/// What `variant` may write: byte ranges of the ring. The rest it only reads.
#[must_use]
pub fn writable(variant: usize) -> Vec<(u64, u64)> {
    let own = (PAGE * (1 + variant as u64), PAGE);
    let data = PAGE * (1 + MAX_VARIANTS as u64);
    if variant == 0 { vec![own, (data, SIZE as u64 - data)] } else { vec![own] }
}
