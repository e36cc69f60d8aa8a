//! How long a tracer looks for news before it sleeps: as long as that has paid lately, after the same call.
//!
//! Others of its variant may need the CPU. A `futex` on which a thread waits takes long, the `openat` before it does not.
//! Agents do the same (`stretto_agent::wait`).

use std::time::Duration;

use stretto_abi::ring::CALLS;

use crate::placement::Placement;

/// Looks at the mailbox between two looks for stops; the latter are system calls that delay the answer.
const LOOKS: u32 = 400;
/// The same where another variant needs this CPU.
const LOOKS_CROWDED: u32 = 20;

/// Sleeping costs a wake-up across CPUs (25-90 us measured on a virtual machine without halt polling), so looking for
/// about as long is the competitive choice.
const MOST: Duration = Duration::from_micros(60);
/// Looking for less than this costs less than to sleep.
const LEAST: Duration = Duration::from_micros(4);
/// Once in so many times it looks for long again: what it waits for may have become quick.
const AGAIN: u8 = 8;

/// What a tracer may do to the others on its CPU.
#[derive(Clone, Copy, Debug)]
pub struct Looking {
    /// Looks at the mailbox between two looks for stops; 0: none, it sleeps at once.
    pub looks: u32,
    /// It lets others run before it looks on. That costs it a slice, so slices have to be short.
    pub yields: bool,
}

impl Looking {
    pub fn of(placement: &Placement, variant: usize) -> Self {
        let yields = placement.short_slices;
        let looks = match placement.shares(variant) {
            false => LOOKS,
            true if yields => LOOKS_CROWDED,
            true => 0,
        };
        Self { looks, yields }
    }
}

/// What a tracer has learnt.
#[derive(Debug)]
pub struct Patience {
    learnt: [(Duration, u8); CALLS],
    place: usize,
}

impl Default for Patience {
    fn default() -> Self {
        Self { learnt: [(MOST, 0); CALLS], place: 0 }
    }
}

impl Patience {
    /// A thread has come with the call of this number.
    #[allow(clippy::cast_possible_truncation)] // a few bits are what is wanted
    pub fn begin(&mut self, nr: u64) {
        self.place = nr as usize % CALLS;
    }

    /// How long to look now.
    #[must_use]
    pub fn time(&self) -> Duration {
        let (time, slept) = self.learnt[self.place];
        if slept % AGAIN == AGAIN - 1 { MOST } else { time }
    }

    /// News came in time.
    pub fn pays(&mut self) {
        self.learnt[self.place] = (MOST, 0);
    }

    /// Nothing came.
    pub fn exhausted(&mut self) {
        let (time, slept) = self.learnt[self.place];
        self.learnt[self.place] = ((time / 2).max(LEAST), slept.wrapping_add(1));
    }
}

#[cfg(test)]
mod tests {
    use super::{AGAIN, CALLS, LEAST, MOST, Patience};

    #[test]
    fn looking_that_does_not_pay_becomes_short_for_that_call_only() {
        let mut patience = Patience::default();
        patience.begin(202);
        (0..6).for_each(|_| patience.exhausted());
        assert_eq!(patience.time(), LEAST);
        patience.begin(0);
        assert_eq!(patience.time(), MOST);
        patience.begin(202);
        patience.pays();
        assert_eq!(patience.time(), MOST);
    }

    #[test]
    #[allow(clippy::cast_possible_truncation, clippy::cast_sign_loss)] // numbers of calls
    fn calls_that_programs_make_in_turn_learn_apart() {
        let slow = [libc::SYS_read, libc::SYS_write, libc::SYS_poll, libc::SYS_recvfrom, libc::SYS_futex];
        let quick = [libc::SYS_openat, libc::SYS_newfstatat, libc::SYS_getdents64, libc::SYS_close];
        let waits = [libc::SYS_epoll_wait, libc::SYS_accept4, libc::SYS_sendmsg, libc::SYS_ppoll];
        let all = slow.iter().chain(&quick).chain(&waits);
        let places: std::collections::BTreeSet<_> = all.map(|nr| *nr as usize % CALLS).collect();
        assert_eq!(places.len(), slow.len() + quick.len() + waits.len());
    }

    #[test]
    fn now_and_then_it_looks_for_long_again() {
        let mut patience = Patience::default();
        let times: Vec<_> = (0..300)
            .map(|_| {
                patience.exhausted();
                patience.time()
            })
            .collect();
        let long = times.iter().skip(10).filter(|time| **time == MOST).count();
        assert!(long >= 290 / usize::from(AGAIN), "{long}");
    }
}
