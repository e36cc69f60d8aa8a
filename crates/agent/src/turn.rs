//! The leader's turn among the threads of its process, around a call (`stretto_abi::turn`).

use core::sync::atomic::Ordering;

use stretto_abi::context::TURN_POINT;
use stretto_abi::policy::Mode;
use stretto_abi::ring::WAITED_FOR;
use stretto_abi::table::{BLOCKS, Who};
use stretto_abi::turn::{Holder, Turns};

use crate::entry::Call;
use crate::machine_unsafe::gate;
use crate::wait::Seat;

/// Threads of a variant share its CPU, so whoever waits for another lets it run, so often before it sleeps.
const YIELDS: u32 = 4;
/// Whoever passes the turn on without need waits for so many yields for somebody to take it.
const COURTESY: u32 = 20;

/// A call in which the turn may pass to another thread.
#[derive(Debug)]
pub struct Turn<'t> {
    seat: &'t Seat<'t>,
    own: Holder,
    /// The number of the call's record.
    number: u32,
    /// Another thread needs the turn, but the call does not wait.
    courtesy: bool,
    /// The monitor takes part in it.
    approved: bool,
}

/// How a turn was given up before a call.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Given {
    /// Not at all.
    Kept,
    /// The monitor may take it.
    Open,
    /// Other agents may.
    On {
        /// How often turns had been passed before.
        passed: u32,
    },
}

impl<'t> Turn<'t> {
    /// `None`: the turn stays, whatever happens.
    pub fn needed(call: &Call<'_>, seat: &'t Seat<'t>, number: u32) -> Option<Self> {
        let notices = &seat.ring().notices;
        if notices.turns.load(Ordering::Relaxed) == 0 || call.row.who() != Who::Leader {
            return None;
        }
        let own = Holder::of(notices.set.load(Ordering::Relaxed));
        let waits = call.row.flags() & BLOCKS != 0;
        let asked = || {
            seat.turns
                .is_some_and(|turns| turns.waiting.load(Ordering::Relaxed) != 0 && turns.holder() == own)
        };
        let approved = call.mode == Mode::Approved;
        (waits || asked()).then_some(Self { seat, own, number, courtesy: !waits, approved })
    }

    /// Whether the turn can pass without the monitor: then all followers have to agree to the call before, in every mode.
    pub fn passes_among_agents(&self) -> bool {
        self.seat.turns.is_some()
    }

    /// Whether the call is the place to give the turn up for a thread in the monitor.
    pub fn is_opened(&self) -> bool {
        !self.courtesy && !self.approved
    }

    /// Before the call.
    pub fn give(&self) -> Given {
        let post = &self.seat.ring().posts[0].turn;
        loop {
            if let Some(turns) = self.seat.turns {
                let passed = turns.passed.load(Ordering::SeqCst);
                // The monitor has to see the call while nobody else runs.
                if !self.approved && turns.pass_on(self.own) {
                    self.wake(turns);
                    return Given::On { passed };
                }
            }
            if self.courtesy {
                return Given::Kept;
            }
            post.open(self.number);
            // Lent to the agents meanwhile: nobody in the monitor would take it.
            if !self.approved && self.is_lent() && post.close(self.number) {
                continue;
            }
            if !self.approved && self.seat.attention().load(Ordering::SeqCst) & WAITED_FOR != 0 {
                let arguments = [0, 0, 0, 0, 0, self.seat.plan.secret];
                gate(TURN_POINT, &arguments, &self.seat.plan.never);
            }
            return Given::Open;
        }
    }

    /// Behind the call: whether the thread has its turn again. If not, its place is in the monitor.
    pub fn back(&self, given: Given) -> bool {
        match given {
            Given::Kept => true,
            Given::Open => self.seat.ring().posts[0].turn.close(self.number) || self.take(),
            Given::On { passed } => {
                if self.courtesy {
                    self.let_others_take_it(passed);
                }
                self.take()
            }
        }
    }

    fn is_lent(&self) -> bool {
        self.seat.turns.is_some_and(|turns| turns.holder() == self.own)
    }

    fn let_others_take_it(&self, passed: u32) {
        let Some(turns) = self.seat.turns else { return };
        for _ in 0..COURTESY {
            if turns.passed.load(Ordering::SeqCst) != passed || turns.waiting.load(Ordering::SeqCst) == 0 {
                return;
            }
            self.seat.let_run();
        }
    }

    /// Waits for the turn. False: the monitor gives it out.
    fn take(&self) -> bool {
        let Some(turns) = self.seat.turns else { return false };
        turns.waiting.fetch_add(1, Ordering::SeqCst);
        let got = self.wait(turns);
        turns.waiting.fetch_sub(1, Ordering::SeqCst);
        got
    }

    fn wait(&self, turns: &Turns) -> bool {
        let mut yields = 0;
        loop {
            let holder = turns.take(self.own);
            if holder == self.own || holder == Holder::Monitor {
                return holder == self.own;
            }
            if holder != Holder::Nobody && yields == YIELDS {
                let (word, seen) = turns.word(holder);
                self.seat.sleep(word, seen);
            } else {
                yields += u32::from(holder != Holder::Nobody);
                self.seat.let_run();
            }
        }
    }

    fn wake(&self, turns: &Turns) {
        if turns.waiting.load(Ordering::SeqCst) != 0 {
            self.seat.wake_one(turns.word(Holder::Nobody).0);
        }
    }
}
