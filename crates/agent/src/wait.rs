//! Waiting for another variant: looking for a while, then sleeping.

use core::sync::atomic::{AtomicU32, AtomicU64, Ordering, fence};

use stretto_abi::context::Plan;
use stretto_abi::ring::{MAX_VARIANTS, Ring};

use crate::machine_unsafe::gate;

const SYS_FUTEX: u64 = 202;
const SYS_FUTEX_WAITV: u64 = 449;
const FUTEX_WAKE: u64 = 1;
/// FUTEX2_SIZE_U32, include/uapi/linux/futex.h; not private: the ring is shared between processes.
const FUTEX_32: u32 = 2;

/// As few looks as this cost less than a system call.
const FEWEST: u32 = 8;

/// One word to sleep on (struct futex_waitv).
#[repr(C)]
struct Waiter {
    value: u64,
    address: u64,
    flags: u32,
    reserved: u32,
}

impl Waiter {
    fn new(address: u64, value: u32) -> Self {
        Self { value: value.into(), address, flags: FUTEX_32, reserved: 0 }
    }
}

/// A variant at its ring.
#[derive(Clone, Copy, Debug)]
pub struct Seat<'s> {
    pub ring: &'s Ring,
    pub plan: &'s Plan,
}

impl Seat<'_> {
    /// Which variant this is.
    pub fn variant(&self) -> usize {
        self.plan.variant as usize % MAX_VARIANTS
    }

    /// The word that says that this variant's call is the monitor's.
    pub fn attention(&self) -> &AtomicU32 {
        &self.ring.notices.attention[self.variant()]
    }

    /// The followers that take part, as bits.
    pub fn followers(&self) -> u32 {
        self.ring.notices.active.load(Ordering::Relaxed) & !1
    }

    /// How often `variant` has stopped in the monitor.
    pub fn slow(&self, variant: usize) -> u32 {
        self.ring.notices.slow[variant % MAX_VARIANTS].load(Ordering::Acquire)
    }

    /// Waits until `ready` gives something. It looks at what another variant writes to the word at `address`, which
    /// `value` reads, and at the monitor's notices.
    pub fn until<T>(&self, address: u64, value: impl Fn() -> u32, mut ready: impl FnMut() -> Option<T>) -> T {
        let news = &self.ring.notices.news;
        let own = &self.ring.posts[self.variant()];
        loop {
            let looks = self.looks();
            for _ in 0..looks {
                if let Some(result) = ready() {
                    // Looking pays: look longer the next time.
                    own.looks.store((looks + looks / 2 + 1).min(self.plan.looks), Ordering::Relaxed);
                    return result;
                }
                core::hint::spin_loop();
            }
            own.looks.store((looks / 2).max(FEWEST), Ordering::Relaxed);
            own.sleeping.swap(1, Ordering::SeqCst);
            let (seen, heard) = (value(), news.load(Ordering::SeqCst));
            let result = ready();
            if result.is_none() {
                let waiters =
                    [Waiter::new(address, seen), Waiter::new(core::ptr::from_ref(news) as u64, heard)];
                let arguments = [waiters.as_ptr() as u64, 2, 0, 0, 0, self.plan.secret];
                gate(SYS_FUTEX_WAITV, &arguments, &self.plan.never);
            }
            own.sleeping.store(0, Ordering::Relaxed);
            if let Some(result) = result {
                return result;
            }
        }
    }

    /// How often to look before sleeping. It adapts, because others of the same variant may need the CPU: looking that
    /// ended with sleep halves it.
    fn looks(&self) -> u32 {
        match self.ring.posts[self.variant()].looks.load(Ordering::Relaxed) {
            0 => self.plan.looks,
            looks => looks.min(self.plan.looks),
        }
    }

    /// Wakes `variants` (bits) that sleep on the word at `address`, which has just been written.
    pub fn wake(&self, variants: u32, address: u64) {
        fence(Ordering::SeqCst);
        let asleep = (0..MAX_VARIANTS)
            .filter(|&variant| variants & 1 << variant != 0)
            .any(|variant| self.ring.posts[variant].sleeping.load(Ordering::Relaxed) != 0);
        if asleep {
            let arguments = [address, FUTEX_WAKE, MAX_VARIANTS as u64, 0, 0, self.plan.secret];
            gate(SYS_FUTEX, &arguments, &self.plan.never);
        }
    }
}

/// Where a word's low half lies, which is what futexes look at.
pub fn low_half(word: &AtomicU64) -> u64 {
    core::ptr::from_ref(word) as u64
}
