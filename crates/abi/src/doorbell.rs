//! One variant tells whoever looks on another's CPU that a neighbour there has what it waits for.
//!
//! Several threads of a variant wait for their counterparts at once, each at its ring, and take turns with
//! `sched_yield`. The one that runs can't see the other rings. So who has let others run says so
//! ([`AWAY`](crate::ring::AWAY)), and who writes what it waits for rings; then everybody on that CPU lets
//! the others run at once, until the one that was meant finds its ring changed.

#[cfg(not(loom))]
use core::sync::atomic::{AtomicU32, Ordering};
#[cfg(loom)]
use loom::sync::atomic::{AtomicU32, Ordering};

use crate::ring::{Line, MAX_VARIANTS, variants};

/// The bells of a run, by variant. Any variant may write all of them: they say when to look, nothing else.
#[derive(Debug, Default)]
#[cfg_attr(not(loom), repr(C))]
pub struct Doorbells([Line<AtomicU32>; MAX_VARIANTS]);

impl Doorbells {
    /// How often `variant` has been called.
    #[must_use]
    pub fn rung(&self, variant: usize) -> u32 {
        self.0[variant % MAX_VARIANTS].load(Ordering::Relaxed)
    }

    /// Calls `others` (bits).
    pub fn ring(&self, others: u32) {
        for variant in variants(others) {
            self.0[variant % MAX_VARIANTS].fetch_add(1, Ordering::Relaxed);
        }
    }
}
