//! Real threads that exchange many records by the ring's protocol: followers see just what the leader wrote, whatever
//! the sizes and modes, and whoever stops in the monitor. The memory of this machine is the model here.
#![cfg(not(loom))]

mod protocol;

use std::collections::VecDeque;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;
use std::time::Duration;

use stretto_abi::ring::{Cursor, DATA, Head, Shared};

use protocol::World;
use protocol::call::{Call, Mode};
use protocol::monitor::attract;

/// Looks before a variant sleeps: variants may outnumber CPUs.
const LOOKS: u32 = 50;

/// Random numbers (SplitMix64).
struct Random(u64);

impl Random {
    fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mixed = (self.0 ^ self.0 >> 30).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        let mixed = (mixed ^ mixed >> 27).wrapping_mul(0x94d0_49bb_1331_11eb);
        mixed ^ mixed >> 31
    }

    #[allow(clippy::cast_possible_truncation)] // x86-64 only
    fn below(&mut self, limit: usize) -> usize {
        (self.next() % limit as u64) as usize
    }

    fn one_in(&mut self, chances: usize) -> bool {
        self.below(chances) == 0
    }

    /// Mostly small; now and then as large as can be, or too large.
    fn size(&mut self, greatest: usize) -> usize {
        let limit = match self.below(500) {
            0 => greatest + 64,
            1..50 => 2048.min(greatest),
            _ => 64.min(greatest / 2),
        };
        self.below(limit + 1)
    }
}

/// A program of `count` calls; the last ends all variants, in the monitor.
fn program(count: u32, payload: usize, random: &mut Random) -> Vec<Call> {
    let mut mode = Mode::Ahead;
    let mut calls: Vec<Call> = (0..count)
        .map(|number| {
            if random.one_in(16) {
                mode = if random.one_in(3) { Mode::Lockstep } else { Mode::Ahead };
            }
            let everywhere = !random.one_in(100);
            #[allow(clippy::cast_possible_truncation)] // bits
            let patched = if everywhere { u32::MAX } else { random.next() as u32 };
            Call { number, mode, patched, inputs: random.size(payload), outputs: random.size(payload) }
        })
        .collect();
    if let Some(last) = calls.last_mut() {
        last.patched = 0;
    }
    calls
}

/// What the leader has written, oldest first.
#[derive(Default)]
struct Log(VecDeque<(Cursor, Head)>);

impl Log {
    /// Notes the record that stands at `place`, if the last call left one.
    fn note<const WORDS: usize>(&mut self, ring: &Shared<WORDS>, place: Cursor) {
        if ring.cursor(0) != place {
            self.0.push_back((place, ring.look(place).expect("the leader can't see its own record")));
        }
        if self.0.len() > WORDS / 4 {
            self.0.pop_front();
        }
    }

    /// Going back from any record, and from the leader's place, finds the records before it: all that the leader can't
    /// have written over, and none that there was not.
    fn check<const WORDS: usize>(&self, ring: &Shared<WORDS>, random: &mut Random) {
        let place = ring.cursor(0);
        let some = random.below(self.0.len() + 1);
        let from = self.0.get(some).map_or(place, |(cursor, _)| *cursor);
        for (start, before) in [(place, self.0.len()), (from, some)] {
            let found: Vec<_> = ring.backwards(start).collect();
            let expected: Vec<_> = self.0.range(..before).rev().copied().collect();
            assert_eq!(found, expected[..found.len().min(expected.len())], "backwards from {start:?}");
            // A record that was never published, or taken back, may have been as large as any.
            let end = place.at.wrapping_add(Shared::<WORDS>::RECORD);
            let kept = |(cursor, _): &&(Cursor, Head)| end.wrapping_sub(cursor.at) <= 8 * WORDS as u64;
            let standing = expected.iter().take_while(kept).count();
            assert!(found.len() >= standing, "{} of {standing} records before {start:?}", found.len());
        }
    }
}

/// The leader's life; now and then it looks back.
fn lead<const WORDS: usize>(world: &World<WORDS>, calls: &[Call], random: &mut Random) {
    let mut log = Log::default();
    for call in calls {
        let place = world.ring.cursor(0);
        world.step(0, call);
        log.note(&world.ring, place);
        if random.one_in(WORDS / 8) {
            log.check(&world.ring, random);
        }
    }
    log.check(&world.ring, random);
}

/// Says when the leader has ended, be it by a failure.
struct Ending<'o>(&'o AtomicBool);

impl Drop for Ending<'_> {
    fn drop(&mut self) {
        self.0.store(true, Ordering::Relaxed);
    }
}

/// Signals, and a monitor that loses its patience, at any time.
fn disturb<const WORDS: usize>(world: &World<WORDS>, variants: usize, over: &AtomicBool) {
    let mut random = Random(2);
    while !over.load(Ordering::Relaxed) {
        attract(world, random.below(variants));
        thread::sleep(Duration::from_micros(500));
    }
}

fn exchange<const WORDS: usize>(variants: usize, count: u32, start: Cursor) {
    let mut random = Random(start.at ^ variants as u64);
    let calls = program(count, Shared::<WORDS>::PAYLOAD, &mut random);
    let world = World::<WORDS>::new(variants, LOOKS, start);
    let over = AtomicBool::new(false);
    thread::scope(|scope| {
        let (world, calls, over) = (&world, &calls, &over);
        for variant in 1..variants {
            scope.spawn(move || world.live(variant, calls));
        }
        scope.spawn(move || disturb(world, variants, over));
        let _ending = Ending(over);
        lead(world, calls, &mut random);
    });
    world.witness.settle(count);
    let (slow, cancelled) = world.witness.detours();
    println!("{count} calls, {slow} of them in the monitor, {cancelled} records taken back");
    assert!(slow > count / 1000 && cancelled > 0, "nothing has come between");
}

/// Gives the ring a stack that holds it.
fn with_room(test: fn()) {
    thread::Builder::new().stack_size(8 * DATA).spawn(test).unwrap().join().unwrap();
}

/// Where numbers and offsets wrap, after some rounds of a ring of `bytes`.
fn near_the_end(bytes: u64) -> Cursor {
    Cursor { number: u32::MAX - 1000, at: 0u64.wrapping_sub(3 * bytes) }
}

#[test]
fn the_ring_in_use() {
    with_room(|| exchange::<{ DATA / 8 }>(2, 100_000, Cursor { number: 0, at: 0 }));
    with_room(|| exchange::<{ DATA / 8 }>(3, 60_000, near_the_end(DATA as u64)));
    with_room(|| exchange::<{ DATA / 8 }>(4, 40_000, Cursor { number: 0, at: 0 }));
}

#[test]
fn a_small_ring() {
    exchange::<128>(2, 100_000, Cursor { number: 0, at: 0 });
    exchange::<512>(3, 60_000, near_the_end(4096));
    exchange::<256>(4, 40_000, near_the_end(2048));
}
