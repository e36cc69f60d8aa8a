//! One traced thread of one variant, as its tracer sees it.

use std::cell::RefCell;
use std::collections::VecDeque;
use std::ops::Range;
use std::rc::Rc;
use std::sync::Arc;

use stretto_abi::table::{CallRow, Mechanism};
use stretto_patcher::Patch;
use stretto_tracee::{Registers, SignalInfo, Stopped};

use super::alongside::Alongside;
use crate::agent::ring_memory::RingMemory;
use crate::lag::Lag;
use crate::layout::mm::Mm;
use crate::mailbox::Standing;
use crate::quiet::Quiet;
use crate::result::{ImageInfo, LeaderResult};
use crate::taskset::{Arrival, CallArrival, TaskSet};

/// Where a task is between two stops.
#[derive(Clone, Debug)]
pub enum State {
    /// Has not run yet.
    Newborn,
    /// Runs its own code; the next stop is a call, a signal or a fault.
    Running,
    /// Stopped at a rendezvous.
    Arrived,
    /// Leader: carries out a call for all.
    Executing,
    /// Carries out a call that every variant carries out.
    ExecutingEach,
    /// Carries out a call at its own pace, without the turn among the threads of its process.
    ExecutingLocal,
    /// Stopped behind such a call, until all agree.
    Finished,
    /// Leader: a signal took it out of its call; the call restarts or a handler runs.
    Interrupted(i64),
    /// Leader: goes on, but followers are told only when it is known whether a signal came with the call.
    Held(Held),
    /// Follower: waits for its own child in place of the leader's wait.
    Reaping(Arc<LeaderResult>, Option<SignalInfo>),
    /// Leader: stopped before a signal that the followers take first.
    Signalling(SignalInfo, Standing),
    /// It is about to end.
    Ending,
}

/// What followers are told once the leader's next stop is known.
#[derive(Clone, Debug)]
pub enum Held {
    Result(Arc<LeaderResult>),
    Agreed(u64),
}

/// A birth in progress in a follower: both halves are needed to go on.
#[derive(Debug, Default)]
pub struct Birth {
    pub own: Option<i32>,
    pub leader: Option<(Arc<TaskSet>, i32)>,
}

/// An exec in progress in a follower.
#[derive(Debug, Default)]
pub struct Exec {
    pub done: bool,
    pub image: Option<Arc<ImageInfo>>,
}

/// A signal of the leader's that comes again.
#[derive(Clone, Copy, Debug)]
pub struct Owed {
    pub info: SignalInfo,
    /// The followers have taken it already; else it is none of theirs.
    pub taken: bool,
}

/// A traced thread.
#[derive(Debug)]
pub struct Task {
    pub set: Arc<TaskSet>,
    pub tid: i32,
    pub tgid: i32,
    pub state: State,
    /// The thread, while it is in a stop.
    pub stopped: Option<Stopped>,
    /// The rendezvous it is in or was last in.
    pub current: Option<Arc<Arrival>>,
    pub mm: Rc<RefCell<Mm>>,
    /// Leader: signals that came outside a rendezvous.
    pub deferred: VecDeque<SignalInfo>,
    /// Leader: how long they have waited for it.
    pub quiet: Option<Quiet>,
    /// Leader: job control has stopped it, and nobody may be called late.
    pub halted: bool,
    /// Leader: a signal that is to come while the call is carried out, or has been sent for that.
    pub requeued: Option<SignalInfo>,
    /// Leader: signals that have been sent again and are to be delivered as they come.
    pub owed: Vec<Owed>,
    /// Registers behind a call that a signal has taken it out of and that it is to enter again.
    pub interrupted: Option<Registers>,
    /// Leader: registers behind the call of a [`State::Held`].
    pub behind: Option<Registers>,
    /// Leader: the last result that it handed out. Kept until the next, so that the thread that allocated it frees
    /// it: otherwise both tracers fight for the allocator's lock with every call.
    pub given: Option<Arc<LeaderResult>>,
    /// Follower: what it has done while the leader carries the call out. It stands behind its call.
    pub alongside: Option<Alongside>,
    /// Follower: what the leader's call has given, whose descriptors are still to be made.
    pub due: Option<Arc<LeaderResult>>,
    /// Follower: how long the leader's signal, or the leader's end, has waited for it.
    pub delay: Option<Lag>,
    pub birth: Birth,
    /// What was patched or restored while it forked: the child may have either, or some of it.
    pub touched: Vec<Rc<Patch>>,
    pub exec: Exec,
    /// Followers can't open what the leader has open.
    pub opens_itself: bool,
    /// Leader: it has called sched_setaffinity, or its parent had.
    pub chose_cpus: bool,
    /// Address of the agent's context of this thread, 0 if there is no agent.
    pub context: u64,
    /// The program has a filter of its own, which agents would have to pass, and which exec does not take away.
    pub filtered: bool,
    /// Its gs base is still its parent's.
    pub new_context: bool,
    /// Memory that the call it is in changes: no text is patched there.
    pub changing: Vec<Range<u64>>,
    /// Where it has trapped at text that had just been restored, and how often text had been restored by then.
    pub retried: Option<(u64, u64)>,
    /// Calls that have come through a stub without a ring.
    pub without_ring: u32,
    /// It goes on where the leader has not stopped at all, with the turn that it had.
    pub keeps_turn: bool,
    /// The ring that is mapped for it.
    pub ring: Option<Arc<RingMemory>>,
}

impl Task {
    /// A thread that has not run yet.
    #[must_use]
    pub fn new(set: Arc<TaskSet>, tid: i32, tgid: i32, mm: Rc<RefCell<Mm>>) -> Self {
        Self {
            set,
            tid,
            tgid,
            state: State::Newborn,
            stopped: None,
            current: None,
            mm,
            deferred: VecDeque::new(),
            quiet: None,
            halted: false,
            requeued: None,
            owed: Vec::new(),
            interrupted: None,
            behind: None,
            given: None,
            alongside: None,
            due: None,
            delay: None,
            birth: Birth::default(),
            touched: Vec::new(),
            exec: Exec::default(),
            opens_itself: false,
            chose_cpus: false,
            context: 0,
            new_context: false,
            filtered: false,
            changing: Vec::new(),
            retried: None,
            without_ring: 0,
            keeps_turn: false,
            ring: None,
        }
    }

    /// Real-time signals of one number are delivered in the order in which they were queued (signal(7)): if an older one
    /// of the same number waits, it comes first, and `info` waits.
    pub fn exchange_for_older(&mut self, info: SignalInfo) -> Option<SignalInfo> {
        let index = self.deferred.iter().position(|other| other.signal() == info.signal())?;
        let older = self.deferred.remove(index)?;
        self.deferred.push_back(info);
        Some(older)
    }

    /// Whether it stands before its end, or is on its way there.
    #[must_use]
    pub fn ends(&self) -> bool {
        let exits = |row: &CallRow| row.mechanism == Mechanism::Exit;
        match self.state {
            State::Arrived => self.call().and_then(CallArrival::row).is_some_and(exits),
            State::Ending => true,
            _ => false,
        }
    }

    /// The call it is in.
    #[must_use]
    pub fn call(&self) -> Option<&CallArrival> {
        match self.current.as_deref() {
            Some(Arrival::Call(call)) => Some(call),
            _ => None,
        }
    }

    /// Whether, stopped by a signal, it is in a call that stops in the monitor, which is none of its agent's, wherever the
    /// instruction stands. One that was taken out of such a call enters it again through its agent, if its site has been
    /// patched meanwhile.
    #[must_use]
    pub fn is_in_call(&self, registers: &Registers) -> bool {
        !matches!(self.state, State::Running | State::Held(_))
            && self.interrupted.is_none_or(|then| then.rip == registers.rip)
    }

    /// Whether it has a place of its own in an agent; else its calls pass on to the monitor.
    pub fn has_agent(&self) -> bool {
        self.mm.borrow().contexts.is_some_and(|contexts| self.context != contexts.common())
    }
}
