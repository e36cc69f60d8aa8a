//! The ring's protocol under every interleaving that matters, and every value that a load may give (`loom`):
//!
//! ```text
//! RUSTFLAGS="--cfg loom" cargo test -p stretto-abi --release --test ring_model
//! ```
//!
//! Numbers and offsets begin where they soon wrap. Models of more than two steps bound how often a thread is
//! interrupted; nearly all bugs of such protocols show with two interruptions (Musuvathi and Qadeer, PLDI 2007).
#![cfg(loom)]

mod protocol;

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use loom::thread;
use stretto_abi::ring::Cursor;

use protocol::World;
use protocol::call::{Call, Mode};
use protocol::monitor::attract;

/// Words of the smallest ring: four records of 256 bytes.
const WORDS: usize = 128;
const BYTES: u64 = 8 * WORDS as u64;
/// Where the last record before the ring's end may begin.
const LAST: u64 = BYTES * 3 / 4;
/// Looks and never sleeps.
const AWAKE: u32 = u32::MAX;
/// Sleeps after its first look.
const SLEEPY: u32 = 1;
const ALL: u32 = u32::MAX;
const LEADER: u32 = 1;
const BOUND3: usize = 2;

/// A call that all variants in `patched` (bits) make in the process.
fn call(mode: Mode, patched: u32) -> Call {
    Call { number: 0, mode, patched, inputs: 8, outputs: 8 }
}

/// Checks a set that makes `calls`; the first record lies at `at`.
fn check(bound: Option<usize>, variants: usize, looks: u32, at: u64, calls: &[Call]) {
    check_with(bound, variants, looks, at, calls, |_| (), None);
}

/// The same, with something done `before`, and something done `meanwhile`, by the monitor.
fn check_with(
    bound: Option<usize>,
    variants: usize,
    looks: u32,
    at: u64,
    calls: &[Call],
    before: fn(&World<WORDS>),
    meanwhile: Option<fn(&World<WORDS>)>,
) {
    let calls: Vec<Call> = (0..).zip(calls).map(|(number, call)| Call { number, ..*call }).collect();
    let calls = Arc::new(calls);
    let executions = Arc::new(AtomicU64::new(0));
    let counter = Arc::clone(&executions);
    let mut model = loom::model::Builder::new();
    model.preemption_bound = bound;
    model.max_branches = 10_000;
    model.check(move || {
        counter.fetch_add(1, Ordering::Relaxed);
        let start = Cursor { number: u32::MAX - 1, at };
        let world = Arc::new(World::<WORDS>::new(variants, looks, start));
        before(&world);
        let followers: Vec<_> = (1..variants)
            .map(|variant| {
                let (world, calls) = (Arc::clone(&world), Arc::clone(&calls));
                thread::spawn(move || world.live(variant, &calls))
            })
            .collect();
        let monitor = meanwhile.map(|meanwhile| {
            let world = Arc::clone(&world);
            thread::spawn(move || meanwhile(&world))
        });
        world.live(0, &calls);
        for other in followers.into_iter().chain(monitor) {
            other.join().unwrap();
        }
        world.witness.settle(u32::try_from(calls.len()).unwrap());
    });
    println!("{} executions", executions.load(Ordering::Relaxed));
}

/// A call that fills more of the ring.
fn large(mode: Mode, patched: u32) -> Call {
    Call { inputs: 40, outputs: 40, ..call(mode, patched) }
}

#[test]
fn lockstep() {
    check(Some(3), 2, AWAKE, LAST, &[call(Mode::Lockstep, ALL); 2]);
}

#[test]
fn lockstep_over_a_round() {
    check(Some(1), 2, AWAKE, 0, &[large(Mode::Lockstep, ALL); 6]);
}

#[test]
fn lockstep_of_three() {
    check(Some(BOUND3), 3, SLEEPY, LAST, &[call(Mode::Lockstep, ALL); 1]);
}

#[test]
fn ahead_until_the_ring_is_full() {
    check(Some(2), 2, AWAKE, LAST, &[large(Mode::Ahead, ALL); 6]);
}

/// The record behind the gap at the ring's end is as far away as can be.
#[test]
fn ahead_over_the_end() {
    check(Some(2), 2, AWAKE, 0, &[large(Mode::Ahead, ALL); 6]);
}

#[test]
fn ahead_of_two() {
    check(Some(BOUND3), 3, SLEEPY, 512, &[large(Mode::Ahead, ALL); 5]);
}

#[test]
fn modes_by_turns() {
    let calls = [Mode::Ahead, Mode::Ahead, Mode::Lockstep, Mode::Ahead].map(|mode| call(mode, ALL));
    check(Some(2), 2, AWAKE, LAST, &calls);
}

/// The follower's call is the monitor's; the leader takes its record back.
#[test]
fn cancelled() {
    check(Some(3), 2, AWAKE, LAST, &[large(Mode::Lockstep, LEADER), call(Mode::Lockstep, ALL)]);
}

/// Records taken back pile up before the follower comes to the ring again.
#[test]
fn cancelled_repeatedly() {
    let calls = [LEADER, LEADER, ALL].map(|patched| large(Mode::Lockstep, patched));
    check(Some(2), 2, AWAKE, LAST, &calls);
}

/// One of two followers is in the monitor; the other may have agreed, be comparing, or not have come.
#[test]
fn cancelled_by_one_of_two() {
    check(Some(BOUND3), 3, SLEEPY, LAST, &[large(Mode::Lockstep, LEADER | 2)]);
    check(
        Some(1),
        3,
        SLEEPY,
        LAST,
        &[LEADER | 2, LEADER | 4, ALL].map(|patched| large(Mode::Lockstep, patched)),
    );
}

/// The leader's call is the monitor's; followers come behind its records.
#[test]
fn the_leader_elsewhere() {
    let calls = [call(Mode::Ahead, ALL), call(Mode::Lockstep, !LEADER), call(Mode::Lockstep, ALL)];
    check(Some(2), 2, AWAKE, LAST, &calls);
}

/// A follower is in the monitor with a call that the leader goes ahead with.
#[test]
fn ahead_of_a_follower_elsewhere() {
    let calls = [call(Mode::Ahead, LEADER), call(Mode::Ahead, ALL), call(Mode::Lockstep, ALL)];
    check(Some(2), 2, AWAKE, LAST, &calls);
}

#[test]
fn outputs_by_the_monitor() {
    for mode in [Mode::Lockstep, Mode::Ahead] {
        for patched in [ALL, LEADER] {
            let large = Call { outputs: 80, ..call(mode, patched) };
            check(Some(2), 2, AWAKE, LAST, &[large, call(mode, ALL)]);
        }
    }
}

/// A signal comes at any time: before the call in all variants, or behind it in all.
#[test]
fn a_signal() {
    for mode in [Mode::Lockstep, Mode::Ahead] {
        let meanwhile = |world: &World<WORDS>| attract(world, 0);
        check_with(Some(2), 2, AWAKE, LAST, &[call(mode, ALL); 2], |_| (), Some(meanwhile));
    }
}

/// The monitor loses its patience with variants that wait.
#[test]
fn called_to_the_monitor() {
    for mode in [Mode::Lockstep, Mode::Ahead] {
        let meanwhile = |world: &World<WORDS>| [1, 0].into_iter().for_each(|variant| attract(world, variant));
        check_with(
            Some(2),
            2,
            AWAKE,
            LAST,
            &[call(mode, ALL), call(mode, ALL), call(mode, 0)],
            |_| (),
            Some(meanwhile),
        );
    }
}

#[test]
fn asleep_in_lockstep() {
    check(Some(2), 2, SLEEPY, LAST, &[call(Mode::Lockstep, ALL); 2]);
}

#[test]
fn asleep_without_room() {
    check(Some(2), 2, SLEEPY, 0, &[large(Mode::Ahead, ALL); 6]);
}

#[test]
fn asleep_while_somebody_is_elsewhere() {
    check(Some(2), 2, SLEEPY, LAST, &[call(Mode::Lockstep, LEADER), call(Mode::Lockstep, ALL)]);
    check(Some(2), 2, SLEEPY, LAST, &[call(Mode::Lockstep, !LEADER), call(Mode::Ahead, ALL)]);
    check(Some(1), 3, SLEEPY, LAST, &[call(Mode::Lockstep, LEADER | 2)]);
}

#[test]
fn asleep_when_a_signal_comes() {
    let meanwhile = |world: &World<WORDS>| attract(world, 0);
    check_with(Some(2), 2, SLEEPY, LAST, &[call(Mode::Lockstep, ALL)], |_| (), Some(meanwhile));
}

/// A follower that skips records taken back makes the room that the leader sleeps for.
#[test]
fn asleep_until_old_records_are_skipped() {
    let before = |world: &World<WORDS>| {
        let epoch = u32::MAX;
        while world.ring.has_room(world.ring.cursor(0), 2) {
            let cursor = world.ring.cursor(0);
            world.ring.describe(cursor, 0, 0, 8);
            world.ring.publish(cursor, epoch);
            world.ring.cancel(cursor, epoch);
        }
    };
    check_with(Some(2), 2, SLEEPY, LAST, &[call(Mode::Lockstep, ALL)], before, None);
}
