//! The ring's protocol under every interleaving that matters, and every value that a load may give (`loom`):
//!
//! ```text
//! RUSTFLAGS="--cfg loom" cargo test -p stretto-abi --release --test ring_model
//! ```
//!
//! Threads are interrupted a bounded number of times, or there would be no end; bugs of such protocols nearly always
//! show with two interruptions (Musuvathi and Qadeer, PLDI 2007). Where a thread waits it is not interrupted, and
//! what old values it may still read is not bounded.
#![cfg(loom)]

#[path = "protocol/explore.rs"]
mod explore;
mod protocol;

use std::sync::Arc;
use std::sync::atomic::Ordering;

use loom::thread;
use stretto_abi::ring::{Cursor, Phase, tag};

use explore::explore;
use protocol::World;
use protocol::call::{Call, Mode};
use protocol::monitor::attract;

/// Words of the smallest ring, which holds four records of 256 bytes.
const SMALLEST: usize = 128;
/// Where the last record before its end may begin.
const LAST: u64 = 768;
/// The number of the first record; it wraps soon.
const FIRST: u32 = u32::MAX - 1;
/// Looks and never sleeps.
const AWAKE: u32 = u32::MAX;
/// Sleeps after its first look.
const SLEEPY: u32 = 1;
/// Variants that make a call in the process.
const ALL: u32 = u32::MAX;
const LEADER: u32 = 1;

/// A call whose record has 128 bytes.
fn call(mode: Mode, patched: u32) -> Call {
    Call { number: 0, mode, patched, inputs: 8, outputs: 8 }
}

/// A call whose record has 192 bytes. Cancelled, it is written into while somebody may compare.
fn large(mode: Mode, patched: u32) -> Call {
    Call { inputs: 40, outputs: 40, ..call(mode, patched) }
}

/// A set of variants, and what happens to it.
#[derive(Clone, Copy)]
struct Model<const WORDS: usize = SMALLEST> {
    variants: usize,
    looks: u32,
    /// Interruptions.
    bound: usize,
    /// Where the first record lies.
    at: u64,
    /// What stands in the ring before.
    before: fn(&World<WORDS>),
    /// What the monitor does by itself.
    meanwhile: Option<fn(&World<WORDS>)>,
}

const TWO: Model = Model { variants: 2, looks: AWAKE, bound: 2, at: LAST, before: haunt, meanwhile: None };
const THREE: Model = Model { variants: 3, looks: SLEEPY, bound: 1, ..TWO };

/// Where the next records will begin stands what looks like them: it was payload a round ago.
fn haunt<const WORDS: usize>(world: &World<WORDS>) {
    for (ahead, at) in (1..).zip([0, 128, 256, 384]) {
        let ghost = tag(FIRST.wrapping_add(ahead), Phase::Done);
        world.ring.data[at / 8].store(ghost.into(), Ordering::Relaxed);
    }
}

impl<const WORDS: usize> Model<WORDS> {
    /// Lets the set make `calls`.
    fn check(self, calls: &[Call]) {
        let calls: Vec<Call> = (0..).zip(calls).map(|(number, call)| Call { number, ..*call }).collect();
        let calls = Arc::new(calls);
        explore(self.bound, move || self.run(&calls));
    }

    fn run(self, calls: &Arc<Vec<Call>>) {
        let start = Cursor { number: FIRST, at: self.at };
        let world = Arc::new(World::<WORDS>::new(self.variants, self.looks, start));
        (self.before)(&world);
        let followers = (1..self.variants).map(|variant| {
            let (world, calls) = (Arc::clone(&world), Arc::clone(calls));
            thread::spawn(move || world.live(variant, &calls))
        });
        let monitor = self.meanwhile.map(|meanwhile| {
            let world = Arc::clone(&world);
            thread::spawn(move || meanwhile(&world))
        });
        let others: Vec<_> = followers.chain(monitor).collect();
        world.live(0, calls);
        for other in others {
            other.join().unwrap();
        }
        world.witness.settle(u32::try_from(calls.len()).unwrap());
    }
}

#[test]
fn lockstep() {
    Model { bound: 3, ..TWO }.check(&[call(Mode::Lockstep, ALL); 2]);
    TWO.check(&[call(Mode::Lockstep, ALL); 3]);
}

#[test]
fn lockstep_of_three() {
    Model { bound: 2, ..THREE }.check(&[call(Mode::Lockstep, ALL)]);
}

#[test]
fn ahead_until_the_ring_is_full() {
    Model { bound: 3, ..TWO }.check(&[large(Mode::Ahead, ALL); 6]);
}

/// For the last record, behind the ring's end, there is room as soon as the second has been read, and it is written
/// just there.
#[test]
fn ahead_into_what_has_just_been_read() {
    let model: Model<256> =
        Model { variants: 2, looks: AWAKE, bound: 3, at: 0, before: haunt, meanwhile: None };
    let [small, large] = [8, 336].map(|outputs| Call { inputs: 0, outputs, ..call(Mode::Ahead, ALL) });
    model.check(&[small, large, large, large, small, large]);
}

/// The record behind the gap at the ring's end is as far away as can be.
#[test]
fn ahead_over_the_end() {
    Model { bound: 3, at: 0, ..TWO }.check(&[large(Mode::Ahead, ALL); 6]);
}

#[test]
fn ahead_of_two() {
    Model { at: 512, ..THREE }.check(&[large(Mode::Ahead, ALL); 5]);
}

#[test]
fn modes_by_turns() {
    Model { bound: 3, ..TWO }
        .check(&[Mode::Ahead, Mode::Ahead, Mode::Lockstep, Mode::Ahead].map(|mode| call(mode, ALL)));
}

/// The follower's call is the monitor's; the leader takes its record back.
#[test]
fn cancelled() {
    Model { bound: 4, ..TWO }.check(&[large(Mode::Lockstep, LEADER), call(Mode::Lockstep, ALL)]);
}

/// The leader takes one record back after the other.
#[test]
fn cancelled_repeatedly() {
    Model { bound: 4, ..TWO }.check(&[LEADER, LEADER, ALL].map(|patched| large(Mode::Lockstep, patched)));
}

/// One of two followers is in the monitor; the other may have agreed, be comparing, or not have come.
#[test]
fn cancelled_by_one_of_two() {
    let model = Model { bound: 2, ..THREE };
    model.check(&[large(Mode::Lockstep, LEADER | 2)]);
    model.check(&[large(Mode::Lockstep, LEADER | 4)]);
}

/// The leader's call is the monitor's; followers come behind its records.
#[test]
fn the_leader_elsewhere() {
    let calls = [call(Mode::Ahead, ALL), call(Mode::Lockstep, !LEADER), call(Mode::Lockstep, ALL)];
    Model { bound: 3, ..TWO }.check(&calls);
}

/// A follower is in the monitor with a call that the leader goes ahead with.
#[test]
fn ahead_of_a_follower_elsewhere() {
    let calls = [call(Mode::Ahead, LEADER), call(Mode::Ahead, ALL), call(Mode::Lockstep, ALL)];
    Model { bound: 3, ..TWO }.check(&calls);
}

#[test]
fn outputs_by_the_monitor() {
    for mode in [Mode::Lockstep, Mode::Ahead] {
        for patched in [ALL, LEADER] {
            let overflowing = Call { outputs: 80, ..call(mode, patched) };
            Model { bound: 3, ..TWO }.check(&[overflowing, call(mode, ALL)]);
        }
    }
}

/// A signal comes at any time: before the call in all variants, or behind it in all.
#[test]
fn a_signal() {
    let model = Model { meanwhile: Some(|world| attract(world, 0)), ..TWO };
    model.check(&[call(Mode::Lockstep, ALL)]);
    model.check(&[call(Mode::Ahead, ALL), call(Mode::Ahead, ALL)]);
    Model { looks: SLEEPY, ..model }.check(&[call(Mode::Lockstep, ALL)]);
}

/// The monitor loses its patience with variants that wait. In the end they meet there.
#[test]
fn called_to_the_monitor() {
    let model = Model { meanwhile: Some(|world| [1, 0].iter().for_each(|&who| attract(world, who))), ..TWO };
    let exit = call(Mode::Lockstep, 0);
    model.check(&[call(Mode::Lockstep, ALL), exit]);
    model.check(&[call(Mode::Ahead, ALL), call(Mode::Ahead, ALL), exit]);
}

/// Another thread needs the turn while the leader may be in a call that ends only when that thread has run.
#[test]
fn the_turn_is_taken() {
    let before = |world: &World<SMALLEST>| {
        haunt(world);
        world.ring.notices.turns.store(1, Ordering::Relaxed);
    };
    let model = Model { before, meanwhile: Some(|world| world.monitor.take_turn(world)), ..TWO };
    let exit = call(Mode::Lockstep, 0);
    for mode in [Mode::Lockstep, Mode::Ahead] {
        model.check(&[call(mode, ALL), exit]);
        model.check(&[call(mode, ALL), call(mode, ALL), exit]);
    }
    model.check(&[call(Mode::Ahead, LEADER), call(Mode::Ahead, ALL), exit]);
    Model { looks: SLEEPY, ..model }.check(&[call(Mode::Lockstep, ALL), exit]);
}

#[test]
fn asleep_in_lockstep() {
    Model { looks: SLEEPY, bound: 3, ..TWO }.check(&[call(Mode::Lockstep, ALL); 1]);
    Model { looks: SLEEPY, ..TWO }.check(&[call(Mode::Lockstep, ALL); 2]);
}

#[test]
fn asleep_without_room() {
    Model { looks: SLEEPY, bound: 3, at: 0, ..TWO }.check(&[large(Mode::Ahead, ALL); 6]);
}

#[test]
fn asleep_while_somebody_is_elsewhere() {
    let model = Model { looks: SLEEPY, bound: 3, ..TWO };
    model.check(&[call(Mode::Lockstep, LEADER), call(Mode::Lockstep, ALL)]);
    model.check(&[call(Mode::Lockstep, !LEADER), call(Mode::Ahead, ALL)]);
}

/// A follower that skips records taken back makes the room that the leader sleeps for.
#[test]
fn asleep_until_old_records_are_skipped() {
    let before = |world: &World<SMALLEST>| {
        let ring = &world.ring;
        let long_ago = u32::MAX;
        while ring.has_room(ring.cursor(0), 1 << 1) {
            let cursor = ring.cursor(0);
            ring.describe(cursor, 0, 0, 8);
            ring.publish(cursor, long_ago);
            ring.cancel(cursor, long_ago);
        }
    };
    Model { looks: SLEEPY, bound: 3, before, ..TWO }.check(&[call(Mode::Lockstep, ALL)]);
}
