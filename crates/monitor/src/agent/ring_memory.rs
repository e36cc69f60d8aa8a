//! The memory of a ring, as the monitor sees it.

use std::io;
use std::mem::offset_of;
use std::ops::Deref;
use std::sync::atomic::{AtomicI32, AtomicU64, Ordering};

use stretto_abi::ring::{Cursor, MAX_VARIANTS, Post, Ring, RingWithBulk};

use super::shared_unsafe::{Shared, wake};
use super::words::copy;

/// Bytes of a ring and its bulk.
pub const SIZE: usize = Shared::<RingWithBulk>::SIZE;
/// Bytes of a page: each of a ring's parts has one writer.
const PAGE: u64 = 4096;

/// What it costs a follower to open something again, in what an `open` costs less when it need not open it (some 30 us
/// and 20 us, measured), rounded up; and how much of it there has to be, or to be missing.
const REOPENED: i32 = 2;
const MAPPED: i32 = 8;
/// Followers open files with the leader, while most are mapped.
const WHILE_MAPPED: u32 = 1;
/// The same, whatever becomes of them.
const FOR_EVER: u32 = 2;

/// A ring: shared memory that every variant of the set maps.
#[derive(Debug)]
pub struct RingMemory {
    memory: Shared<RingWithBulk>,
    /// Files that followers need, to map them, against files that they need not open.
    mapped: AtomicI32,
    /// Where the leader has it; 0: not yet.
    leaders: AtomicU64,
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
            leaders: AtomicU64::new(0),
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

    /// The leader has it at `address`.
    pub fn note_leaders(&self, address: u64) {
        self.leaders.store(address, Ordering::Relaxed);
    }

    /// Whether a record or the bulk of this ring lies at `address` in the leader.
    #[must_use]
    pub fn is_leaders(&self, address: u64) -> bool {
        self.leaders(address).is_some()
    }

    /// Reads what the leader has at `address`, as much as there is. `None`: no record or bulk of this ring.
    pub fn read_leaders(&self, address: u64, buffer: &mut [u8]) -> Option<usize> {
        let (words, at) = self.leaders(address)?;
        Some(copy(words, at, buffer))
    }

    /// The words that lie at `address` in the leader, and how many bytes before it they begin.
    fn leaders(&self, address: u64) -> Option<(&[AtomicU64], usize)> {
        let at = usize::try_from(address.checked_sub(self.leaders.load(Ordering::Relaxed))?).ok()?;
        let within = |start: usize, words| Some((words, at.checked_sub(start)?));
        let bulk = within(offset_of!(RingWithBulk, bulk), self.bulk());
        bulk.or_else(|| within(offset_of!(RingWithBulk, ring.data), &self.data[..]))
            .filter(|(words, at)| *at < size_of_val(*words))
    }

    /// Whether `follower` has agreed to the record at `cursor`, and waits for its outcome. Whoever is done with a record has
    /// seen it taken back, and comes with the call another time.
    #[must_use]
    pub fn waits_in(&self, cursor: Cursor, follower: usize) -> bool {
        self.has_agreed(cursor, follower) && self.cursor(follower).number == cursor.number
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

    /// The leader has opened something. Where little of that is mapped, followers hold placeholders for it from now on.
    pub fn note_open(&self) {
        if self.mapped.load(Ordering::Relaxed) > -MAPPED {
            self.mapped.fetch_sub(1, Ordering::Relaxed);
        } else {
            self.change_opens(WHILE_MAPPED, 0);
        }
    }

    /// Followers need it, to map it. Where that comes often, they open with the leader from now on.
    pub fn note_mapping(&self) {
        if self.mapped.load(Ordering::Relaxed) <= MAPPED {
            self.mapped.fetch_add(REOPENED, Ordering::Relaxed);
        } else {
            self.change_opens(0, WHILE_MAPPED);
        }
    }

    /// What is [`FOR_EVER`] stays.
    fn change_opens(&self, from: u32, to: u32) {
        let _ = self.notices.opens.compare_exchange(from, to, Ordering::Relaxed, Ordering::Relaxed);
    }

    /// Followers can't open what the leader has open, and never will.
    pub fn open_together(&self) {
        self.notices.opens.store(FOR_EVER, Ordering::Relaxed);
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

#[cfg(test)]
mod tests {
    use super::*;

    const LEADERS: u64 = 0x7000_0000;

    fn ring() -> RingMemory {
        RingMemory::new(1, 3, &[0; MAX_VARIANTS]).expect("memory")
    }

    #[test]
    fn what_the_leader_has_in_its_ring_is_read_where_it_has_it() {
        let ring = ring();
        ring.data[2].store(u64::from_le_bytes(*b"/usr/inc"), Ordering::Relaxed);
        ring.data[3].store(u64::from_le_bytes(*b"lude/a.h"), Ordering::Relaxed);
        let data = LEADERS + offset_of!(RingWithBulk, ring.data) as u64;
        let mut buffer = [0; 11];
        assert_eq!(ring.read_leaders(data + 17, &mut buffer), None);
        ring.note_leaders(LEADERS);
        assert_eq!(ring.read_leaders(data + 17, &mut buffer), Some(11));
        assert_eq!(&buffer, b"usr/include");
    }

    #[test]
    fn followers_open_with_the_leader_while_most_is_mapped() {
        let ring = ring();
        let opens = || ring.notices.opens.load(Ordering::Relaxed) != 0;
        let library = || {
            ring.note_open();
            ring.note_mapping();
        };
        (0..8).for_each(|_| library());
        assert!(!opens(), "a program's own libraries are few");
        (0..8).for_each(|_| library());
        assert!(opens());
        (0..10).for_each(|_| ring.note_open());
        assert!(opens());
        (0..10).for_each(|_| ring.note_open());
        assert!(!opens());
        ring.open_together();
        (0..40).for_each(|_| ring.note_open());
        assert!(opens());
    }

    #[test]
    fn nothing_is_read_beside_records_and_bulk() {
        let ring = ring();
        ring.note_leaders(LEADERS);
        let (end, mut buffer) = (LEADERS + size_of::<RingWithBulk>() as u64, [0; 8]);
        let data = LEADERS + offset_of!(RingWithBulk, ring.data) as u64;
        for beside in [0, LEADERS - 1, LEADERS, data - 1, end, u64::MAX] {
            assert_eq!(ring.read_leaders(beside, &mut buffer), None, "{beside:#x}");
        }
        assert_eq!(ring.read_leaders(end - 3, &mut buffer), Some(3));
    }
}
