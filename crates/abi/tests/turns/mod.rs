//! Threads of a leader, their agents and their monitor.

use std::collections::VecDeque;

use std::sync::atomic::Ordering;

use loom::sync::atomic::AtomicU32;
use loom::thread::yield_now;
use stretto_abi::turn::{Holder, Turn, Turns};

use super::sync::{Condvar, Mutex, MutexGuard, in_order, lock, wait};

/// A call of a thread.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Call {
    /// May wait, but ends at once.
    Waits,
    /// Ends when another thread has made [`Call::Wakes`].
    UntilAnother,
    /// Does not wait, and ends [`Call::UntilAnother`].
    Wakes,
    /// Does not wait.
    Quick,
    /// May wait, and the monitor has to see it.
    Approved,
    /// Is made in the monitor.
    Monitored,
}

/// What the monitor knows, one event after the other.
struct Monitor {
    holders: Vec<usize>,
    ready: VecDeque<usize>,
    granted: Vec<bool>,
}

pub struct World {
    turns: Turns,
    posts: Vec<Turn>,
    waited_for: Vec<AtomicU32>,
    /// How many threads run code of the program.
    running: AtomicU32,
    woken: Mutex<bool>,
    waking: Condvar,
    monitor: Mutex<Monitor>,
    granting: Condvar,
    /// The futex on the word: how often it was woken.
    futex: Mutex<u32>,
    futex_woken: Condvar,
}

impl World {
    /// The monitor has let thread 0 run.
    pub fn new(threads: usize) -> Self {
        let world = Self {
            turns: Turns::default(),
            posts: (0..threads).map(|_| Turn::default()).collect(),
            waited_for: (0..threads).map(|_| AtomicU32::new(0)).collect(),
            running: AtomicU32::new(0),
            woken: Mutex::new(false),
            waking: Condvar::new(),
            monitor: Mutex::new(Monitor {
                holders: vec![0],
                ready: VecDeque::new(),
                granted: vec![false; threads],
            }),
            granting: Condvar::new(),
            futex: Mutex::new(0),
            futex_woken: Condvar::new(),
        };
        world.turns.lend(Holder::of(0));
        world
    }

    /// A thread from its first turn to its end.
    pub fn live(&self, own: usize, calls: &[Call]) {
        if own != 0 {
            self.wait_in_monitor(lock(&self.monitor), own);
        }
        for (number, call) in (1..).zip(calls) {
            self.run();
            self.make(own, number, *call);
        }
        self.run();
        let mut monitor = lock(&self.monitor);
        self.take_back(&mut monitor);
        monitor.holders.retain(|holder| *holder != own);
        self.pass(&mut monitor);
    }

    /// Code of the program.
    fn run(&self) {
        assert_eq!(self.running.fetch_add(1, Ordering::Relaxed), 0, "two threads run");
        self.running.fetch_sub(1, Ordering::Relaxed);
    }

    fn execute(&self, call: Call) {
        let mut woken = lock(&self.woken);
        if call == Call::Wakes {
            *woken = true;
            self.waking.notify_all();
        }
        while call == Call::UntilAnother && !*woken {
            woken = wait(&self.waking, woken);
        }
    }

    fn make(&self, own: usize, number: u32, call: Call) {
        let waits = matches!(call, Call::Waits | Call::UntilAnother);
        let called = self.waited_for[own].load(Ordering::SeqCst) != 0;
        if call == Call::Monitored || called && !waits {
            let mut monitor = lock(&self.monitor);
            if self.turns.pass_on(Holder::of(own as u32)) {
                self.wake_if_waiting();
            } else {
                monitor.holders.retain(|holder| *holder != own);
                self.pass(&mut monitor);
            }
            drop(monitor);
            self.execute(call);
            return self.wait_in_monitor(lock(&self.monitor), own);
        }
        let (passed, opened) = self.give(own, number, call, waits);
        self.execute(call);
        let back = match (passed, opened) {
            (true, _) => self.take(own),
            (_, true) => self.posts[own].close(number) || self.take(own),
            _ => true,
        };
        if !back {
            self.wait_in_monitor(lock(&self.monitor), own);
        }
    }

    /// `Turn::give`: whether the turn was passed on, or else opened.
    fn give(&self, own: usize, number: u32, call: Call, waits: bool) -> (bool, bool) {
        let holder = Holder::of(own as u32);
        let approved = call == Call::Approved;
        let asked = self.turns.waiting.load(Ordering::SeqCst) != 0;
        if !waits && !approved && !asked {
            return (false, false);
        }
        loop {
            if !approved && self.turns.pass_on(holder) {
                self.wake_if_waiting();
                return (true, false);
            }
            if !waits && !approved {
                return (false, false);
            }
            self.posts[own].open(number);
            in_order();
            if !approved && self.turns.holder() == holder && self.posts[own].close(number) {
                continue;
            }
            in_order();
            if !approved && self.waited_for[own].load(Ordering::SeqCst) != 0 {
                self.pass(&mut lock(&self.monitor));
            }
            return (false, true);
        }
    }

    /// `Turn::take`.
    fn take(&self, own: usize) -> bool {
        let own = Holder::of(own as u32);
        self.turns.waiting.fetch_add(1, Ordering::SeqCst);
        in_order();
        let got = loop {
            let holder = self.turns.take(own);
            if holder == own || holder == Holder::Monitor {
                break holder == own;
            }
            if holder == Holder::Nobody {
                yield_now();
            } else {
                self.sleep(holder);
            }
        };
        self.turns.waiting.fetch_sub(1, Ordering::SeqCst);
        got
    }

    fn sleep(&self, seen: Holder) {
        let mut woken = lock(&self.futex);
        let (word, value) = self.turns.word(seen);
        if word.load(Ordering::SeqCst) != value {
            return;
        }
        let before = *woken;
        while *woken == before {
            woken = wait(&self.futex_woken, woken);
        }
    }

    fn wake_if_waiting(&self) {
        in_order();
        if self.turns.waiting.load(Ordering::SeqCst) != 0 {
            *lock(&self.futex) += 1;
            self.futex_woken.notify_all();
        }
    }

    /// `go_on`, until the thread has got its turn.
    fn wait_in_monitor(&self, mut monitor: MutexGuard<'_, Monitor>, own: usize) {
        if self.turns.holder() == Holder::of(own as u32) {
            return;
        }
        monitor.holders.retain(|holder| *holder != own);
        monitor.ready.push_back(own);
        self.pass(&mut monitor);
        while !monitor.granted[own] {
            monitor = wait(&self.granting, monitor);
        }
        monitor.granted[own] = false;
    }

    /// `pass_turn`.
    fn pass(&self, monitor: &mut Monitor) {
        loop {
            let Some(&next) = monitor.ready.front() else {
                return self.lend(monitor);
            };
            self.take_back(monitor);
            match monitor.holders.first().copied() {
                None => {
                    monitor.ready.pop_front();
                    monitor.holders.push(next);
                    self.waited_for[next].store(u32::from(!monitor.ready.is_empty()), Ordering::SeqCst);
                    monitor.granted[next] = true;
                    self.granting.notify_all();
                }
                Some(holder) => {
                    self.waited_for[holder].store(1, Ordering::SeqCst);
                    in_order();
                    if self.posts[holder].take().is_none() {
                        return;
                    }
                    monitor.holders.clear();
                    self.waited_for[holder].store(0, Ordering::SeqCst);
                }
            }
        }
    }

    /// `lend_turn`.
    fn lend(&self, monitor: &mut Monitor) {
        let holder = monitor.holders.first().copied();
        let is_open = || holder.is_some_and(|holder| self.posts[holder].is_open());
        if self.turns.holder() != Holder::Monitor || is_open() {
            return;
        }
        self.turns.lend(holder.map_or(Holder::Nobody, |holder| Holder::of(holder as u32)));
        in_order();
        if is_open() {
            self.take_back(monitor);
        }
    }

    /// `take_back_turn`.
    fn take_back(&self, monitor: &mut Monitor) {
        let holder = self.turns.take_back();
        if holder == Holder::Monitor {
            return;
        }
        *lock(&self.futex) += 1;
        self.futex_woken.notify_all();
        monitor.holders.clear();
        if let Holder::Thread(own) = holder {
            monitor.holders.push(own as usize);
        }
    }
}
