//! Births: every variant forks for itself; the ids that programs see are the leader's.

use std::cell::RefCell;
use std::rc::Rc;
use std::sync::Arc;
use std::sync::atomic::Ordering;

use stretto_tracee::{Error, Remote, Resume, Stopped};

use super::Tracer;
use super::rewrite::settle;
use super::task::{State, Task};
use crate::mailbox::Decision;
use crate::taskset::{CallArrival, TaskSet};

/// What a call of the clone family asks for.
#[derive(Clone, Copy, Debug, Default)]
struct Request {
    flags: u64,
    parent_tid: u64,
    child_tid: u64,
}

const CLONE3: u64 = libc::SYS_clone3 as u64;
const VFORK: u64 = libc::SYS_vfork as u64;
const CLONE: u64 = libc::SYS_clone as u64;

impl Request {
    /// Reads the arguments (clone(2), clone3: struct clone_args).
    fn read(call: &CallArrival, memory: Remote) -> Self {
        let args = call.args();
        let field = |offset: u64| memory.word(args[0].wrapping_add(offset)).unwrap_or(0);
        match call.nr() {
            CLONE => Self { flags: args[0], parent_tid: args[2], child_tid: args[3] },
            CLONE3 => Self { flags: field(0), parent_tid: field(24), child_tid: field(16) },
            VFORK => Self { flags: (libc::CLONE_VM | libc::CLONE_VFORK) as u64, ..Self::default() },
            _ => Self::default(),
        }
    }

    fn has(&self, flag: i32) -> bool {
        self.flags & flag as u64 != 0
    }
}

impl Tracer<'_> {
    /// Clears what would let a child escape (CLONE_UNTRACED), and forgets an earlier birth.
    pub(super) fn prepare_birth(&mut self, stopped: &Stopped, tid: i32) -> Result<(), Error> {
        let task = self.task(tid)?;
        task.birth = super::task::Birth::default();
        task.touched.clear();
        let call = task.call().ok_or(Error::Unexpected("the thread is in no call"))?;
        let untraced = libc::CLONE_UNTRACED as u64;
        let args = call.args();
        match call.nr() {
            CLONE if args[0] & untraced != 0 => {
                let mut registers = call.registers;
                registers.rdi &= !untraced;
                stopped.set_registers(&registers)?;
            }
            CLONE3 => {
                let memory = Remote::new(tid);
                if let Some(flags) = memory.word(args[0]).filter(|flags| flags & untraced != 0) {
                    let _ = memory.write(args[0], &(flags & !untraced).to_le_bytes());
                }
            }
            _ => {}
        }
        Ok(())
    }

    pub(super) fn on_birth(&mut self, stopped: Stopped) -> Result<(), Error> {
        let tid = stopped.tid();
        let child = i32::try_from(stopped.event_message()?).unwrap_or(0);
        if !self.leads() {
            let task = self.task(tid)?;
            task.birth.own = Some(child);
            task.stopped = Some(stopped);
            return self.born(tid);
        }
        let task = self.task(tid)?;
        let request = Request::read(
            task.call().ok_or(Error::Unexpected("the thread is in no call"))?,
            Remote::new(tid),
        );
        let parent = Arc::clone(&task.set);
        let is_thread = request.has(libc::CLONE_THREAD);
        let set = self.session.new_set(is_thread.then_some(parent.process));
        if is_thread {
            self.take_turns(parent.process, Some(tid));
            self.session.events.warn(
                "threads",
                "",
                "the program starts a second thread: threads take turns, and what they do to each other's memory \
                 while one of them waits without system calls is not replicated yet",
            );
        }
        if self.session.events.logged() {
            self.session
                .events
                .event("fork", serde_json::json!({"task": parent.id, "child": set.id, "pid": child}));
        }
        self.start_child(tid, child, Arc::clone(&set), request)?;
        self.session.post_followers(&parent, &Decision::Forked(set, child));
        self.resume(stopped, Resume::ToExit, 0)
    }

    pub(super) fn on_leader_forked(
        &mut self,
        tid: i32,
        child: Arc<TaskSet>,
        leader: i32,
    ) -> Result<(), Error> {
        self.task(tid)?.birth.leader = Some((child, leader));
        self.born(tid)
    }

    /// Goes on when both the own child and the leader's are known.
    fn born(&mut self, tid: i32) -> Result<(), Error> {
        let task = self.task(tid)?;
        let (Some(child), Some((set, leader))) = (task.birth.own, task.birth.leader.clone()) else {
            return Ok(());
        };
        task.birth = super::task::Birth::default();
        let stopped = task.stopped.take().ok_or(Error::Unexpected("the thread is not stopped"))?;
        let memory = Remote::new(tid);
        let request =
            Request::read(task.call().ok_or(Error::Unexpected("the thread is in no call"))?, memory);
        let word = leader.to_le_bytes();
        if request.has(libc::CLONE_PARENT_SETTID) {
            let _ = memory.write(request.parent_tid, &word);
        }
        if request.has(libc::CLONE_CHILD_SETTID) {
            let _ = Remote::new(child).write(request.child_tid, &word);
        }
        if request.has(libc::CLONE_THREAD) {
            self.take_turns(set.process, None);
        }
        self.start_child(tid, child, set, request)?;
        self.resume(stopped, Resume::ToExit, 0)
    }

    fn start_child(
        &mut self,
        parent: i32,
        child: i32,
        set: Arc<TaskSet>,
        request: Request,
    ) -> Result<(), Error> {
        let parent = self.task(parent)?;
        let touched = std::mem::take(&mut parent.touched);
        let tgid = if request.has(libc::CLONE_THREAD) { parent.tgid } else { child };
        let shares = request.has(libc::CLONE_VM);
        let mm = if shares {
            Rc::clone(&parent.mm)
        } else {
            let mut copy = parent.mm.borrow().clone();
            touched.iter().for_each(|patch| settle(child, patch, &mut copy.patches));
            Rc::new(RefCell::new(copy))
        };
        let born = Arc::clone(&set);
        let (chose_cpus, opens_itself) = (parent.chose_cpus, parent.opens_itself);
        let (context, filtered) = (parent.context, parent.filtered);
        let mut task = Task::new(set, child, tgid, mm);
        task.chose_cpus = chose_cpus;
        task.opens_itself = opens_itself;
        task.filtered = filtered;
        self.add(task);
        self.give_context(context, child, shares)?;
        if let Some(stopped) = self.strangers.remove(&child) {
            self.task(child)?.state = State::Running;
            self.settle_newborn(&stopped)?;
            self.go_on(stopped, 0)?;
        }
        // Killed before this variant's was born: the message to kill it found nobody.
        if !self.leads() && tgid == child && born.leader_gone.load(Ordering::Acquire) {
            self.kill(child)?;
        }
        Ok(())
    }
}
