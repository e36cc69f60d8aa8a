//! Waiting for another variant: looking for a while, then sleeping.

use core::sync::atomic::{AtomicU32, AtomicU64, Ordering};

use stretto_abi::context::Plan;
use stretto_abi::ring::{self, MAX_VARIANTS, Ring, RingWithBulk};

use crate::machine_unsafe::gate;

const SYS_SCHED_YIELD: u64 = 24;
const SYS_FUTEX: u64 = 202;
const SYS_FUTEX_WAITV: u64 = 449;
const FUTEX_WAKE: u64 = 1;
/// FUTEX2_SIZE_U32, include/uapi/linux/futex.h; not private: the ring is shared between processes.
const FUTEX_32: u32 = 2;

/// As few looks as this cost less than to sleep.
const FEWEST: u32 = 8;
/// How often a variant lets its neighbours run before it sleeps.
const YIELDS: u32 = 64;

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
    pub memory: &'s RingWithBulk,
    pub plan: &'s Plan,
}

impl<'s> Seat<'s> {
    /// The ring without its bulk.
    pub fn ring(&self) -> &'s Ring {
        &self.memory.ring
    }

    /// Which variant this is.
    pub fn variant(&self) -> usize {
        self.plan.variant as usize % MAX_VARIANTS
    }

    /// The word that says that this variant's call is the monitor's.
    pub fn attention(&self) -> &AtomicU32 {
        &self.ring().notices.attention[self.variant()]
    }

    /// The followers that take part, as bits.
    pub fn followers(&self) -> u32 {
        self.ring().notices.active.load(Ordering::Relaxed) & !1
    }

    /// How often `variant` has stopped in the monitor.
    pub fn slow(&self, variant: usize) -> u32 {
        self.ring().notices.slow[variant % MAX_VARIANTS].load(Ordering::Acquire)
    }

    /// Waits until `ready` gives something. It looks at what another variant writes to the word at `address`, which
    /// `value` reads, and at the monitor's notices.
    pub fn until<T>(&self, address: u64, value: impl Fn() -> u32, mut ready: impl FnMut() -> Option<T>) -> T {
        loop {
            if let Some(result) = self.look(&mut ready) {
                return result;
            }
            let own = &self.ring().posts[self.variant()];
            let news = &self.ring().notices.news;
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

    /// Looks for as long as that has paid lately: others of the same variant may need the CPU. Looking that ended with
    /// sleep halves the time, looking that did not lengthens it. Where variants share the CPU, each look lets the
    /// others run.
    fn look<T>(&self, ready: &mut impl FnMut() -> Option<T>) -> Option<T> {
        let alone = self.plan.neighbours == 0;
        let most = if alone { self.plan.looks } else { YIELDS };
        let patience = &self.ring().posts[self.variant()].looks;
        let looks = match patience.load(Ordering::Relaxed) {
            0 => most,
            looks => looks.min(most),
        };
        for _ in 0..looks {
            if let Some(result) = ready() {
                patience.store((looks + looks / 2).min(most), Ordering::Relaxed);
                return Some(result);
            }
            if alone {
                core::hint::spin_loop();
            } else {
                let arguments = [0, 0, 0, 0, 0, self.plan.secret];
                gate(SYS_SCHED_YIELD, &arguments, &self.plan.never);
            }
        }
        patience.store((looks / 2).max(FEWEST), Ordering::Relaxed);
        None
    }

    /// Wakes `variants` (bits) that sleep on the word at `address`, which has just been written.
    pub fn wake(&self, variants: u32, address: u64) {
        // Who is about to sleep says so, then looks once more; the word was written, then this is read: all in one
        // order (`SeqCst`), so that one of the two sees the other. No fence: all writers exchange, which is one.
        let asleep = ring::variants(variants)
            .any(|variant| self.ring().posts[variant].sleeping.load(Ordering::SeqCst) != 0);
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
