//! The agent's wait.rs.

use std::sync::atomic::Ordering;

use stretto_abi::ring::{MAX_VARIANTS, Shared};

use super::World;
use super::sync::{fence, in_order, spin_loop};

/// A variant at its ring.
pub struct Seat<'w, const WORDS: usize> {
    pub world: &'w World<WORDS>,
    pub variant: usize,
}

impl<const WORDS: usize> Seat<'_, WORDS> {
    pub fn ring(&self) -> &Shared<WORDS> {
        &self.world.ring
    }

    /// Whether this variant's call is the monitor's.
    pub fn attention(&self) -> bool {
        self.ring().notices.attention[self.variant].load(Ordering::Relaxed) != 0
    }

    pub fn followers(&self) -> u32 {
        self.ring().notices.active.load(Ordering::Relaxed) & !1
    }

    pub fn slow(&self, variant: usize) -> u32 {
        self.ring().notices.slow[variant].load(Ordering::Acquire)
    }

    pub fn until<T>(
        &self,
        address: usize,
        value: impl Fn() -> u32,
        mut ready: impl FnMut() -> Option<T>,
    ) -> T {
        let news = &self.ring().notices.news;
        loop {
            for _ in 0..self.world.looks {
                if let Some(result) = ready() {
                    return result;
                }
                spin_loop();
            }
            let own = &self.ring().posts[self.variant];
            own.sleeping.swap(1, Ordering::SeqCst);
            in_order();
            let (seen, heard) = (value(), news.load(Ordering::SeqCst));
            let result = ready();
            if result.is_none() {
                let unchanged = || value() == seen && news.load(Ordering::SeqCst) == heard;
                self.world.futexes.sleep(self.variant, [address, address_of(news)], unchanged);
            }
            own.sleeping.store(0, Ordering::Relaxed);
            if let Some(result) = result {
                return result;
            }
        }
    }

    pub fn wake(&self, variants: u32, address: usize) {
        fence(Ordering::SeqCst);
        let asleep = (0..MAX_VARIANTS)
            .filter(|&variant| variants & 1 << variant != 0)
            .any(|variant| self.ring().posts[variant].sleeping.load(Ordering::Relaxed) != 0);
        if asleep {
            self.world.futexes.wake(address);
        }
    }
}

/// Where a word lies, or its low half, which is what futexes look at.
pub fn address_of<T>(word: &T) -> usize {
    std::ptr::from_ref(word).addr()
}
