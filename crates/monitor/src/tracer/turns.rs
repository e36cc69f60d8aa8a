//! Threads of one process take turns: one at a time runs the program's code, and the followers' threads run in
//! the order of the leader's.
//!
//! What threads do to each other's memory between system calls (locks, queues, flags) has the same outcome in
//! every variant if the stretches between their stops run in the same order. So a thread of a process with
//! several threads needs the turn to run its own code; it gives it up when the leader carries a call out for it
//! or when it ends. The leader's tracer decides who is next and tells the followers' with `Decision::Turn`.
//!
//! A thread that waits for another without system calls would keep the turn for ever, so after [`PATIENCE`] the
//! next one runs beside it.

use std::collections::VecDeque;
use std::time::Duration;

use stretto_tracee::{Error, Resume, Stopped};

use super::Tracer;
use crate::clock_unsafe::Moment;
use crate::mailbox::Decision;

/// How long a thread may run its own code while others wait for the turn.
const PATIENCE: Duration = Duration::from_secs(2);

/// A stopped thread that waits for its turn.
#[derive(Debug)]
struct Ready {
    set: u32,
    stopped: Stopped,
    signal: i32,
}

/// The turns of one process, in one variant.
#[derive(Debug, Default)]
pub struct Turns {
    /// Who runs, since when. More than one only after [`PATIENCE`].
    holders: Vec<(i32, Moment)>,
    ready: VecDeque<Ready>,
    /// Follower: the leader's order, as far as it has not been followed yet; sets of threads.
    order: VecDeque<u32>,
    /// Follower: turns that are over before they began, by set (see [`Tracer::cut_turn`]).
    cut: Vec<u32>,
}

impl std::fmt::Display for Turns {
    fn fmt(&self, to: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let holders: Vec<i32> = self.holders.iter().map(|(tid, _)| *tid).collect();
        let ready: Vec<u32> = self.ready.iter().map(|ready| ready.set).collect();
        write!(to, "running {holders:?}, ready sets {ready:?}, to come {:?}, cut {:?}", self.order, self.cut)
    }
}

impl Turns {
    fn give_up(&mut self, tid: i32) {
        self.holders.retain(|(holder, _)| *holder != tid);
    }

    /// Takes out who is next, if somebody may run now.
    fn next(&mut self, leads: bool) -> Option<Ready> {
        let patient = self.holders.iter().any(|(_, since)| since.roughly_elapsed() < PATIENCE);
        if patient {
            return None;
        }
        if leads {
            return self.ready.pop_front();
        }
        let wanted = *self.order.front()?;
        if let Some(index) = self.cut.iter().position(|set| *set == wanted) {
            self.cut.swap_remove(index);
            self.order.pop_front();
            return self.next(leads);
        }
        let index = self.ready.iter().position(|ready| ready.set == wanted)?;
        self.order.pop_front();
        self.ready.remove(index)
    }
}

impl Tracer<'_> {
    /// The process of `tid` has several threads from now on; `running` runs or is in a call that holds the turn.
    pub(super) fn take_turns(&mut self, process: u32, running: Option<i32>) {
        if self.session.config.variants == 1 {
            return;
        }
        let turns = self.turns.entry(process).or_default();
        if let (Some(tid), true) = (running, turns.holders.is_empty()) {
            turns.holders.push((tid, Moment::roughly_now()));
        }
        // What runs beside each other in the leader must not do so in followers: their calls are the monitor's.
        let threads: Vec<i32> =
            self.tasks.values().filter(|task| task.set.process == process).map(|task| task.tid).collect();
        threads.into_iter().for_each(|tid| self.attend(tid));
    }

    /// Whether threads of the process of `tid` take turns.
    pub(super) fn takes_turns(&self, tid: i32) -> bool {
        self.tasks.get(&tid).is_some_and(|task| self.turns.contains_key(&task.set.process))
    }

    /// Whether `tid` runs its own code among threads that take turns.
    pub(super) fn has_turn(&self, tid: i32) -> bool {
        self.tasks
            .get(&tid)
            .and_then(|task| self.turns.get(&task.set.process))
            .is_some_and(|turns| turns.holders.iter().any(|(holder, _)| *holder == tid))
    }

    /// Lets a thread run its own code, when it is its turn.
    pub(super) fn go_on(&mut self, stopped: Stopped, signal: i32) -> Result<(), Error> {
        let tid = stopped.tid();
        let Some(task) = self.tasks.get_mut(&tid) else {
            return self.resume(stopped, Resume::Continue, signal);
        };
        task.changing.clear();
        let set = &task.set;
        let (process, set) = (set.process, set.id);
        let Some(turns) = self.turns.get_mut(&process) else {
            return self.resume(stopped, Resume::Continue, signal);
        };
        turns.give_up(tid);
        turns.ready.push_back(Ready { set, stopped, signal });
        self.pass_turn(process)
    }

    /// The thread's own code does not run until the next [`Self::go_on`].
    pub(super) fn give_up_turn(&mut self, tid: i32) -> Result<(), Error> {
        let Some(process) = self.tasks.get(&tid).map(|task| task.set.process) else {
            return Ok(());
        };
        self.end_turn(process, tid)
    }

    /// The same for a thread that may not be known any more.
    pub(super) fn end_turn(&mut self, process: u32, tid: i32) -> Result<(), Error> {
        let Some(turns) = self.turns.get_mut(&process) else {
            return Ok(());
        };
        turns.give_up(tid);
        turns.ready.retain(|ready| ready.stopped.tid() != tid);
        self.pass_turn(process)
    }

    /// Follower: takes a thread out that has not had its turn yet. `had`: the leader's has, so the turn that is
    /// still to come means nothing.
    pub(super) fn cut_turn(&mut self, tid: i32, had: bool) -> Option<Stopped> {
        let process = self.tasks.get(&tid)?.set.process;
        let turns = self.turns.get_mut(&process)?;
        let index = turns.ready.iter().position(|ready| ready.stopped.tid() == tid)?;
        let ready = turns.ready.remove(index)?;
        if had {
            turns.cut.push(ready.set);
        }
        Some(ready.stopped)
    }

    /// Follower: the leader's thread of `set` has got the turn.
    pub(super) fn follow_turn(&mut self, process: u32, set: u32) -> Result<(), Error> {
        let turns = self.turns.entry(process).or_default();
        turns.order.push_back(set);
        self.pass_turn(process)
    }

    /// Forgets the turns of a process that has one thread again, or none.
    pub(super) fn end_turns(&mut self, process: u32) {
        self.turns.remove(&process);
    }

    /// Time has passed: nobody may keep the turn for ever.
    pub(super) fn check_turns(&mut self) -> Result<(), Error> {
        let processes: Vec<u32> = self.turns.keys().copied().collect();
        processes.into_iter().try_for_each(|process| self.pass_turn(process))
    }

    fn pass_turn(&mut self, process: u32) -> Result<(), Error> {
        let leads = self.leads();
        while let Some(ready) = self.turns.get_mut(&process).and_then(|turns| turns.next(leads)) {
            let tid = ready.stopped.tid();
            if leads {
                for variant in self.session.followers() {
                    let turn = Decision::Turn { process, set: ready.set };
                    self.session.mailboxes[variant].post(0, turn);
                }
            }
            match self.resume(ready.stopped, Resume::Continue, ready.signal) {
                // Killed meanwhile: its end is still to be reported.
                Err(Error::Gone) => continue,
                outcome => outcome?,
            }
            if let Some(turns) = self.turns.get_mut(&process) {
                turns.holders.push((tid, Moment::roughly_now()));
            }
        }
        Ok(())
    }
}
