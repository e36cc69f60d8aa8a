//! Threads of one process take turns: one at a time runs the program's code, and the followers' threads run in
//! the order of the leader's.
//!
//! What threads do to each other's memory between system calls (locks, queues, flags) has the same outcome in
//! every variant if the stretches between their stops run in the same order. So a thread of a process with
//! several threads needs the turn to run its own code; it gives it up when the leader carries a call out for it
//! or when it ends. The leader's tracer decides who is next and tells the followers' with `Decision::Turn`.
//!
//! A thread that waits for another without system calls would keep the turn for ever, so after `PATIENCE` the
//! next one runs beside it; not beside one that ends, or waits for the followers.

use std::collections::VecDeque;
use std::sync::atomic::Ordering;

use stretto_abi::turn::{GivenUp, Holder as LentTo};
use stretto_tracee::{Error, Resume, Stopped};

use super::Tracer;
use super::lead::ToCome;
use super::task::{State, Task};
use super::turn_queue::{Holder, Next, Ready, Release, Turn, Turns};
use crate::agent::ring_memory::RingMemory;
use crate::clock_unsafe::Moment;
use crate::mailbox::Decision;
use crate::procfs::has_ended;

impl Tracer<'_> {
    /// The process of `tid` has several threads from now on; `running` runs or is in a call that holds the turn.
    pub(super) fn take_turns(&mut self, process: u32, running: Option<i32>) {
        if self.session.config.variants == 1 {
            return;
        }
        let leads = self.leads();
        let turns = self.turns.entry(process).or_default();
        if let (Some(tid), true) = (running, turns.holders.is_empty()) {
            turns.holders.push(Holder::new(tid));
        }
        if leads {
            turns.share();
        }
        let threads = self.tasks.values().filter(|task| task.set.process == process);
        threads.filter_map(|task| task.ring.as_deref()).for_each(RingMemory::take_turns);
    }

    /// Whether threads of the process of `tid` take turns.
    pub(super) fn takes_turns(&self, tid: i32) -> bool {
        self.tasks.get(&tid).is_some_and(|task| self.turns.contains_key(&task.set.process))
    }

    /// Whether `tid` runs its own code among threads that take turns.
    pub(super) fn has_turn(&self, tid: i32) -> bool {
        let Some(task) = self.tasks.get(&tid) else { return false };
        if let Some(holder) = self.lent_to(task.set.process) {
            return holder == LentTo::of(task.set.id);
        }
        self.turns_of(tid).is_some_and(|turns| turns.holders.iter().any(|holder| holder.tid == tid))
    }

    /// Leader: whether `tid` has the turn and another thread needs it.
    pub(super) fn is_waited_for(&self, tid: i32) -> bool {
        self.turns_of(tid).is_some_and(|turns| !turns.ready.is_empty()) && self.has_turn(tid)
    }

    fn holders_of(&self, process: u32) -> impl Iterator<Item = i32> + '_ {
        self.turns.get(&process).into_iter().flat_map(|turns| &turns.holders).map(|holder| holder.tid)
    }

    fn turns_of(&self, tid: i32) -> Option<&Turns> {
        self.turns.get(&self.tasks.get(&tid)?.set.process)
    }

    /// Lets a thread run its own code, when it is its turn.
    pub(super) fn go_on(&mut self, stopped: Stopped, signal: i32) -> Result<(), Error> {
        let tid = stopped.tid();
        let Some(task) = self.tasks.get_mut(&tid) else {
            return self.resume(stopped, Resume::Continue, signal);
        };
        task.changing.clear();
        if signal != 0 {
            // Its handler may make the call that the others wait for.
            task.quiet = None;
        }
        let keeps_turn = std::mem::take(&mut task.keeps_turn);
        let set = &task.set;
        let (process, set) = (set.process, set.id);
        if self.leads() && self.lent_to(process) == Some(LentTo::of(set)) {
            self.tell_followers(process, Next::TakenBack(Some(set)));
            self.tell_followers(process, Next::Turn(Turn { set, behind: None, beside: false }));
            return self.resume(stopped, Resume::Continue, signal);
        }
        let Some(turns) = self.turns.get_mut(&process) else {
            return self.resume(stopped, Resume::Continue, signal);
        };
        turns.give_up(tid);
        if keeps_turn {
            turns.holders.push(Holder::new(tid));
            return self.resume(stopped, Resume::Continue, signal);
        }
        turns.ready.push_back(Ready { set, stopped, signal, since: Moment::roughly_now() });
        self.pass_turn(process)
    }

    /// The thread's own code does not run until the next [`Self::go_on`].
    pub(super) fn give_up_turn(&mut self, tid: i32) -> Result<(), Error> {
        if self.pass_on_for(tid) {
            return Ok(());
        }
        let Some(process) = self.tasks.get(&tid).map(|task| task.set.process) else {
            return Ok(());
        };
        self.remove_turn(process, tid)
    }

    /// The same, without meeting the followers: each does so when it has come to the same place.
    pub(super) fn give_up_turn_alone(&mut self, tid: i32) -> Result<(), Error> {
        self.take_back_turn_of(tid);
        if self.leads()
            && self.has_turn(tid)
            && let Some(task) = self.tasks.get(&tid)
            && let Some(turns) = self.turns.get_mut(&task.set.process)
        {
            match &task.ring {
                Some(ring) => {
                    let place = GivenUp::at(ring.cursor(0).number);
                    turns.released = Some(Release { set: task.set.id, place });
                }
                // Agents that passed it on would not wait until this thread has come here in every variant.
                None => turns.kept = true,
            }
        }
        self.give_up_turn(tid)
    }

    /// Follower: the thread has come to the monitor. Its turn is over when the leader's is.
    pub(super) fn park_turn(&mut self, tid: i32) -> Result<(), Error> {
        let Some(process) = self.tasks.get(&tid).map(|task| task.set.process) else {
            return Ok(());
        };
        let Some(turns) = self.turns.get_mut(&process) else {
            return Ok(());
        };
        turns.holders.iter_mut().filter(|holder| holder.tid == tid).for_each(|holder| holder.parked = true);
        self.pass_turn(process)
    }

    /// Leader: the monitor gives out the turns of this thread's process now.
    pub(super) fn take_back_turn_of(&mut self, tid: i32) {
        if let Some(process) = self.tasks.get(&tid).map(|task| task.set.process) {
            self.take_back_turn(process);
        }
    }

    /// A thread has ended.
    pub(super) fn end_turn(&mut self, process: u32, tid: i32) -> Result<(), Error> {
        if let Some(turns) = self.turns.get_mut(&process) {
            turns.kept = true;
        }
        self.remove_turn(process, tid)
    }

    fn remove_turn(&mut self, process: u32, tid: i32) -> Result<(), Error> {
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

    /// The signal with which a thread stands still until its turn, 0: none; `None` if it does not.
    pub(super) fn signal_before_turn(&self, tid: i32) -> Option<i32> {
        let ready = &self.turns_of(tid)?.ready;
        ready.iter().find(|ready| ready.stopped.tid() == tid).map(|ready| ready.signal)
    }

    /// Follower: how many turns the leader's thread has had that this one has not.
    pub(super) fn turns_to_come(&self, tid: i32) -> usize {
        let (Some(turns), Some(task)) = (self.turns_of(tid), self.tasks.get(&tid)) else { return 0 };
        turns.to_come(task.set.id)
    }

    /// Follower: a thread of the leader's has got the turn.
    pub(super) fn follow_turn(
        &mut self,
        process: u32,
        next: Next,
        counted: Option<ToCome>,
    ) -> Result<(), Error> {
        let turns = self.turns.entry(process).or_default();
        turns.order.push_back((next, counted));
        self.pass_turn(process)
    }

    /// Forgets the turns of a process that has one thread again, or none.
    pub(super) fn end_turns(&mut self, process: u32) {
        self.turns.remove(&process);
    }

    /// Time has passed: nobody may keep the turn for ever.
    pub(super) fn check_turns(&mut self) -> Result<(), Error> {
        let processes: Vec<u32> = self.turns.keys().copied().collect();
        processes.iter().for_each(|process| self.check_lent(*process));
        self.pass_turns()
    }

    /// Looks in every process who is next.
    pub(super) fn pass_turns(&mut self) -> Result<(), Error> {
        let processes: Vec<u32> = self.turns.keys().copied().collect();
        processes.into_iter().try_for_each(|process| self.pass_turn(process))
    }

    pub(super) fn pass_turn(&mut self, process: u32) -> Result<(), Error> {
        loop {
            let next =
                if self.leads() { self.next_of_leader(process) } else { self.next_of_follower(process) };
            let Some(ready) = next else {
                if self.leads() {
                    self.lend_turn(process);
                }
                return Ok(());
            };
            let tid = ready.stopped.tid();
            if let Some(turns) = self.turns.get_mut(&process) {
                turns.holders.push(Holder::new(tid));
            }
            self.attend(tid);
            let stopped = self.make_due(ready.stopped);
            match stopped.and_then(|stopped| self.resume(stopped, Resume::Continue, ready.signal)) {
                // Killed meanwhile: its end is still to be reported.
                Err(Error::Gone) => {
                    if let Some(turns) = self.turns.get_mut(&process) {
                        turns.give_up(tid);
                    }
                }
                outcome => self.settle(tid, outcome),
            }
        }
    }

    /// Takes out all who wait for their turn; who is not put back has ended.
    pub(super) fn take_ready(&mut self, process: u32) -> VecDeque<Ready> {
        self.turns.get_mut(&process).map(|turns| std::mem::take(&mut turns.ready)).unwrap_or_default()
    }

    pub(super) fn put_back(&mut self, process: u32, ready: Ready) {
        if let Some(turns) = self.turns.get_mut(&process) {
            turns.ready.push_back(ready);
        }
    }

    /// Leader: who runs now. Followers are told; who has the turn and does not give it up is asked to.
    fn next_of_leader(&mut self, process: u32) -> Option<Ready> {
        let turns = self.turns.get_mut(&process)?;
        if turns.ready.is_empty() || turns.waits_for(self.session.followers()) {
            return None;
        }
        self.take_back_turn(process);
        let keeps_it = |task: &Task| matches!(task.state, State::Arrived | State::Ending);
        let keeps_it = |tid: &i32| self.tasks.get(tid).is_some_and(keeps_it);
        let stopped: Vec<i32> = self.holders_of(process).filter(keeps_it).collect();
        loop {
            let turns = self.turns.get_mut(&process)?;
            if let Some(ready) = turns.next(&stopped) {
                let (behind, beside) = (turns.released.take(), !turns.holders.is_empty());
                // Whoever makes call after call at its own pace would have it lent and taken back with each.
                turns.kept = behind.is_some_and(|release| release.set == ready.set);
                self.tell_followers(process, Next::Turn(Turn { set: ready.set, behind, beside }));
                return Some(ready);
            }
            if turns.ready.is_empty() || !self.take_turn_back(process) {
                return None;
            }
        }
    }

    pub(super) fn tell_followers(&self, process: u32, next: Next) {
        let lead = self.turns.get(&process).map(|turns| &turns.lead);
        let lead = lead.filter(|_| matches!(next, Next::Turn(_)));
        for variant in self.session.followers() {
            let counted = lead.map(|lead| lead.add(variant));
            self.session.mailboxes[variant].post(0, Decision::Turn { process, next, counted });
        }
    }

    /// Leader: somebody else needs the turn. Who has it comes to the monitor with the next call, or loses it at once;
    /// false: nobody has lost it.
    fn take_turn_back(&mut self, process: u32) -> bool {
        let holders: Vec<i32> = self.holders_of(process).collect();
        holders.into_iter().any(|tid| self.take_turn_of(process, tid))
    }

    fn take_turn_of(&mut self, process: u32, tid: i32) -> bool {
        // In this order: either the agent sees that its call is the monitor's, or its turn is open.
        self.attend(tid);
        let Some(task) = self.tasks.get(&tid) else { return false };
        let Some(ring) = &task.ring else { return false };
        let Some(place) = ring.posts[0].turn.take() else { return false };
        // A leader that has been taken over may claim to wait in any call; what counts is the record that it writes, or
        // has just written.
        let next = ring.cursor(0).number;
        if ![next, next.wrapping_sub(1)].map(GivenUp::at).contains(&place) {
            return false;
        }
        ring.notices.given_up.store(place.0, Ordering::SeqCst);
        ring.announce();
        let set = task.set.id;
        if let Some(turns) = self.turns.get_mut(&process) {
            turns.give_up(tid);
            turns.released = Some(Release { set, place });
        }
        self.attend(tid);
        true
    }

    /// Follower: who runs now, in the leader's order.
    fn next_of_follower(&mut self, process: u32) -> Option<Ready> {
        let behind = loop {
            let turns = self.turns.get_mut(&process)?;
            turns.skip_cut();
            match turns.order.front()?.0 {
                Next::Turn(turn) => break turn.behind,
                Next::TakenBack(set) => {
                    turns.order.pop_front();
                    let tid = set.and_then(|set| self.by_set.get(&set).copied());
                    let parked = tid.is_some_and(|tid| self.stands_in_monitor(tid));
                    self.turns.get_mut(&process)?.hand_back(tid, parked);
                }
            }
        };
        let passed = behind.is_none_or(|release| self.has_passed(release));
        let (ready, counted) = self.turns.get_mut(&process)?.follow(passed)?;
        if counted.is_some_and(ToCome::comes) {
            self.session.mailboxes[0].post(0, Decision::Followed { process });
        }
        Some(ready)
    }

    /// Follower: whether a thread does not run its own code, and has not come to its end: that takes the turn with it.
    fn stands_in_monitor(&self, tid: i32) -> bool {
        let arrived = self.tasks.get(&tid).is_none_or(|task| !matches!(task.state, State::Running));
        arrived && !self.ends(tid) || self.signal_before_turn(tid).is_some()
    }

    /// Whether a thread is on its way to its end. Whoever joins it looks at a word that the kernel writes last
    /// (set_tid_address(2)), and makes a call or none.
    fn ends(&self, tid: i32) -> bool {
        // A first thread that others outlive is reported long after its end.
        self.tasks.get(&tid).is_some_and(Task::ends) && !has_ended(tid)
    }

    /// Follower: whether a thread has come to the record at which the leader's gave its turn up.
    fn has_passed(&self, release: Release) -> bool {
        let ring = self.by_set.get(&release.set).and_then(|tid| self.tasks.get(tid)?.ring.as_ref());
        ring.is_none_or(|ring| release.place.is_reached(ring.cursor(self.variant).number))
    }
}
