//! Where the loops report their times.

use std::io;
use std::sync::atomic::{AtomicU64, Ordering};

use super::shared_unsafe::Shared;
use crate::MAX_VARIANTS;

/// Nanoseconds of the monotonic clock before and after the loop; `go` starts it.
#[derive(Debug, Default)]
#[repr(align(128))]
pub struct Slot {
    pub go: AtomicU64,
    pub start: AtomicU64,
    pub end: AtomicU64,
}

/// One for each variant.
pub type Slots = [Slot; MAX_VARIANTS];

/// The loops of one measurement.
#[derive(Debug)]
pub struct Board(Shared<Slots>);

impl Board {
    pub fn new() -> io::Result<Self> {
        Shared::new().map(Self)
    }

    pub fn slot(&self, variant: usize) -> &Slot {
        &self.0[variant]
    }

    /// Lets a variant begin.
    pub fn go(&self, variant: usize) {
        self.slot(variant).go.store(1, Ordering::Release);
    }

    /// The leader's time per call.
    pub fn nanoseconds(&self, iterations: u64) -> io::Result<f64> {
        let slot = self.slot(0);
        let (start, end) = (slot.start.load(Ordering::Acquire), slot.end.load(Ordering::Acquire));
        if end <= start {
            return Err(io::Error::other("the loop did not come to its end"));
        }
        #[allow(clippy::cast_precision_loss)] // far below 2^52
        Ok((end - start) as f64 / iterations as f64)
    }
}
