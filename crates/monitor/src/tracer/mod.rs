//! One tracer thread per variant: it alone may ask ptrace anything about that variant's threads.
//!
//! The loop takes two kinds of news: stops of its own tracees, and messages from the other tracers. A stop
//! that is a rendezvous parks the thread; whoever comes last decides and posts to all (`crate::rendezvous`).

mod aftermath;
mod agent;
mod alongside;
mod anywhere;
mod approval;
mod birth;
mod call;
mod death;
mod delivery;
mod descriptors;
mod dump;
mod exec;
mod fault;
mod follower;
mod heap;
mod injection;
mod known;
mod lead;
mod leader;
mod lending;
mod mapped;
mod mapping;
mod open;
mod patch;
mod patience;
mod placeholders;
mod points;
mod rewrite;
mod signal;
mod task;
mod turn_queue;
mod turns;
mod vsyscall;

use std::cell::RefCell;
use std::rc::Rc;
use std::sync::Arc;
use std::sync::atomic::Ordering;

use rustc_hash::FxHashMap;
use stretto_abi::table::Table;
use stretto_tracee::{Error, Event, Resume, Stop, Stopped, kill_thread, wait};

use crate::clock_unsafe::Moment;
use crate::layout::mm::Mm;
use crate::mailbox::{Decision, Message};
use crate::placement::Placement;
use crate::rendezvous;
use crate::session::{Ending, Session};
use crate::taskset::TaskSet;
pub use approval::Answering;
use approval::Asking;
pub use dump::dump_monitor;
use injection::Injector;
pub use lead::ToCome;
use patience::{Looking, Patience};
use task::{State, Task};
pub use turn_queue::Next;
use turn_queue::Turns;

/// The tracer of one variant.
#[derive(Debug)]
pub struct Tracer<'s> {
    session: &'s Session,
    table: Table<'s>,
    variant: usize,
    tasks: FxHashMap<i32, Task>,
    /// Thread id by set.
    by_set: FxHashMap<u32, i32>,
    /// Children that stopped before their parent told about them.
    strangers: FxHashMap<i32, Stopped>,
    /// By process, for those with several threads.
    turns: FxHashMap<u32, Turns>,
    dropped: bool,
    last_tick: Moment,
    /// A tracee was resumed since the last wait: it needs the CPU now.
    resumed: bool,
    looking: Looking,
    patience: Patience,
    /// Address of the path of a binary of the variant's own, until it has been started.
    pub own_binary: Option<u64>,
    /// Leader: what is to be done when its filter is there, and then what answers it.
    pub answering: Option<Answering>,
    asking: Option<Asking>,
    /// What is to be obeyed when more has happened here.
    postponed: Vec<Message>,
    /// For tests; `None` in every other run.
    injector: Option<Box<Injector>>,
}

impl<'s> Tracer<'s> {
    /// A tracer for `variant`, which runs where `placement` says.
    #[must_use]
    pub fn new(session: &'s Session, table: Table<'s>, variant: usize, placement: &Placement) -> Self {
        Self {
            session,
            table,
            variant,
            tasks: FxHashMap::default(),
            by_set: FxHashMap::default(),
            strangers: FxHashMap::default(),
            turns: FxHashMap::default(),
            dropped: false,
            last_tick: Moment::now(),
            resumed: true,
            looking: Looking::of(placement, variant),
            patience: Patience::default(),
            own_binary: None,
            answering: None,
            asking: None,
            postponed: Vec::new(),
            injector: Injector::new(&session.config),
        }
    }

    fn leads(&self) -> bool {
        self.variant == 0
    }

    /// Takes the variant's first thread, which has just been seized.
    pub fn adopt_root(&mut self, set: &Arc<TaskSet>, tid: i32) {
        let mm = Mm::new(self.variant, self.session.seed);
        self.add(Task::new(Arc::clone(set), tid, tid, Rc::new(RefCell::new(mm))));
    }

    fn add(&mut self, task: Task) {
        if self.leads() {
            self.session.name_leader(&task.set, task.tid);
        } else {
            task.set.set_tid(self.variant, task.tid);
        }
        self.by_set.insert(task.set.id, task.tid);
        self.tasks.insert(task.tid, task);
    }

    /// Runs until no tracee is left.
    pub fn run(&mut self) {
        self.session.mailboxes[self.variant].adopt();
        loop {
            while let Some(message) = self.session.mailboxes[self.variant].take() {
                self.obey(message);
            }
            match self.next_event() {
                Ok(Some((stopped, event))) => {
                    self.on_event(stopped, event);
                    self.retry_postponed();
                }
                Ok(None) => {}
                Err(Error::Gone) => return,
                Err(error) => {
                    self.session.fail(format!("variant {}: {error}", self.variant));
                    return;
                }
            }
        }
    }

    fn next_event(&mut self) -> Result<Option<(Stopped, Event)>, Error> {
        let sleeper = &self.session.mailboxes[self.variant].sleeper;
        if !std::mem::take(&mut self.resumed) && self.looking.looks > 0 {
            let (start, time) = (Moment::now(), self.patience.time());
            while start.elapsed() < time {
                for _ in 0..self.looking.looks {
                    if sleeper.called() {
                        self.patience.pays();
                        return Ok(None);
                    }
                    std::hint::spin_loop();
                }
                if let Some(event) = wait(None)? {
                    return Ok(Some(event));
                }
                if self.looking.yields {
                    std::thread::yield_now();
                }
            }
            self.patience.exhausted();
        }
        wait(Some(sleeper))
    }

    fn on_event(&mut self, stopped: Stopped, event: Event) {
        let tid = stopped.tid();
        match event {
            Event::Stopped(stop) => {
                let outcome = self.on_stop(stopped, stop);
                self.settle(tid, outcome);
            }
            event => self.on_end(tid, event),
        }
    }

    fn on_end(&mut self, tid: i32, event: Event) {
        match event {
            Event::Exited(status) => self.on_death(tid, Ending::Exited(status)),
            Event::Signalled(signal) => self.on_death(tid, Ending::Signalled(signal)),
            Event::Stopped(_) | Event::Other => {}
        }
    }

    /// A tracee that is gone will be (or was already) reported as dead; other failures end the run.
    fn settle(&mut self, tid: i32, outcome: Result<(), Error>) {
        match outcome {
            Ok(()) => {}
            // Its report is still to come.
            Err(Error::Gone) => {}
            Err(Error::Ended(event)) => self.on_end(tid, event),
            Err(error) => {
                let call = self.tasks.get(&tid).and_then(|task| task.call().map(|call| call.nr()));
                self.session.fail(format!(
                    "variant {}, thread {tid}, system call {}: {error}",
                    self.variant,
                    call.map_or_else(|| "-".to_owned(), |nr| nr.to_string()),
                ));
            }
        }
    }

    fn on_stop(&mut self, stopped: Stopped, stop: Stop) -> Result<(), Error> {
        let tid = stopped.tid();
        if self.dropped {
            let _ = kill_thread(tid, tid, libc::SIGKILL);
            return stopped.resume(Resume::Continue, libc::SIGKILL);
        }
        if !self.tasks.contains_key(&tid) {
            // Only a new child can be unknown; its parent's event comes soon. An exec by another thread than
            // the first also changes an id.
            if stop == Stop::Exec {
                return self.on_exec(stopped);
            }
            self.strangers.insert(tid, stopped);
            return Ok(());
        }
        if self.task(tid)?.halted {
            self.on_continued(tid)?;
        }
        match stop {
            Stop::Entry => self.on_entry(stopped),
            Stop::Exit => self.on_exit(stopped),
            Stop::Fork => self.on_birth(stopped),
            Stop::Exec => self.on_exec(stopped),
            Stop::Group(_) => self.on_group_stop(stopped),
            Stop::Trap if matches!(self.task(tid)?.state, State::Newborn) => {
                self.task(tid)?.state = State::Running;
                self.settle_newborn(&stopped)?;
                self.go_on(stopped, 0)
            }
            Stop::Trap | Stop::Exiting => self.resume(stopped, Resume::Continue, 0),
            Stop::Signal(_) if self.is_of_injection(&stopped)? => self.resume(stopped, Resume::Continue, 0),
            Stop::Signal(_) => self.on_signal(stopped),
        }
    }

    fn resume(&mut self, stopped: Stopped, how: Resume, signal: i32) -> Result<(), Error> {
        self.resumed = true;
        let how = if self.injector.is_some() { self.inject_on_the_way(&stopped, how, signal)? } else { how };
        if signal != 0 {
            self.show_program(&stopped)?;
        }
        stopped.resume(how, signal)
    }

    fn task(&mut self, tid: i32) -> Result<&mut Task, Error> {
        self.tasks.get_mut(&tid).ok_or(Error::Gone)
    }

    fn obey(&mut self, message: Message) {
        let Message { set, decision } = message;
        match decision {
            Decision::Drop => return self.drop_everything(),
            Decision::Recheck => {
                for set in self.session.all_sets() {
                    rendezvous::recheck(self.session, &set);
                }
                self.recheck_signals();
                let outcome = self.pass_turns();
                return self.settle(0, outcome);
            }
            Decision::Tick => {
                self.on_tick();
                self.retry_postponed();
                let outcome = self.check_turns();
                return self.settle(0, outcome);
            }
            Decision::Dump => return self.dump(),
            Decision::Asked(asked) => return self.answer(&asked),
            Decision::Turn { process, next, counted } => {
                let outcome = self.follow_turn(process, next, counted);
                return self.settle(0, outcome);
            }
            Decision::Outlive => {
                let outcome = self.outlive(set);
                return self.settle(0, outcome);
            }
            Decision::Followed { process } => {
                let outcome = self.pass_turn(process);
                return self.settle(0, outcome);
            }
            _ => {}
        }
        let Some(tid) = self.by_set.get(&set).copied() else {
            if let Decision::SignalAnywhere(..) = decision
                && self.session.is_alive(set)
            {
                // The leader's is born, and this variant's will be.
                self.postpone(set, decision);
            }
            return;
        };
        let outcome = self.carry_out(tid, decision);
        self.settle(tid, outcome);
    }

    /// Obeys later, when more has happened here.
    pub(super) fn postpone(&mut self, set: u32, decision: Decision) {
        self.session.ticks_wanted.fetch_add(1, Ordering::AcqRel);
        self.postponed.push(Message { set, decision });
    }

    /// Obeys what was put off, or puts it off once more.
    pub(super) fn retry_postponed(&mut self) {
        for message in std::mem::take(&mut self.postponed) {
            self.session.ticks_wanted.fetch_sub(1, Ordering::AcqRel);
            self.obey(message);
        }
    }

    fn carry_out(&mut self, tid: i32, decision: Decision) -> Result<(), Error> {
        match decision {
            Decision::Execute => self.execute(tid),
            Decision::ExecuteEach => self.execute_each(tid),
            Decision::Alongside => self.go_alongside(tid),
            Decision::Refuse(errno) => self.skip(tid, -i64::from(errno)),
            Decision::Swallow => self.swallow(tid),
            Decision::Result(result, signal) => self.take_over(tid, &result, signal.map(|info| *info)),
            Decision::Interrupted(ret, info, result) => {
                self.apply(tid, &result)?;
                self.take_back(tid)?;
                self.interrupt(tid, ret, &info)
            }
            Decision::SignalAtEntry(info) => self.signal_at_entry(tid, &info),
            Decision::Agreed(value, signal) => self.agreed(tid, value, signal.map(|info| *info)),
            Decision::Forked(child, leader) => self.on_leader_forked(tid, child, leader),
            Decision::Image(image) => self.on_leader_image(tid, image),
            Decision::Fault => self.deliver_fault(tid),
            Decision::Timestamp(value) => self.deliver_timestamp(tid, value),
            Decision::SignalAnywhere(info, standing) => self.signal_anywhere(tid, &info, standing),
            Decision::SignalTaken => self.signal_taken(tid),
            Decision::CatchUp => self.catch_up(tid),
            Decision::Proceed => self.proceed(tid),
            Decision::Kill => self.kill(tid),
            Decision::Drop
            | Decision::Outlive
            | Decision::Recheck
            | Decision::Tick
            | Decision::Dump
            | Decision::Asked(_)
            | Decision::Turn { .. }
            | Decision::Followed { .. } => Ok(()),
        }
    }
}
