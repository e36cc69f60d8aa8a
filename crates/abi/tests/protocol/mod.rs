//! The protocol of the ring in small: what `stretto-agent` (leader.rs, follower.rs, wait.rs) and the monitor
//! (rendezvous.rs, tracer/points.rs) do, function by function and line by line, without programs, descriptions and
//! system calls. They can't be used themselves: they know neither threads nor the model checker's atomics. Whoever
//! changes the protocol there changes it here too.
//!
//! A variant is a thread. Its program is a list of calls that is the same for all; what a call reads and writes
//! follows from its number, so that everybody knows what to expect. The [`witness::Witness`] sees what the protocol
//! must never do.
#![allow(dead_code)] // every test uses its part

pub mod call;
pub mod follower;
pub mod futex;
pub mod leader;
pub mod monitor;
pub mod seat;
pub mod sync;
pub mod witness;

use std::sync::atomic::Ordering;

use stretto_abi::ring::{Cursor, Shared, THEN_SIGNAL};

use call::Call;
use futex::Futexes;
use monitor::{Arrival, Decision, Monitor};
use seat::Seat;
use witness::Witness;

/// All that the variants of one set share.
pub struct World<const WORDS: usize> {
    pub ring: Shared<WORDS>,
    pub futexes: Futexes,
    pub monitor: Monitor,
    pub witness: Witness,
    /// How often a waiting variant looks before it sleeps.
    pub looks: u32,
}

impl<const WORDS: usize> World<WORDS> {
    /// A set of `variants` whose next record is the one at `start`.
    pub fn new(variants: usize, looks: u32, start: Cursor) -> Self {
        let ring = Shared::default();
        ring.notices.active.store((1 << variants) - 1, Ordering::Relaxed);
        ring.notices.attached.store((1 << variants) - 1, Ordering::Relaxed);
        for post in &ring.posts[..variants] {
            post.agreed.store(start.number, Ordering::Relaxed);
            post.done.store(start.number, Ordering::Relaxed);
            post.at.store(start.at, Ordering::Relaxed);
        }
        let (futexes, monitor, witness) = Default::default();
        Self { ring, futexes, monitor, witness, looks }
    }

    /// The life of `variant`.
    pub fn live(&self, variant: usize, program: &[Call]) {
        for call in program {
            self.step(variant, call);
        }
    }

    /// One call of `variant`'s (`dispatch` in the agent's entry.rs).
    pub fn step(&self, variant: usize, call: &Call) {
        let seat = Seat { world: self, variant };
        let outcome = match variant {
            _ if !call.in_process(variant) => Outcome::Monitor,
            0 => leader::make(call, &seat),
            _ => follower::make(call, &seat),
        };
        match outcome {
            Outcome::Result => {}
            Outcome::Signal => self.point(variant),
            Outcome::Outputs => self.arrive(variant, call, true),
            Outcome::Monitor => self.arrive(variant, call, false),
        }
    }

    fn arrive(&self, variant: usize, call: &Call, done: bool) {
        let arrival = Arrival::Call { number: call.number, done };
        let decision = self.monitor.stop(self, variant, arrival, Some(call));
        if matches!(decision, Decision::CatchUp(head) if head.flags & THEN_SIGNAL != 0) {
            self.point(variant);
        }
    }

    fn point(&self, variant: usize) {
        self.monitor.stop(self, variant, Arrival::Point, None);
    }
}

/// How the leader's or a follower's half of a call ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Outcome {
    /// The call has been made.
    Result,
    /// Nothing has happened; the monitor makes the call.
    Monitor,
    /// The call has been made; the monitor hands out the outputs.
    Outputs,
    /// The call has been made; a signal is due behind it.
    Signal,
}
