//! The monitor's tracer/lending.rs and tracer/turns.rs. Its work is done by the thread that has stopped, one
//! stop after the other.

use std::collections::VecDeque;
use std::sync::atomic::Ordering;

use stretto_abi::ring::WAITED_FOR;
use stretto_abi::turn::Holder;

use super::sync::{Condvar, Mutex, MutexGuard, in_order, lock, wait};
use super::{Call, THREADS, World};

#[derive(Default)]
pub struct Monitor {
    turns: Mutex<Turns>,
    resumed: Condvar,
}

#[derive(Default)]
struct Turns {
    holder: Option<usize>,
    ready: VecDeque<usize>,
    /// By thread: it has got the turn and goes on.
    resumed: [bool; THREADS],
    /// By thread: it is in a call that the monitor makes, or has ended (its state is not `State::Running`).
    elsewhere: [bool; THREADS],
    /// Somebody has given the turn up, or ended with it, and nobody has got it since (`released`, `ended`).
    released: bool,
}

impl Monitor {
    /// At first.
    pub fn begin(&self, world: &World, runs: usize, lent: bool) {
        self.turns.lock().unwrap().holder = Some(runs);
        if lent {
            world.turns.lend(word(runs));
        }
    }

    /// The thread stops and runs its own code when it is its turn.
    pub fn go_on(&self, world: &World, own: usize) {
        self.resume(world, lock(&self.turns), own);
    }

    /// The thread's agent comes with the result of a call.
    pub fn end_call(&self, world: &World, own: usize) {
        self.arrive(world, own);
        self.resume(world, lock(&self.turns), own);
    }

    /// The thread stops with a call.
    pub fn make(&self, world: &World, own: usize, call: Call) {
        if call == Call::LocalWrite {
            self.give_up_turn_alone(world, own);
        } else {
            self.arrive(world, own);
            lock(&self.turns).give_up_turn(world, own);
            self.resumed.notify_all();
        }
        world.pipe.make(call);
        self.resume(world, lock(&self.turns), own);
    }

    fn give_up_turn_alone(&self, world: &World, own: usize) {
        let mut turns = lock(&self.turns);
        turns.elsewhere[own] = true;
        turns.take_back_turn(world);
        turns.released |= turns.holder == Some(own);
        turns.give_up_turn(world, own);
        self.resumed.notify_all();
    }

    /// `park`; followers come meanwhile.
    fn arrive(&self, world: &World, own: usize) {
        let mut turns = lock(&self.turns);
        turns.elsewhere[own] = true;
        turns.attend(world, own);
    }

    /// `go_on`.
    fn resume(&self, world: &World, mut turns: MutexGuard<'_, Turns>, own: usize) {
        turns.elsewhere[own] = false;
        if world.turns.holder() == word(own) {
            return;
        }
        turns.holder = turns.holder.filter(|holder| *holder != own);
        turns.ready.push_back(own);
        turns.pass_turn(world);
        self.resumed.notify_all();
        while !std::mem::take(&mut turns.resumed[own]) {
            turns = wait(&self.resumed, turns);
        }
    }

    /// The thread ends, and keeps the turn until then.
    pub fn exit(&self, world: &World, own: usize) {
        let mut turns = lock(&self.turns);
        turns.elsewhere[own] = true;
        turns.attend(world, own);
        turns.take_back_turn(world);
        assert_eq!(turns.holder, Some(own), "a turn was lost");
        drop(turns);
        let mut turns = lock(&self.turns);
        turns.released = true;
        turns.remove_turn(world, own);
        self.resumed.notify_all();
    }

    /// Whether an approved call may pass (`approval`).
    pub fn approves(&self, world: &World, own: usize) -> bool {
        let turns = lock(&self.turns);
        turns.has_turn(world, own)
    }

    /// `on_turn_point`.
    pub fn turn_point(&self, world: &World) {
        lock(&self.turns).pass_turn(world);
        self.resumed.notify_all();
    }

    /// The monitor takes the turn back, for whatever reason.
    pub fn take_back(&self, world: &World) {
        let mut turns = lock(&self.turns);
        turns.take_back_turn(world);
        turns.pass_turn(world);
        self.resumed.notify_all();
    }
}

impl Turns {
    fn give_up_turn(&mut self, world: &World, own: usize) {
        if world.turns.pass_on(word(own)) {
            in_order();
            if world.turns.waiting.load(Ordering::SeqCst) != 0 {
                wake(world);
            }
        } else {
            self.remove_turn(world, own);
        }
    }

    fn remove_turn(&mut self, world: &World, own: usize) {
        self.holder = self.holder.filter(|holder| *holder != own);
        self.pass_turn(world);
    }

    fn has_turn(&self, world: &World, own: usize) -> bool {
        match world.turns.holder() {
            Holder::Monitor => self.holder == Some(own),
            holder => holder == word(own),
        }
    }

    fn attend(&self, world: &World, own: usize) {
        let waited_for = !self.ready.is_empty() && self.has_turn(world, own);
        world.attention[own].swap(if waited_for { WAITED_FOR } else { 0 }, Ordering::SeqCst);
        in_order();
    }

    fn pass_turn(&mut self, world: &World) {
        while let Some(next) = self.next_of_leader(world) {
            self.holder = Some(next);
            self.attend(world, next);
            self.resumed[next] = true;
        }
        self.lend_turn(world);
    }

    fn next_of_leader(&mut self, world: &World) -> Option<usize> {
        if self.ready.is_empty() {
            return None;
        }
        self.take_back_turn(world);
        if let Some(holder) = self.holder {
            self.attend(world, holder);
            let _place = world.posts[holder].take()?;
            self.holder = None;
            self.attend(world, holder);
        }
        self.released = false;
        self.ready.pop_front()
    }

    fn lend_turn(&mut self, world: &World) {
        if world.turns.holder() != Holder::Monitor || self.released || !self.ready.is_empty() {
            return;
        }
        if self.holder.is_some_and(|holder| self.elsewhere[holder]) || self.has_open_turn(world) {
            return;
        }
        if world.turns.waiting.load(Ordering::SeqCst) != 0 {
            return;
        }
        world.turns.lend(self.holder.map_or(Holder::Nobody, word));
        in_order();
        if self.has_open_turn(world) {
            self.take_back_turn(world);
        }
    }

    fn has_open_turn(&self, world: &World) -> bool {
        self.holder.is_some_and(|holder| world.posts[holder].is_open())
    }

    fn take_back_turn(&mut self, world: &World) {
        let holder = world.turns.take_back();
        if holder == Holder::Monitor {
            return;
        }
        wake(world);
        self.holder = (0..THREADS).find(|thread| word(*thread) == holder);
    }
}

fn word(thread: usize) -> Holder {
    Holder::of(u32::try_from(thread).unwrap())
}

fn wake(world: &World) {
    world.futexes.wake(std::ptr::from_ref(world.turns.word(Holder::Nobody).0).addr());
}
