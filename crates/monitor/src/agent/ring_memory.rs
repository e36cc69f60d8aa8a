//! The memory of a ring, as the monitor sees it.

use std::io;
use std::ops::Deref;
use std::sync::atomic::{AtomicI32, AtomicU64, Ordering};

use stretto_abi::ring::{MAX_VARIANTS, Post, Ring, RingWithBulk};

use super::shared_unsafe::{Shared, wake};

/// Bytes of a ring and its bulk.
pub const SIZE: usize = Shared::<RingWithBulk>::SIZE;
/// Bytes of a page: each of a ring's parts has one writer.
const PAGE: u64 = 4096;

/// What it costs a follower to open something again, in what an `open` costs less when it need not open it (some 30 us
/// and 20 us, measured), rounded up; and how much of it there has to be.
const REOPENED: i32 = 2;
const MAPPED: i32 = 8;

/// A ring: shared memory that every variant of the set maps.
#[derive(Debug)]
pub struct RingMemory {
    memory: Shared<RingWithBulk>,
    /// Files that followers had to open again, to map them, against files that they need not open.
    mapped: AtomicI32,
    /// The last record whose call was approved, counted from 1; 0: none.
    approved: AtomicU64,
}

impl RingMemory {
    /// An empty ring of `set`, in which `active` variants (bits) take part.
    ///
    /// # Errors
    /// If there is no memory.
    pub fn new(set: u32, active: u32, slow: &[u32; MAX_VARIANTS]) -> io::Result<Self> {
        let ring = Self {
            memory: Shared::new(c"stretto-ring")?,
            mapped: AtomicI32::new(0),
            approved: AtomicU64::new(0),
        };
        ring.notices.set.store(set, Ordering::Release);
        ring.notices.active.store(active, Ordering::Release);
        for (word, count) in ring.notices.slow.iter().zip(slow) {
            word.store(*count, Ordering::Release);
        }
        Ok(ring)
    }

    /// The descriptor of its memory.
    #[must_use]
    pub fn descriptor(&self) -> i32 {
        self.memory.descriptor()
    }

    /// What is too large for records.
    #[must_use]
    pub fn bulk(&self) -> &[AtomicU64] {
        &self.memory.bulk
    }

    /// Threads of the process take turns from now on.
    pub fn take_turns(&self) {
        self.notices.turns.store(1, Ordering::SeqCst);
    }

    /// The call in the record of this number may pass. False: that was said before.
    pub fn approve(&self, record: u32) -> bool {
        let approved = u64::from(record) + 1;
        self.approved.swap(approved, Ordering::Relaxed) != approved
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
        if self.posts.iter().any(Post::is_asleep) {
            wake(news);
        }
    }
}

impl Deref for RingMemory {
    type Target = Ring;

    fn deref(&self) -> &Ring {
        &self.memory.ring
    }
}

/// What `variant` may write: byte ranges of the ring. The rest it only reads.
#[must_use]
pub fn writable(variant: usize) -> Vec<(u64, u64)> {
    let own = (PAGE * (1 + variant as u64), PAGE);
    let data = PAGE * (1 + MAX_VARIANTS as u64);
    if variant == 0 { vec![own, (data, SIZE as u64 - data)] } else { vec![own] }
}
