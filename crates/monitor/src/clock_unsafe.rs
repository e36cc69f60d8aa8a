//! Clocks, read once for all variants; and time as the monitor's own threads may look at it.
//!
//! Tracers do without the time-stamp counter. The kernel forbids it to variants by a bit of CR4 that it writes whenever
//! one thread may use the counter and the next may not (`arch/x86/kernel/process.c`, `__switch_to_xtra`). Where the
//! processor is virtual that can be a call of the hypervisor: 6 us of 10 that a switch takes here (measured with two
//! processes that write to each other's pipes: 7 us there and back if both or none may use it, 20 us if one may). So a
//! tracer that gives it up, too, halves the cost of a stop. Its clock must not be the vDSO's then: `std::time::Instant`
//! would end in SIGSEGV.

use std::time::Duration;

/// Gives the time-stamp counter up, for this thread; elsewhere it is a fault from now on.
pub fn give_up_time_stamps() {
    set_time_stamps(libc::PR_TSC_SIGSEGV);
}

fn set_time_stamps(mode: i32) {
    // SAFETY: takes integers only. Where the kernel can't do it, nothing changes.
    unsafe { libc::prctl(libc::PR_SET_TSC, mode, 0, 0, 0) };
}

fn has_time_stamps() -> bool {
    let mut mode = libc::PR_TSC_ENABLE;
    // SAFETY: the kernel writes one int to `mode`.
    unsafe { libc::prctl(libc::PR_GET_TSC, &raw mut mode, 0, 0, 0) };
    mode == libc::PR_TSC_ENABLE
}

/// Does what may need the time-stamp counter: code that is not the monitor's.
pub fn with_time_stamps<T>(work: impl FnOnce() -> T) -> T {
    if has_time_stamps() {
        return work();
    }
    set_time_stamps(libc::PR_TSC_ENABLE);
    let outcome = work();
    set_time_stamps(libc::PR_TSC_SIGSEGV);
    outcome
}

/// The time stamp now.
#[must_use]
pub fn timestamp() -> u64 {
    // SAFETY: every x86-64 processor has the instruction, and here it may be executed.
    with_time_stamps(|| unsafe { core::arch::x86_64::_rdtsc() })
}

/// Seconds and microseconds since the epoch.
#[must_use]
pub fn time_of_day() -> (i64, i64) {
    let mut value = libc::timeval { tv_sec: 0, tv_usec: 0 };
    // SAFETY: `value` is a live local; the time zone may be NULL. Not the vDSO's.
    unsafe { libc::syscall(libc::SYS_gettimeofday, &raw mut value, 0) };
    (value.tv_sec, value.tv_usec)
}

/// A moment, as every thread of the monitor may ask for it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Moment(Duration);

impl Moment {
    /// Now, by a system call.
    #[must_use]
    pub fn now() -> Self {
        let mut time = libc::timespec { tv_sec: 0, tv_nsec: 0 };
        // SAFETY: the kernel writes to `time`, a live local.
        unsafe { libc::syscall(libc::SYS_clock_gettime, libc::CLOCK_MONOTONIC, &raw mut time) };
        Self::of(time)
    }

    /// Now, some milliseconds ago. It costs next to nothing: the vDSO reads what the last tick of the kernel has left
    /// (lib/vdso/gettimeofday.c, `do_coarse`), and no counter.
    #[must_use]
    pub fn roughly_now() -> Self {
        let mut time = libc::timespec { tv_sec: 0, tv_nsec: 0 };
        // SAFETY: `time` is a live local.
        unsafe { libc::clock_gettime(libc::CLOCK_MONOTONIC_COARSE, &raw mut time) };
        Self::of(time)
    }

    fn of(time: libc::timespec) -> Self {
        let seconds = u64::try_from(time.tv_sec).unwrap_or(0);
        Self(Duration::new(seconds, u32::try_from(time.tv_nsec).unwrap_or(0)))
    }

    /// How long ago it was.
    #[must_use]
    pub fn elapsed(self) -> Duration {
        Self::now().0.saturating_sub(self.0)
    }

    /// How long ago it was, but for some milliseconds.
    #[must_use]
    pub fn roughly_elapsed(self) -> Duration {
        Self::roughly_now().0.saturating_sub(self.0)
    }
}

impl std::ops::Add<Duration> for Moment {
    type Output = Self;

    fn add(self, later: Duration) -> Self {
        Self(self.0.saturating_add(later))
    }
}

#[cfg(test)]
mod tests {
    use super::{Moment, give_up_time_stamps, has_time_stamps, timestamp, with_time_stamps};

    /// In a thread of its own, which ends with it.
    fn in_a_tracer(work: fn()) {
        std::thread::spawn(move || {
            give_up_time_stamps();
            work();
        })
        .join()
        .expect("no fault");
    }

    #[test]
    fn time_passes_without_time_stamps() {
        in_a_tracer(|| {
            let (exact, rough) = (Moment::now(), Moment::roughly_now());
            while exact.elapsed().as_millis() < 20 {}
            assert!(rough.roughly_elapsed().as_millis() >= 10 && rough <= Moment::now());
        });
    }

    #[test]
    fn time_stamps_are_there_where_they_are_wanted_only() {
        in_a_tracer(|| {
            let given_up = !has_time_stamps();
            assert!(timestamp() < timestamp());
            assert!(with_time_stamps(has_time_stamps));
            assert_eq!(has_time_stamps(), !given_up);
        });
    }
}
