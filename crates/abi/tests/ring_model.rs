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

use loom::thread;
use stretto_abi::ring::{Cursor, Shared};

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

/// A call that all variants in `patched` (bits) make in the process.
fn call(mode: Mode, patched: u32) -> Call {
    Call { number: 0, mode, patched, inputs: 8, outputs: 8 }
}

/// Checks a set that makes `calls`; the first record lies at `at`.
fn check(bound: Option<usize>, variants: usize, looks: u32, at: u64, calls: &[Call]) {
    check_with(bound, variants, looks, at, calls, |_| (), |_| ());
}

/// The same, with something done `before`, and something done `meanwhile`, by the monitor.
fn check_with(
    bound: Option<usize>,
    variants: usize,
    looks: u32,
    at: u64,
    calls: &[Call],
    before: fn(&World<WORDS>),
    meanwhile: fn(&World<WORDS>),
) {
    let calls: Vec<Call> =
        (0..).zip(calls).map(|(number, call)| Call { number, ..*call }).collect();
    let calls = Arc::new(calls);
    let mut model = loom::model::Builder::new();
    model.preemption_bound = bound;
    model.max_branches = 10_000;
    model.check(move || {
        let start = Cursor { number: u32::MAX - 1, at };
        let world = Arc::new(World::<WORDS>::new(variants, looks, start));
        before(&world);
        let followers: Vec<_> = (1..variants)
            .map(|variant| {
                let (world, calls) = (Arc::clone(&world), Arc::clone(&calls));
                thread::spawn(move || world.live(variant, &calls))
            })
            .collect();
        let leader = {
            let (world, calls) = (Arc::clone(&world), Arc::clone(&calls));
            thread::spawn(move || world.live(0, &calls))
        };
        meanwhile(&world);
        for variant in followers.into_iter().chain([leader]) {
            variant.join().unwrap();
        }
        world.witness.settle(u32::try_from(calls.len()).unwrap());
    });
}

#[test]
fn lockstep() {
    check(Some(2), 2, AWAKE, LAST, &[call(Mode::Lockstep, ALL); 2]);
}
