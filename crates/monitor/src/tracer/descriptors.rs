//! The descriptors that a leader's call has made get their numbers in a follower when the thread has its turn again.
//!
//! A call that may wait is made without the turn, so another thread may have closed a descriptor before the leader's call
//! took its number. The followers have its result at once, and that other thread of theirs, whose agent closes, may not
//! have come so far: it would close what had just got the number.

use std::sync::Arc;

use stretto_abi::table::{Mechanism, ResultKind};
use stretto_tracee::{Error, RemoteCalls, SignalInfo, Stopped};

use super::Tracer;
use crate::result::LeaderResult;
use crate::taskset::CallArrival;

impl Tracer<'_> {
    /// Follower: the leader's call has made descriptors. Before a signal they are made at once: behind it the thread
    /// is no more where it could make them.
    pub(super) fn take_descriptors_over(
        &mut self,
        tid: i32,
        result: &Arc<LeaderResult>,
        signal: Option<&SignalInfo>,
    ) -> Result<(), Error> {
        if signal.is_none() && self.takes_turns(tid) {
            self.task(tid)?.due = Some(Arc::clone(result));
            return Ok(());
        }
        self.with_calls(tid, |tracer, calls, call| tracer.make_descriptors(calls, call, result))
    }

    /// Makes what is due of a thread that stands behind its call, before it goes on.
    pub(super) fn make_due(&mut self, stopped: Stopped) -> Result<Stopped, Error> {
        let tid = stopped.tid();
        let Some(result) = self.tasks.get_mut(&tid).and_then(|task| task.due.take()) else {
            return Ok(stopped);
        };
        let registers = stopped.registers()?;
        self.task(tid)?.stopped = Some(stopped);
        self.with_calls(tid, |tracer, calls, call| tracer.make_descriptors(calls, call, &result))?;
        let stopped = self.task(tid)?.stopped.take().ok_or(Error::Gone)?;
        stopped.set_registers(&registers)?;
        Ok(stopped)
    }

    /// The same for all threads of a process, one of which has the turn and makes a call as every variant does. The
    /// leader's had these descriptors before: they take numbers, and a child gets them.
    pub(super) fn make_all_due(&mut self, process: u32) {
        if self.leads() {
            return;
        }
        for mut ready in self.take_ready(process) {
            let tid = ready.stopped.tid();
            match self.make_due(ready.stopped) {
                Ok(stopped) => {
                    ready.stopped = stopped;
                    self.put_back(process, ready);
                }
                Err(error) => self.settle(tid, Err(error)),
            }
        }
    }

    fn make_descriptors(
        &mut self,
        calls: &mut RemoteCalls,
        call: &CallArrival,
        result: &LeaderResult,
    ) -> Result<(), Error> {
        match result.call {
            Some(row) if row.mechanism == Mechanism::Open => self.follow_open(calls, call, result),
            Some(row) if row.mechanism == Mechanism::RecvFds => {
                let mut received = result.received.iter();
                received.try_for_each(|&fd| self.placeholder(calls, fd.into(), result.cloexec))
            }
            Some(row) if row.mechanism == Mechanism::Duplicate => {
                self.duplicate(calls, call.args()[0], result.ret, result.cloexec)
            }
            Some(row) if row.result == ResultKind::NewFd => {
                self.placeholder(calls, result.ret, result.cloexec)
            }
            _ => Ok(()),
        }
    }
}
