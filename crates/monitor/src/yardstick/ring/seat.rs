//! A variant at the ring: looking for what another variant writes, or sleeping until it does.

use std::sync::atomic::{AtomicU64, Ordering};

use stretto_abi::ring::{MAX_VARIANTS, Ring};

use super::futex_unsafe;

/// Looks before a variant sleeps: more than any wait takes on a machine that does nothing else. Where there is other
/// work, one that sleeps is preferred by the scheduler when it is needed, and one that spins has used its slice up.
const LOOKS: u32 = 2000;
/// The same where another variant needs this CPU.
const LOOKS_CROWDED: u32 = 20;

#[derive(Clone, Copy, Debug)]
pub struct Seat<'r> {
    pub ring: &'r Ring,
    /// 0 is the leader.
    pub variant: usize,
    /// The followers, as bits.
    pub followers: u32,
    /// It shares its CPU with another variant.
    pub crowded: bool,
}

impl Seat<'_> {
    /// Waits until `ready` gives something, which depends on the word at `address`, now `value`. `None`: somebody has
    /// ended.
    pub fn until<T>(
        &self,
        address: u64,
        value: impl Fn() -> u32,
        ready: impl Fn() -> Option<T>,
    ) -> Option<T> {
        let mut looks = 0;
        loop {
            if let Some(result) = ready() {
                return Some(result);
            }
            if self.ring.notices.attention[self.variant].load(Ordering::Relaxed) != 0 {
                return None;
            }
            if looks < if self.crowded { LOOKS_CROWDED } else { LOOKS } {
                looks += 1;
                std::hint::spin_loop();
            } else {
                self.sleep(address, &value, || ready().is_some());
                looks = 0;
            }
        }
    }

    fn sleep(&self, address: u64, value: impl Fn() -> u32, ready: impl Fn() -> bool) {
        let news = &self.ring.notices.news;
        let own = &self.ring.posts[self.variant];
        own.sleeping.swap(1, Ordering::SeqCst);
        let (seen, heard) = (value(), news.load(Ordering::SeqCst));
        if !ready() {
            futex_unsafe::wait([(address, seen), (std::ptr::from_ref(news) as u64, heard)]);
        }
        own.sleeping.store(0, Ordering::Relaxed);
    }

    /// Wakes `variants` (bits) that sleep on the word at `address`, which has just been written (`SeqCst`).
    pub fn wake(&self, variants: u32, address: u64) {
        let asleep = (0..MAX_VARIANTS)
            .filter(|&variant| variants & 1 << variant != 0)
            .any(|variant| self.ring.posts[variant].sleeping.load(Ordering::SeqCst) != 0);
        if asleep {
            futex_unsafe::wake(address);
        }
    }
}

/// Tells all variants that one has ended too early.
pub fn dismiss(ring: &Ring) {
    for attention in &ring.notices.attention {
        attention.store(1, Ordering::SeqCst);
    }
    ring.notices.news.fetch_add(1, Ordering::SeqCst);
    futex_unsafe::wake(std::ptr::from_ref(&ring.notices.news) as u64);
}

/// Where a word's low half lies, which is what futexes look at.
pub fn low_half(word: &AtomicU64) -> u64 {
    std::ptr::from_ref(word) as u64
}

/// The low half of a word.
#[allow(clippy::cast_possible_truncation)] // that half is what is wanted
pub fn low(word: &AtomicU64) -> u32 {
    word.load(Ordering::SeqCst) as u32
}
