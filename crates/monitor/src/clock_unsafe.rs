//! Clocks, read once for all variants.

/// The time stamp now.
#[must_use]
pub fn timestamp() -> u64 {
    // SAFETY: every x86-64 processor has the instruction; the monitor's own threads may execute it.
    unsafe { core::arch::x86_64::_rdtsc() }
}

/// Seconds and microseconds since the epoch.
#[must_use]
pub fn time_of_day() -> (i64, i64) {
    let mut value = libc::timeval { tv_sec: 0, tv_usec: 0 };
    // SAFETY: `value` is a live local; the time zone may be NULL.
    unsafe { libc::gettimeofday(&raw mut value, std::ptr::null_mut()) };
    (value.tv_sec, value.tv_usec)
}
