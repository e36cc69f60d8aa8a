//! The turn among the leader's threads under every interleaving that matters (`loom`, as in ring_model.rs):
//!
//! ```text
//! RUSTFLAGS="--cfg loom" cargo test -p stretto-abi --release --test turn_model
//! ```
//!
//! One thread at a time runs its own code, and all come to their end; the model checker reports a deadlock.
#![cfg(loom)]

#[path = "protocol/explore.rs"]
mod explore;
mod turn;

use std::sync::Arc;

use loom::thread;

use explore::explore;
use turn::Call::{LocalWrite, Open, Poll, Read, SlowRead, Write};
use turn::Start::{InCall, New, Running};
use turn::{Call, Start, World, agent};

/// Threads of a process.
#[derive(Clone, Copy)]
struct Model {
    /// Interruptions.
    bound: usize,
    /// Whether agents pass the turn on at first.
    lent: bool,
    /// The monitor takes the turn back once, at any time.
    taken_back: bool,
}

const LENT: Model = Model { bound: 3, lent: true, taken_back: false };
const MONITORS: Model = Model { lent: false, ..LENT };

impl Model {
    /// Lets threads live.
    fn check(self, threads: &[(Start, &'static [Call])]) {
        let threads = threads.to_vec();
        explore(self.bound, move || self.run(&threads));
    }

    fn run(self, threads: &[(Start, &'static [Call])]) {
        #[allow(clippy::arc_with_non_send_sync)] // the model checker's threads run one at a time
        let world = Arc::new(World::default());
        let runs = threads.iter().position(|(start, _)| *start == Running).unwrap();
        world.monitor.begin(&world, runs, self.lent);
        let live = |own: usize| {
            let (world, (start, program)) = (Arc::clone(&world), threads[own]);
            move || agent::live(&world, own, start, program)
        };
        let others = (1..threads.len()).map(|own| thread::spawn(live(own)));
        let monitor = self.taken_back.then(|| {
            let world = Arc::clone(&world);
            thread::spawn(move || world.monitor.take_back(&world))
        });
        let others: Vec<_> = others.chain(monitor).collect();
        live(0)();
        for other in others {
            other.join().unwrap();
        }
    }
}

/// A call may end only when another thread has run.
#[test]
fn who_waits_passes_the_turn_on() {
    LENT.check(&[(Running, &[Read]), (InCall, &[Write])]);
    LENT.check(&[(Running, &[Poll, Read]), (InCall, &[Poll, Write])]);
}

#[test]
fn who_passes_the_turn_on_wakes_one_of_two() {
    LENT.check(&[(Running, &[Read]), (InCall, &[Poll]), (InCall, &[Write])]);
    Model { bound: 2, ..LENT }.check(&[(Running, &[Read]), (InCall, &[Write]), (InCall, &[Poll])]);
}

#[test]
fn who_does_not_wait_passes_the_turn_on_out_of_courtesy() {
    LENT.check(&[(Running, &[Write, Write]), (InCall, &[Read])]);
    Model { bound: 2, ..LENT }.check(&[(Running, &[Write]), (InCall, &[Read]), (InCall, &[Poll])]);
}

/// Whoever waits in its agent comes to the monitor.
#[test]
fn a_thread_in_the_monitor_gets_the_turn_that_agents_pass_on() {
    LENT.check(&[(Running, &[Read]), (New, &[Write])]);
    LENT.check(&[(Running, &[Poll, Poll]), (New, &[Poll])]);
    Model { bound: 2, ..LENT }.check(&[(Running, &[Read]), (InCall, &[Poll]), (New, &[Write])]);
}

/// Its agent opens it before a call that waits.
#[test]
fn a_thread_in_the_monitor_gets_the_turn_of_one_that_waits() {
    MONITORS.check(&[(Running, &[Read]), (New, &[Write])]);
    MONITORS.check(&[(Running, &[Write, Poll]), (New, &[Read])]);
    Model { bound: 2, ..MONITORS }.check(&[(Running, &[Read]), (New, &[Poll]), (New, &[Write])]);
}

/// While a thread opens its turn, the monitor lends it, or takes it back.
#[test]
fn an_open_turn_is_not_lent() {
    let model = Model { taken_back: true, ..MONITORS };
    model.check(&[(Running, &[Read, Poll]), (InCall, &[Write])]);
    let model = Model { taken_back: true, bound: 2, ..LENT };
    model.check(&[(Running, &[Read, Poll]), (InCall, &[Write])]);
    model.check(&[(Running, &[Read]), (InCall, &[Poll]), (InCall, &[Write])]);
    model.check(&[(Running, &[Poll, Read]), (New, &[Write])]);
}

/// It is only opened, and may have been taken when the monitor sees the call.
#[test]
fn the_turn_in_an_approved_call_is_taken() {
    LENT.check(&[(Running, &[Open, Poll]), (InCall, &[Open])]);
    MONITORS.check(&[(Running, &[Open, Read]), (New, &[Write])]);
    let model = Model { bound: 2, ..LENT };
    model.check(&[(Running, &[Open]), (InCall, &[Read]), (New, &[Write])]);
    Model { taken_back: true, ..model }.check(&[(Running, &[Open, Read]), (InCall, &[Write])]);
}

#[test]
fn calls_in_the_monitor_pass_the_turn_on() {
    for model in [LENT, MONITORS] {
        let start = if model.lent { InCall } else { New };
        model.check(&[(Running, &[SlowRead]), (start, &[Write])]);
        model.check(&[(Running, &[LocalWrite, Poll]), (start, &[Read])]);
        Model { bound: 2, ..model }.check(&[(Running, &[SlowRead, Poll]), (start, &[Poll, LocalWrite])]);
    }
    Model { bound: 2, ..LENT }.check(&[(Running, &[SlowRead]), (InCall, &[Write]), (InCall, &[Poll])]);
}
