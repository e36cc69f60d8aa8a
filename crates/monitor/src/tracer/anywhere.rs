//! Signals to a leader that makes no calls: they are delivered wherever the variants are.

use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::Duration;

use stretto_abi::ring::{CALLED, Ring};
use stretto_tracee::{Error, Resume, SignalInfo, Stopped};

use super::Tracer;
use super::delivery::{Came, Sent, has_handler, signals_of, undo_entry};
use super::task::{State, Task};
use crate::lag::Lag;
use crate::mailbox::{Decision, Standing};
use crate::taskset::{Arrival, TaskSet};

impl Tracer<'_> {
    /// Leader, stopped in its own code: the first deferred signal that is not blocked goes to the followers, wherever they
    /// are; the leader follows when all have taken it.
    pub(super) fn signal_everywhere(&mut self, stopped: Stopped) -> Result<(), Error> {
        let tid = stopped.tid();
        let standing = if self.has_turn(tid) { Standing::Within } else { Standing::Outside };
        match self.due_signal(&stopped, tid)? {
            Some(info) => self.tell_of_signal(stopped, info, standing),
            None => self.resume(stopped, Resume::Continue, 0),
        }
    }

    /// Leader, behind a call that every variant makes at its own pace, without its turn: no follower is further. Given
    /// back: there is no signal.
    pub(super) fn signal_before_next_turn(&mut self, stopped: Stopped) -> Result<Option<Stopped>, Error> {
        let Some(info) = self.due_signal(&stopped, stopped.tid())? else { return Ok(Some(stopped)) };
        self.tell_of_signal(stopped, info, Standing::Before)?;
        Ok(None)
    }

    fn tell_of_signal(
        &mut self,
        stopped: Stopped,
        info: SignalInfo,
        standing: Standing,
    ) -> Result<(), Error> {
        let tid = stopped.tid();
        let followers = self.session.followers().count();
        self.attend(tid);
        let task = self.task(tid)?;
        task.set.taken.store(0, Ordering::Release);
        task.state = State::Signalling(info, standing);
        task.stopped = Some(stopped);
        let set = Arc::clone(&task.set);
        self.session.post_followers(&set, &Decision::SignalAnywhere(Box::new(info), standing));
        if followers == 0 { self.signal_taken(tid) } else { Ok(()) }
    }

    /// Leader: the followers have taken the signal.
    pub(super) fn signal_taken(&mut self, tid: i32) -> Result<(), Error> {
        let task = self.task(tid)?;
        let State::Signalling(info, standing) = task.state.clone() else {
            return Ok(());
        };
        // What is left of the signal before says nothing of this one.
        let set = Arc::clone(&task.set);
        if !self.all_have_taken(&set) {
            return Ok(());
        }
        let task = self.task(tid)?;
        let stopped = task.stopped.take().ok_or(Error::Unexpected("the thread is not stopped"))?;
        task.state = State::Running;
        if standing == Standing::Before {
            return self.inject(stopped, &info);
        }
        stopped.set_signal_info(&self.own_info(tid, &info))?;
        self.go_on(stopped, info.signal())
    }

    /// Follower: takes a signal in its own code, or before the call that it has come to.
    pub(super) fn signal_anywhere(
        &mut self,
        tid: i32,
        info: &SignalInfo,
        standing: Standing,
    ) -> Result<(), Error> {
        let variant = self.variant;
        // The leader has taken the signal behind what it has recorded.
        self.catch_up(tid)?;
        // It has a turn before it, in which it gets what the leader's had there.
        let has_due = standing == Standing::Within && self.task(tid)?.due.is_some();
        if has_due || self.is_too_early(tid, standing) {
            self.check_delay(tid)?;
            let set = self.task(tid)?.set.id;
            self.postpone(set, Decision::SignalAnywhere(Box::new(*info), standing));
            return Ok(());
        }
        self.task(tid)?.delay = None;
        let waiting = self.cut_turn(tid, self.turns_to_come(tid) > 0);
        let task = self.task(tid)?;
        let set = Arc::clone(&task.set);
        if let Some(stopped) = task.stopped.take() {
            crate::rendezvous::leave(&set, variant);
            task.state = State::Running;
            match task.current.as_deref() {
                Some(Arrival::Call(call)) => undo_entry(&stopped, call.registers)?,
                Some(Arrival::Point { registers, .. }) => stopped.set_registers(registers)?,
                _ => {}
            }
            self.inject(stopped, info)?;
        } else if let Some(stopped) = waiting {
            let stopped = self.make_due(stopped)?;
            self.inject(stopped, info)?;
        } else {
            let stopped = self.where_the_leader_is(tid, info.signal())?;
            stopped.set_signal_info(&self.own_info(tid, info))?;
            let signal = if has_handler(tid, info.signal()) { info.signal() } else { 0 };
            let task = self.task(tid)?;
            if matches!(task.state, State::ExecutingLocal) {
                // The call begins again behind the handler.
                task.state = State::Running;
            }
            self.go_on(stopped, signal)?;
        }
        set.taken.fetch_or(1 << variant, Ordering::AcqRel);
        if self.all_have_taken(&set) {
            self.session.post(0, &set, Decision::SignalTaken);
        }
        Ok(())
    }

    /// Follower: whether it takes longer than it may until the thread can take the leader's signal, or has looked at what
    /// the leader has left.
    pub(super) fn check_delay(&mut self, tid: i32) -> Result<(), Error> {
        let limit = self.session.config.timeout;
        let task = self.task(tid)?;
        let delay = task.delay.get_or_insert_with(|| {
            let mut lag = Lag::begin();
            lag.watch([tid]);
            lag
        });
        if delay.exceeds(limit) {
            let set = Arc::clone(&task.set);
            crate::rendezvous::too_late(self.session, &set, self.variant);
            return Err(Error::Gone);
        }
        Ok(())
    }

    fn all_have_taken(&self, set: &TaskSet) -> bool {
        let taken = set.taken.load(Ordering::Acquire);
        self.session.followers().all(|variant| taken & 1 << variant != 0)
    }

    /// Leader: a variant was dropped, and threads may have waited for it alone.
    pub(super) fn recheck_signals(&mut self) {
        let waits =
            |task: &&Task| matches!(task.state, State::Signalling(..)) && self.all_have_taken(&task.set);
        let waiting: Vec<i32> = self.tasks.values().filter(waits).map(|task| task.tid).collect();
        for tid in waiting {
            let outcome = self.signal_taken(tid);
            self.settle(tid, outcome);
        }
    }

    /// Follower: whether the thread has not come to where it could take a signal as the leader's does. It has not run
    /// yet, ends its wait for a child, has not had all the turns that the leader's has had (it may do without the last if
    /// the leader's is in it), or stands still until its turn, with another signal or what the leader has made since it
    /// had that turn still before it.
    fn is_too_early(&self, tid: i32, standing: Standing) -> bool {
        let Some(task) = self.tasks.get(&tid) else { return false };
        let unread = || task.ring.as_ref().is_some_and(|ring| has_unread(ring, self.variant));
        let before_turn = self.signal_before_turn(tid);
        let to_come = self.turns_to_come(tid);
        let lacks_turns = match standing {
            Standing::Within => to_come > usize::from(before_turn.is_some()),
            Standing::Outside => to_come > 0,
            Standing::Before => to_come > 0 || self.takes_turns(tid) && before_turn.is_none(),
        };
        matches!(task.state, State::Newborn | State::Reaping(..))
            || lacks_turns
            || before_turn.is_some_and(|signal| signal != 0 || unread())
    }

    /// Follower: runs on until it is where the leader is (no records are unread, and it is not in its agent), and
    /// `signal` is about to be delivered to it.
    fn where_the_leader_is(&mut self, tid: i32, signal: i32) -> Result<Stopped, Error> {
        let mut lag = Lag::begin();
        lag.watch([tid]);
        loop {
            let tgid = self.task(tid)?.tgid;
            if lag.exceeds(self.session.config.timeout) {
                let set = Arc::clone(&self.task(tid)?.set);
                crate::rendezvous::too_late(self.session, &set, self.variant);
                return Err(Error::Gone);
            }
            let blocked = signals_of(tid, "SigBlk:").unwrap_or(0);
            let sent = Sent::send(tgid, tid, signal, blocked)?;
            let Came::Due(stopped) = self.until_signal(tid, sent)? else {
                return Err(Error::Unexpected("a follower was stopped by job control"));
            };
            let in_agent = self.in_agent(stopped.registers()?.rip).is_some();
            let variant = self.variant;
            let Some(ring) = self.task(tid)?.ring.clone() else { return Ok(stopped) };
            let unread = has_unread(&ring, variant);
            if !in_agent && !unread {
                self.attend(tid);
                return Ok(stopped);
            }
            if in_agent && !unread {
                ring.notices.attention[variant].store(CALLED, Ordering::SeqCst);
                ring.announce();
            }
            stopped.resume(Resume::Continue, 0)?;
            std::thread::sleep(Duration::from_micros(200));
        }
    }
}

/// Whether the leader, which stands still, has made what `variant` has not looked at.
fn has_unread(ring: &Ring, variant: usize) -> bool {
    ring.cursor(variant).number != ring.cursor(0).number
}
