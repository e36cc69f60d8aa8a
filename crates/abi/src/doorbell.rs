//! One variant tells whoever looks on another's CPU that a neighbour there has what it waits for.
//!
//! Several threads of a variant wait for their counterparts at once, each at its ring, and take turns with
//! `sched_yield`. The one that runs can't see the other rings. So who has let others run says so
//! ([`AWAY`](crate::ring::AWAY)), and who writes what it waits for rings; then everybody on that CPU lets
//! the others run at once, until the one that was meant finds its ring changed.
//!
//! Whose looking has paid last is the likeliest to be the next: the leader makes many calls in a row in one process. It
//! says so, and the others let others run sooner.

#[cfg(not(loom))]
use core::sync::atomic::{AtomicU32, Ordering};
#[cfg(loom)]
use loom::sync::atomic::{AtomicU32, Ordering};

use crate::ring::{Line, MAX_VARIANTS, variants};

/// The bells of a run, by variant. Any variant may write all of this: it says when to look, nothing else.
#[derive(Debug, Default)]
#[cfg_attr(not(loom), repr(C))]
pub struct Doorbells {
    bells: [Line<AtomicU32>; MAX_VARIANTS],
    /// The set whose looking has paid last.
    served: [Line<AtomicU32>; MAX_VARIANTS],
}

impl Doorbells {
    /// How often `variant` has been called.
    #[must_use]
    pub fn rung(&self, variant: usize) -> u32 {
        self.bells[variant % MAX_VARIANTS].load(Ordering::Relaxed)
    }

    /// Whether it was `set` whose looking has paid last in `variant`.
    #[must_use]
    pub fn was_served(&self, variant: usize, set: u32) -> bool {
        self.served[variant % MAX_VARIANTS].load(Ordering::Relaxed) == set
    }

    /// The looking of `set` in `variant` has paid.
    pub fn serve(&self, variant: usize, set: u32) {
        // Seldom another one: the line stays where it is.
        if !self.was_served(variant, set) {
            self.served[variant % MAX_VARIANTS].store(set, Ordering::Relaxed);
        }
    }

    /// Calls `others` (bits).
    pub fn ring(&self, others: u32) {
        for variant in variants(others) {
            self.bells[variant % MAX_VARIANTS].fetch_add(1, Ordering::Relaxed);
        }
    }
}
