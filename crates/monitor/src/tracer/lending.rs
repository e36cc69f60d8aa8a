//! The leader's turn in the hands of its agents, which pass it on among themselves (`stretto_abi::turn`).
//!
//! The monitor lends the turn to them as long as no thread waits for it here, and takes it back when one does. Followers
//! need not know who had it in between: it passes in calls that all of them have agreed to, in which their own threads
//! stand still. When it is taken back they are told who has it.

use std::sync::atomic::Ordering;

use stretto_abi::context::TURNS;
use stretto_abi::turn::{Holder, Turns as Word};
use stretto_tracee::{Error, Registers, Remote, RemoteCalls, Resume, Stopped};

use super::Tracer;
use super::mapped::map_shared;
use super::task::State;
use super::turn_queue::{Next, Turns};
use crate::agent::image::Image;
use crate::agent::shared_unsafe::{Shared, wake};

/// The word that agents pass the turn on with.
#[derive(Debug)]
pub struct Lent {
    word: Shared<Word>,
    /// Where it is mapped in the leader's process.
    address: Option<u64>,
    /// How often the turn had been passed on when somebody was last seen waiting for it.
    seen: Option<u32>,
}

impl Lent {
    pub(super) fn new() -> Option<Self> {
        let word = Shared::new(c"stretto-turns").ok()?;
        Some(Self { word, address: None, seen: None })
    }

    pub(super) fn holder(&self) -> Holder {
        self.word.holder()
    }

    /// Wakes the agents that wait for the turn, which has just changed hands.
    fn wake(&self) {
        if self.word.waiting.load(Ordering::SeqCst) != 0 {
            wake(self.word.word(Holder::Nobody).0);
        }
    }

    /// Whether agents have waited since the last time, and the turn did not pass.
    fn stands_still(&mut self) -> bool {
        let waits = self.word.waiting.load(Ordering::SeqCst) != 0;
        let now = waits.then(|| self.word.passed.load(Ordering::SeqCst));
        now.is_some() && std::mem::replace(&mut self.seen, now) == now
    }
}

impl Tracer<'_> {
    /// Leader: lets agents pass the turn on, if no thread needs the monitor for it.
    pub(super) fn lend_turn(&mut self, process: u32) {
        let Some(turns) = self.turns.get(&process) else { return };
        let Some(lent) = turns.lent.as_ref().filter(|lent| lent.address.is_some()) else { return };
        let holder = match turns.only_holder() {
            _ if lent.holder() != Holder::Monitor => return,
            Err(()) => return,
            Ok(None) => Holder::Nobody,
            Ok(Some(tid)) => match self.tasks.get(&tid) {
                Some(task) if matches!(task.state, State::Running) => Holder::of(task.set.id),
                _ => return,
            },
        };
        // Whoever has waited in an agent when it was taken back is on the way here, and must find it so: it would wait again
        // behind a thread that makes call after call in the monitor.
        if lent.word.waiting.load(Ordering::SeqCst) != 0 || self.has_open_turn(process, holder) {
            return;
        }
        lent.word.lend(holder);
        // In this order: either the agent that opens its turn sees that it has been lent, or it is seen here.
        if self.has_open_turn(process, holder) {
            self.take_back_turn(process);
        }
    }

    /// Whether this thread waits in a call, with a turn that is the monitor's to take.
    fn has_open_turn(&self, process: u32, holder: Holder) -> bool {
        let task = self.thread(process, holder).and_then(|tid| self.tasks.get(&tid));
        task.and_then(|task| task.ring.as_ref()).is_some_and(|ring| ring.posts[0].turn.is_open())
    }

    fn thread(&self, process: u32, holder: Holder) -> Option<i32> {
        let Holder::Thread(set) = holder else { return None };
        let tid = *self.by_set.get(&set)?;
        self.tasks.get(&tid).filter(|task| task.set.process == process).map(|_| tid)
    }

    /// Leader: agents do not pass the turn on any more.
    pub(super) fn take_back_turn(&mut self, process: u32) {
        let Some(lent) = self.turns.get(&process).and_then(|turns| turns.lent.as_ref()) else { return };
        let holder = lent.word.take_back();
        if holder == Holder::Monitor {
            return;
        }
        lent.wake();
        let tid = self.thread(process, holder);
        if let Some(turns) = self.turns.get_mut(&process) {
            turns.hand_back(tid, false);
        }
        let set = tid.and_then(|tid| Some(self.tasks.get(&tid)?.set.id));
        self.tell_followers(process, Next::TakenBack(set));
    }

    /// Leader: who has the turn of a process, if agents pass it on.
    pub(super) fn lent_to(&self, process: u32) -> Option<Holder> {
        let holder = self.turns.get(&process)?.lent.as_ref()?.holder();
        (holder != Holder::Monitor).then_some(holder)
    }

    /// Leader: gives the turn up for a thread that has it from the agents. False: it has it from the monitor, or not at
    /// all.
    pub(super) fn pass_on_for(&self, tid: i32) -> bool {
        let Some(task) = self.tasks.get(&tid).filter(|_| self.leads()) else { return false };
        let lent = self.turns.get(&task.set.process).and_then(|turns| turns.lent.as_ref());
        let Some(lent) = lent.filter(|lent| lent.word.pass_on(Holder::of(task.set.id))) else { return false };
        lent.wake();
        true
    }

    /// Leader, in its agent: the turn is open, and somebody here needs it.
    pub(super) fn on_turn_point(&mut self, stopped: Stopped, registers: Registers) -> Result<(), Error> {
        let tid = stopped.tid();
        stopped.set_registers(&Registers { orig_rax: u64::MAX, rax: 0, ..registers })?;
        let process = self.task(tid)?.set.process;
        self.resume(stopped, Resume::Continue, 0)?;
        self.pass_turn(process)
    }

    /// Time has passed: whoever waits in an agent for a thread that makes no calls goes on with the monitor's patience.
    pub(super) fn check_lent(&mut self, process: u32) {
        let Some(turns) = self.turns.get_mut(&process) else { return };
        if turns.lent.as_mut().is_some_and(Lent::stands_still) {
            turns.kept = true;
            self.take_back_turn(process);
        }
    }

    /// Leader: tells a thread's agent where the word is; maps it if that has not been done.
    pub(super) fn share_turns(
        &mut self,
        calls: &mut RemoteCalls,
        image: &Image,
        process: u32,
        context: u64,
    ) -> Result<(), Error> {
        let lent = self.turns.get_mut(&process).and_then(|turns| turns.lent.as_mut());
        let Some(lent) = lent.filter(|_| self.variant == 0) else { return Ok(()) };
        let mut contexts = vec![context];
        if lent.address.is_none() {
            lent.address = map_shared(calls, image, lent.word.descriptor(), Shared::<Word>::SIZE)?;
            let threads = self.tasks.values().filter(|task| task.set.process == process);
            contexts.extend(threads.map(|task| task.context).filter(|context| *context != 0));
        }
        let address = lent.address.unwrap_or(0).to_le_bytes();
        for context in contexts {
            let _ = Remote::new(calls.tid()).write(context + TURNS, &address);
        }
        Ok(())
    }
}

impl Turns {
    /// What all threads of a process that take turns share.
    pub(super) fn share(&mut self) {
        self.lent = self.lent.take().or_else(Lent::new);
    }
}
