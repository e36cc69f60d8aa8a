//! The agent's turn.rs, and what leader.rs does with it.

use std::sync::atomic::Ordering;

use loom::thread::yield_now;
use stretto_abi::ring::WAITED_FOR;
use stretto_abi::turn::Holder;

use super::sync::in_order;
use super::{Call, Start, World};

/// A thread, with its next call.
pub struct Agent<'w> {
    pub world: &'w World,
    pub own: usize,
    call: Call,
    number: u32,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Given {
    Kept,
    Open,
    On { passed: u32 },
}

/// The life of a thread.
pub fn live(world: &World, own: usize, start: Start, program: &[Call]) {
    let witness = &world.witness;
    match start {
        Start::Running => {}
        Start::InCall => {
            let agent = Agent { world, own, call: Call::Poll, number: 0 };
            if !agent.back(Given::On { passed: 0 }) {
                world.monitor.end_call(world, own);
            }
        }
        Start::New => world.monitor.go_on(world, own),
    }
    witness.runs(own);
    for (number, call) in (1..).zip(program) {
        Agent { world, own, call: *call, number }.make();
    }
    witness.stops(own);
    world.monitor.exit(world, own);
}

impl Agent<'_> {
    /// `make` in leader.rs.
    fn make(&self) {
        let World { turns, monitor, pipe, witness, .. } = self.world;
        let asked = || turns.waiting.load(Ordering::Relaxed) != 0 && turns.holder() == self.holder();
        let needed = self.waits() || asked();
        let heeds = if needed && self.waits() && !self.is_approved() { 0 } else { WAITED_FOR };
        let slow = matches!(self.call, Call::SlowRead | Call::LocalWrite);
        if slow || self.attention(Ordering::Relaxed) & heeds != 0 {
            witness.stops(self.own);
            monitor.make(self.world, self.own, self.call);
            witness.runs(self.own);
            return;
        }
        if !needed {
            return pipe.make(self.call);
        }
        witness.stops(self.own);
        let given = self.give();
        let made = !self.is_approved() || monitor.approves(self.world, self.own);
        if made {
            pipe.make(self.call);
        }
        let keeps_turn = self.back(given);
        if !made {
            monitor.make(self.world, self.own, self.call);
        } else if !keeps_turn {
            monitor.end_call(self.world, self.own);
        }
        witness.runs(self.own);
    }

    fn waits(&self) -> bool {
        self.call != Call::Write
    }

    fn is_approved(&self) -> bool {
        self.call == Call::Open
    }

    fn holder(&self) -> Holder {
        Holder::of(u32::try_from(self.own).unwrap())
    }

    fn attention(&self, order: Ordering) -> u32 {
        self.world.attention[self.own].load(order)
    }

    fn give(&self) -> Given {
        let World { turns, posts, monitor, .. } = self.world;
        let post = &posts[self.own];
        loop {
            let passed = turns.passed.load(Ordering::SeqCst);
            if !self.is_approved() && turns.pass_on(self.holder()) {
                self.wake();
                return Given::On { passed };
            }
            if !self.waits() {
                return Given::Kept;
            }
            post.open(self.number);
            in_order();
            if !self.is_approved() && turns.holder() == self.holder() && post.close(self.number) {
                continue;
            }
            if !self.is_approved() && self.attention(Ordering::SeqCst) & WAITED_FOR != 0 {
                monitor.turn_point(self.world);
            }
            return Given::Open;
        }
    }

    fn back(&self, given: Given) -> bool {
        match given {
            Given::Kept => true,
            Given::Open => self.world.posts[self.own].close(self.number) || self.take(),
            Given::On { passed } => {
                let turns = &self.world.turns;
                if !self.waits()
                    && turns.passed.load(Ordering::SeqCst) == passed
                    && turns.waiting.load(Ordering::SeqCst) != 0
                {
                    yield_now();
                }
                self.take()
            }
        }
    }

    fn take(&self) -> bool {
        let waiting = &self.world.turns.waiting;
        waiting.fetch_add(1, Ordering::SeqCst);
        in_order();
        let got = self.wait();
        waiting.fetch_sub(1, Ordering::SeqCst);
        got
    }

    /// Sleeps at once.
    fn wait(&self) -> bool {
        let turns = &self.world.turns;
        loop {
            let holder = turns.take(self.holder());
            if holder == self.holder() || holder == Holder::Monitor {
                return holder == self.holder();
            }
            if holder == Holder::Nobody {
                yield_now();
            } else {
                let (word, seen) = turns.word(holder);
                let address = std::ptr::from_ref(word).addr();
                let unchanged = || word.load(Ordering::SeqCst) == seen;
                self.world.futexes.sleep(self.own, [address; 2], unchanged);
            }
        }
    }

    fn wake(&self) {
        let turns = &self.world.turns;
        in_order();
        if turns.waiting.load(Ordering::SeqCst) != 0 {
            self.world.futexes.wake_one(std::ptr::from_ref(turns.word(Holder::Nobody).0).addr());
        }
    }
}
