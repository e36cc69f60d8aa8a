//! The processor's time stamp, read once for all variants.

/// The time stamp now.
#[must_use]
pub fn timestamp() -> u64 {
    // SAFETY: every x86-64 processor has the instruction; the monitor's own threads may execute it.
    unsafe { core::arch::x86_64::_rdtsc() }
}
