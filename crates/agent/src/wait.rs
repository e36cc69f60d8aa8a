//! Waiting for another variant: looking for a while, then sleeping.

use core::cell::Cell;
use core::sync::atomic::{AtomicU32, AtomicU64, Ordering};

use stretto_abi::context::Plan;
use stretto_abi::doorbell::Doorbells;
use stretto_abi::ring::{self, ASLEEP, AWAY, CALLS, MAX_VARIANTS, Ring, RingWithBulk, WAITS};
use stretto_abi::turn::Turns;

use crate::machine_unsafe::gate;

const SYS_SCHED_YIELD: u64 = 24;
const SYS_FUTEX: u64 = 202;
const SYS_FUTEX_WAITV: u64 = 449;
const FUTEX_WAKE: u64 = 1;
/// FUTEX2_SIZE_U32, include/uapi/linux/futex.h; not private: the ring is shared between processes.
const FUTEX_32: u32 = 2;

/// As few looks as this cost less than to sleep.
const FEWEST: u32 = 8;
/// A look takes some 20 ns, an exchange of records ahead 200-400 ns.
const APART: u32 = 32;
/// How much shorter a thread looks that is not the likeliest to be next.
const UNLIKELY: u32 = 2;
/// How often a variant looks before it lets neighbours run, if none of them is waited for: a change of places takes
/// 1 to 2 us.
const BESIDE_NEIGHBOURS: u32 = 40;
/// The leader among variants, as bits.
const LEADER: u32 = 1;
/// A variant that sleeps every time looks for long once in so many times: what it waits for may have become quick.
const AGAIN: u32 = 8;

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

/// What a variant waits for.
#[derive(Clone, Copy, Debug)]
pub enum Wait {
    /// Leader: followers have read so far that there is room.
    Room,
    /// Leader: a follower agrees.
    Agreement,
    /// Follower: the leader comes to its next call.
    Record,
    /// Follower: the leader's call ends.
    Outcome,
    /// Follower: the leader comes to its next call, and does not wait for this variant there.
    RecordAhead,
    /// Follower: the leader's call ends, which the monitor approves before.
    ApprovedOutcome,
}

impl Wait {
    /// How many looks apart it is worth looking. The leader writes where a follower looks, and each look takes that line
    /// from its CPU.
    fn apart(self) -> u32 {
        if matches!(self, Self::RecordAhead) { APART } else { 1 }
    }

    /// How many times as long it is worth looking before others on this CPU run. An approval always takes longer than
    /// that usually is, and never much longer; who had let others run would be late for it.
    fn calm(self) -> u32 {
        if matches!(self, Self::ApprovedOutcome) { 3 } else { 1 }
    }
}

/// A variant at its ring, with a call.
#[derive(Debug)]
pub struct Seat<'s> {
    pub memory: &'s RingWithBulk,
    pub plan: &'s Plan,
    pub nr: u64,
    /// Leader: the turn among the threads of its process, if agents may pass it on.
    pub turns: Option<&'s Turns>,
    pub doorbells: &'s Doorbells,
    /// Which bits of [`Self::attention`] send the call to the monitor.
    pub heeds: Cell<u32>,
}

impl<'s> Seat<'s> {
    /// The ring without its bulk.
    pub fn ring(&self) -> &'s Ring {
        &self.memory.ring
    }

    /// The set that this thread belongs to.
    fn set(&self) -> u32 {
        self.ring().notices.set.load(Ordering::Relaxed)
    }

    /// Which variant this is.
    pub fn variant(&self) -> usize {
        self.plan.variant as usize % MAX_VARIANTS
    }

    /// The word that says that this variant's call is the monitor's.
    pub fn attention(&self) -> &AtomicU32 {
        &self.ring().notices.attention[self.variant()]
    }

    /// Whether it says so.
    pub fn is_called(&self) -> bool {
        self.attention().load(Ordering::Relaxed) & self.heeds.get() != 0
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
    #[inline(always)]
    pub fn until<T>(
        &self,
        what: Wait,
        address: u64,
        value: impl Fn() -> u32,
        mut ready: impl FnMut() -> Option<T>,
    ) -> T {
        // What is there at once is no lesson.
        ready().unwrap_or_else(|| self.wait(what, address, value, ready))
    }

    #[inline(never)]
    fn wait<T>(
        &self,
        what: Wait,
        address: u64,
        value: impl Fn() -> u32,
        mut ready: impl FnMut() -> Option<T>,
    ) -> T {
        loop {
            if let Some(result) = self.look(what, &mut ready) {
                return result;
            }
            let own = &self.ring().posts[self.variant()];
            let news = &self.ring().notices.news;
            own.sleeping.swap(ASLEEP, Ordering::SeqCst);
            let (seen, heard) = (value(), news.load(Ordering::SeqCst));
            let mut result = ready();
            if result.is_none() {
                self.sleep_on(&[
                    Waiter::new(address, seen),
                    Waiter::new(core::ptr::from_ref(news) as u64, heard),
                ]);
            }
            own.sleeping.store(0, Ordering::Relaxed);
            result = result.or_else(&mut ready);
            if let Some(result) = result {
                return result;
            }
        }
    }

    /// Looks for as long as that has paid lately for this call, and now and then lets others run that need the CPU:
    /// neighbours, or other processes of the same variant.
    #[inline(always)]
    fn look<T>(&self, what: Wait, ready: &mut impl FnMut() -> Option<T>) -> Option<T> {
        let most = self.plan.looks;
        let patience = Patience::of(self, what, most);
        if self.waits_beside_neighbours() {
            for _ in 0..BESIDE_NEIGHBOURS {
                core::hint::spin_loop();
                if let Some(result) = ready() {
                    patience.keep(most, 0);
                    return Some(result);
                }
            }
        }
        let mut before_yield = self.before_yield(what);
        let mut rung = self.doorbells.rung(self.variant());
        let mut until_look = what.apart();
        for _ in 0..patience.looks() {
            before_yield -= 1;
            let now = self.doorbells.rung(self.variant());
            if before_yield > 0 && now == rung {
                core::hint::spin_loop();
            } else {
                rung = now;
                self.go_away();
                before_yield = self.before_yield(what);
                until_look = 1;
            }
            until_look -= 1;
            if until_look > 0 {
                continue;
            }
            until_look = what.apart();
            if let Some(result) = ready() {
                patience.keep(most, 0);
                self.doorbells.serve(self.variant(), self.set());
                return Some(result);
            }
        }
        patience.exhausted();
        None
    }

    /// How often it looks before it lets others run: less if another thread of this variant is likelier to be next.
    fn before_yield(&self, what: Wait) -> u32 {
        // Where variants share the CPU, it may be the leader that is kept from coming.
        let calm = if self.plan.neighbours == 0 { what.calm() } else { 1 };
        let most = self.plan.before_yield.saturating_mul(calm);
        if self.doorbells.was_served(self.variant(), self.set()) { most } else { (most / UNLIKELY).max(1) }
    }

    /// Whether another CPU's variant is waited for, though others need this one. Two followers on one CPU then change
    /// places once for a call and not twice: who agrees last takes the result over, and is the first to agree to the next.
    fn waits_beside_neighbours(&self) -> bool {
        let (own, neighbours) = (self.variant(), self.plan.neighbours);
        if neighbours == 0 || neighbours & LEADER != 0 {
            return false;
        }
        let agreed = |variant: usize| self.ring().posts[variant].agreed.load(Ordering::Relaxed);
        let far = if own == 0 { self.ring().cursor(0).number.wrapping_add(1) } else { agreed(own) };
        let has_come = |other| agreed(other).wrapping_sub(far).cast_signed() >= 0;
        ring::variants(neighbours & self.followers()).all(has_come)
    }

    /// Wakes `variants` (bits) that sleep on the word at `address`, which has just been written.
    #[inline(always)]
    pub fn wake(&self, variants: u32, address: u64) {
        // Who is about to sleep says so, then looks once more; the word was written, then this is read: all in one
        // order (`SeqCst`), so that one of the two sees the other. No fence: all writers exchange, which is one.
        let (mut asleep, mut away) = (false, 0);
        for variant in ring::variants(variants) {
            match self.ring().posts[variant].sleeping.load(Ordering::SeqCst) {
                0 => {}
                AWAY => away |= 1 << variant,
                _ => asleep = true,
            }
        }
        if asleep {
            self.wake_up(address, MAX_VARIANTS as u64);
        }
        self.doorbells.ring(away);
    }

    /// Lets others on this CPU run until it is called.
    fn go_away(&self) {
        let own = &self.ring().posts[self.variant()];
        own.sleeping.store(AWAY, Ordering::Relaxed);
        self.let_run();
        own.sleeping.store(0, Ordering::Relaxed);
    }

    /// Lets others on this CPU run.
    pub fn let_run(&self) {
        gate(SYS_SCHED_YIELD, &[0, 0, 0, 0, 0, self.plan.secret], &self.plan.never);
    }

    /// Sleeps while `word` is what was seen there.
    pub fn sleep(&self, word: &AtomicU32, seen: u32) {
        self.sleep_on(&[Waiter::new(core::ptr::from_ref(word) as u64, seen)]);
    }

    /// Wakes one who sleeps on `word`.
    pub fn wake_one(&self, word: &AtomicU32) {
        self.wake_up(core::ptr::from_ref(word) as u64, 1);
    }

    fn sleep_on(&self, waiters: &[Waiter]) {
        let arguments = [waiters.as_ptr() as u64, waiters.len() as u64, 0, 0, 0, self.plan.secret];
        gate(SYS_FUTEX_WAITV, &arguments, &self.plan.never);
    }

    #[inline(never)]
    fn wake_up(&self, address: u64, most: u64) {
        gate(SYS_FUTEX, &[address, FUTEX_WAKE, most, 0, 0, self.plan.secret], &self.plan.never);
    }
}

/// How long a variant looks for one thing: looking that ended with sleep halves the time, looking that did not restores
/// it.
#[derive(Debug)]
struct Patience<'p> {
    place: &'p AtomicU32,
    looks: u32,
    /// How often it has slept since looking paid.
    slept: u32,
    most: u32,
}

impl<'p> Patience<'p> {
    #[allow(clippy::cast_possible_truncation)] // a few bits are what is wanted
    fn of(seat: &Seat<'p>, what: Wait, most: u32) -> Self {
        let place = &seat.ring().posts[seat.variant()].patience
            [(what as usize * CALLS + seat.nr as usize % CALLS) % WAITS];
        let word = place.load(Ordering::Relaxed);
        let looks = if word == 0 { most } else { (word & 0xffff).min(most) };
        Self { place, looks, slept: word >> 16, most }
    }

    fn looks(&self) -> u32 {
        if self.slept % AGAIN == AGAIN - 1 { self.most } else { self.looks }
    }

    fn exhausted(&self) {
        self.keep((self.looks / 2).max(FEWEST), self.slept + 1);
    }

    fn keep(&self, looks: u32, slept: u32) {
        self.place.store(looks.min(self.most) | slept << 16, Ordering::Relaxed);
    }
}

/// Where a word's low half lies, which is what futexes look at.
pub fn low_half(word: &AtomicU64) -> u64 {
    core::ptr::from_ref(word) as u64
}
