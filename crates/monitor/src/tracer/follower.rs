//! A follower takes over what the leader's call gave: results, data, descriptors, mappings.

use std::sync::Arc;

use stretto_abi::table::{CallRow, Mechanism, ResultKind};
use stretto_semantics::{self as semantics, ApplyError, failed};
use stretto_tracee::{Error, Remote, RemoteCalls, Resume, SignalInfo, set_arguments};

use super::Tracer;
use super::task::{State, Task};
use crate::lock;
use crate::memory::VariantMemory;
use crate::rendezvous;
use crate::result::LeaderResult;
use crate::taskset::CallArrival;

impl Tracer<'_> {
    /// Makes the leader's outcome this variant's own.
    pub(super) fn take_over(
        &mut self,
        tid: i32,
        result: &Arc<LeaderResult>,
        signal: Option<SignalInfo>,
    ) -> Result<(), Error> {
        let Some(row) = result.call else {
            return Err(Error::Unexpected("the call is not described"));
        };
        self.apply(tid, result)?;
        let failed = failed(result.ret);
        if failed {
            self.take_back(tid)?;
        }
        if let (Some(info), true) = (signal, result.ret == -i64::from(libc::EINTR)) {
            return self.interrupt(tid, result.ret, &info);
        }
        if failed {
            return self.complete(tid, result.ret, signal);
        }
        match row.mechanism {
            Mechanism::Wait => {
                if let Some(child) = result.reaped.as_ref().map(|child| child.tid(self.variant)) {
                    return self.reap(tid, child, Arc::clone(result), signal);
                }
            }
            Mechanism::Mmap | Mechanism::Mremap | Mechanism::Brk => {
                let own =
                    self.with_calls(tid, |tracer, calls, call| tracer.follow_mapping(calls, call, result))?;
                self.tell_regions(tid)?;
                return self.complete(tid, own, signal);
            }
            _ if row.result == ResultKind::NewFd || !result.received.is_empty() => {
                self.take_descriptors_over(tid, result, signal.as_ref())?;
            }
            _ => {}
        }
        self.complete(tid, result.ret, signal)
    }

    /// Writes the out-data into this variant's memory.
    pub(super) fn apply(&mut self, tid: i32, result: &LeaderResult) -> Result<(), Error> {
        let Some(row) = result.call else {
            return Ok(());
        };
        let task = self.tasks.get(&tid).ok_or(Error::Gone)?;
        let args = task.call().ok_or(Error::Unexpected("the thread is in no call"))?.args();
        let applied = self.write_outputs(task, &row, &args, result.ret, &result.stream);
        match applied {
            Ok(()) => Ok(()),
            Err(ApplyError::Short) => Err(Error::Unexpected("the leader's results are too short")),
            Err(error) => {
                let (set, arrivals) = (Arc::clone(&task.set), [result.arrival.clone(), task.current.clone()]);
                rendezvous::refused(self.session, &set, self.variant, arrivals, error);
                Err(Error::Gone)
            }
        }
    }

    /// Writes what the leader's call has given, if a call with these arguments can have given that.
    pub(super) fn write_outputs(
        &self,
        task: &Task,
        row: &CallRow,
        args: &[u64; 6],
        ret: i64,
        stream: &[u8],
    ) -> Result<(), ApplyError> {
        let mut memory = VariantMemory::new(Remote::new(task.tid));
        if !semantics::can_give(&self.table, row.most, args, ret, &mut memory) {
            return Err(ApplyError::Excess);
        }
        if stream.is_empty() {
            return Ok(());
        }
        semantics::apply(&self.table, &row.args, args, ret, &mut memory, &*task.mm.borrow(), stream)
    }

    /// Makes remote calls from the stop that the task is parked at: the entry of a call, or its exit when it has done
    /// something while the leader carries it out.
    pub(super) fn with_calls<T>(
        &mut self,
        tid: i32,
        work: impl FnOnce(&mut Self, &mut RemoteCalls, &CallArrival) -> Result<T, Error>,
    ) -> Result<T, Error> {
        let task = self.task(tid)?;
        let stopped = task.stopped.take().ok_or(Error::Unexpected("the thread is not stopped"))?;
        let arrival = task.current.clone().ok_or(Error::Unexpected("the thread has come to nothing"))?;
        let crate::taskset::Arrival::Call(call) = &*arrival else {
            return Err(Error::Unexpected("the thread is in no call"));
        };
        let registers = &call.registers;
        let mut calls = match task.alongside {
            None => RemoteCalls::at_entry(stopped, registers),
            Some(_) => RemoteCalls::with_instruction(stopped, registers, registers.rip),
        };
        calls.move_instruction(self.traced_instruction(tid, registers.rip));
        let outcome = work(self, &mut calls, call);
        // A follower's own signals (SIGCHLD of its own children) mean nothing: the leader's count.
        self.task(tid)?.stopped = calls.finish().ok();
        outcome
    }

    /// Waits for the own counterpart of the child that the leader's wait took away.
    #[allow(clippy::cast_sign_loss)]
    fn reap(
        &mut self,
        tid: i32,
        child: i32,
        result: Arc<LeaderResult>,
        signal: Option<SignalInfo>,
    ) -> Result<(), Error> {
        let task = self.task(tid)?;
        let stopped = task.stopped.take().ok_or(Error::Unexpected("the thread is not stopped"))?;
        let mut registers = task.call().ok_or(Error::Unexpected("the thread is in no call"))?.registers;
        registers.orig_rax = libc::SYS_wait4 as u64;
        set_arguments(&mut registers, &[child as u64, 0, libc::__WALL as u64, 0, 0, 0]);
        stopped.set_registers(&registers)?;
        task.state = State::Reaping(result, signal);
        self.resume(stopped, Resume::ToExit, 0)
    }

    /// Returns to the program with this result, as if the call had been made here.
    pub(super) fn complete(&mut self, tid: i32, ret: i64, signal: Option<SignalInfo>) -> Result<(), Error> {
        let variant = self.variant;
        let task = self.task(tid)?;
        let stopped = task.stopped.take().ok_or(Error::Unexpected("the thread is not stopped"))?;
        let mut registers = task.call().ok_or(Error::Unexpected("the thread is in no call"))?.registers;
        #[allow(clippy::cast_sign_loss)] // the register holds the same bits
        {
            registers.rax = ret as u64;
        }
        registers.orig_rax = u64::MAX;
        stopped.set_registers(&registers)?;
        task.state = State::Running;
        lock(&task.set.history[variant]).leave(ret);
        match signal {
            None => self.go_on(stopped, 0),
            Some(info) => self.inject(stopped, &info),
        }
    }
}
