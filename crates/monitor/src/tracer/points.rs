//! Calls that an agent has made and that the monitor has a part in: a signal behind them, outputs that did not fit,
//! and records that a follower has not looked at before it came here.

use std::sync::Arc;

use stretto_abi::context::OUTPUTS_POINT;
use stretto_abi::ring::{BY_MONITOR, THEN_SIGNAL};
use stretto_abi::table::{ResultKind, Who};
use stretto_patcher::TRACED;
use stretto_semantics::{self as semantics, ApplyError, Lookup, failed};
use stretto_tracee::{Error, Registers, Remote, Stopped, arguments, set_arguments};

use super::Tracer;
use super::task::State;
use crate::agent::record::Record;
use crate::memory::VariantMemory;
use crate::rendezvous;
use crate::taskset::{Arrival, CallArrival, Done, Inputs, Meaning, number};

impl Tracer<'_> {
    /// Whether the thread stands behind the `syscall` of a stub.
    pub(super) fn through_stub(&self, tid: i32, registers: &Registers) -> bool {
        self.tasks
            .get(&tid)
            .and_then(|task| task.mm.borrow().patches.at_stub(registers.rip))
            .is_some_and(|patch| registers.rip == patch.stub() + TRACED + 2)
    }

    /// The leader's last record.
    pub(super) fn last_record(&self, tid: i32) -> Option<Record> {
        let ring = self.tasks.get(&tid)?.ring.clone()?;
        let (cursor, head) = ring.backwards(ring.cursor(0)).next()?;
        Some(Record::copy(&ring, cursor, head))
    }

    /// Behind a call that the agent has made: a signal is due in all variants.
    pub(super) fn on_signal_point(&mut self, stopped: Stopped, registers: Registers) -> Result<(), Error> {
        let tid = stopped.tid();
        let result = self.agent_result(tid);
        let registers = Registers { orig_rax: u64::MAX, rax: result.cast_unsigned(), ..registers };
        let deliver = self.due_signal(&stopped, tid)?.map(Box::new);
        self.park(stopped, Arc::new(Arrival::Point { registers, deliver }))
    }

    /// No signal is left to be delivered there.
    pub(super) fn proceed(&mut self, tid: i32) -> Result<(), Error> {
        let task = self.task(tid)?;
        let stopped = task.stopped.take().ok_or(Error::Unexpected("the thread is not stopped"))?;
        if let Some(Arrival::Point { registers, .. }) = task.current.as_deref() {
            stopped.set_registers(registers)?;
        }
        task.state = State::Running;
        self.go_on(stopped, 0)
    }

    /// Leader: the agent has made a call whose outputs it can't hand out. The registers become those of that call;
    /// its result.
    pub(super) fn outputs_point(&mut self, tid: i32, registers: &mut Registers) -> Option<(i64, u32)> {
        if !self.leads() || number(registers) != OUTPUTS_POINT || !self.through_stub(tid, registers) {
            return None;
        }
        let record = self.last_record(tid)?;
        // An agent can have made only what the policy lets it make: a leader that has been taken over may claim more.
        let args = arguments(registers);
        let mut memory = VariantMemory::new(Remote::new(tid));
        match semantics::lookup(&self.table, record.head.nr.into(), &args, &mut memory) {
            Lookup::Known(row) if self.in_process(&row) => {}
            _ => return None,
        }
        registers.orig_rax = record.head.nr.into();
        Some((self.agent_result(tid), record.head.nr))
    }

    /// Follower: the leader has gone ahead with calls that this variant has not looked at before it came here. The
    /// first of them must be the call that it has come with.
    pub(super) fn catch_up(&mut self, tid: i32) -> Result<(), Error> {
        let variant = self.variant;
        let task = self.task(tid)?;
        let (set, waits) = (Arc::clone(&task.set), matches!(task.state, State::Arrived));
        let Some((ring, cursor, head)) = rendezvous::missed(&set, variant).filter(|_| waits) else {
            return Ok(());
        };
        let record = Record::copy(&ring, cursor, head);
        let task = self.tasks.get(&tid).ok_or(Error::Gone)?;
        let (Some(Arrival::Call(call)), Some(row)) =
            (task.current.as_deref(), task.call().and_then(CallArrival::row).copied())
        else {
            return self.strayed(tid, &record);
        };
        if call.nr() != u64::from(head.nr) || call.inputs.bytes != record.inputs {
            return self.strayed(tid, &record);
        }
        if head.flags & BY_MONITOR != 0 {
            // The leader has come here with it too.
            rendezvous::caught_up(self.session, &set, variant, &ring, cursor, &head);
            return Ok(());
        }
        if row.who == Who::Each {
            // Its agent has made the call too, and got something else.
            let results = (head.result.cast_unsigned(), self.agent_result(tid).cast_unsigned());
            rendezvous::other_result(self.session, &set, variant, row, results);
            return Ok(());
        }
        let args = call.args();
        let registers = call.registers;
        match self.write_outputs(task, &row, &args, head.result, &record.outputs) {
            Ok(()) => {
                if row.result == ResultKind::NewFd && !failed(head.result) {
                    let mut memory = VariantMemory::new(Remote::new(tid));
                    let cloexec = semantics::closed_on_exec(&self.table, row.cloexec, &args, &mut memory);
                    self.with_calls(tid, |tracer, calls, _| tracer.placeholder(calls, head.result, cloexec))?;
                }
                rendezvous::go_past(&set, variant, &ring, cursor, &head);
                if head.flags & THEN_SIGNAL != 0 {
                    let stopped = self.task(tid)?.stopped.take();
                    let stopped = stopped.ok_or(Error::Unexpected("the thread is not stopped"))?;
                    let rax = head.result.cast_unsigned();
                    let registers = Registers { orig_rax: u64::MAX, rax, ..registers };
                    return self.park(stopped, Arc::new(Arrival::Point { registers, deliver: None }));
                }
                self.task(tid)?.keeps_turn = true;
                self.complete(tid, head.result, None)
            }
            Err(ApplyError::Short) => self.strayed(tid, &record),
            Err(error) => {
                let arrivals = [Some(self.leader_then(tid, &record)), self.task(tid)?.current.clone()];
                rendezvous::refused(self.session, &set, variant, arrivals, error);
                Err(Error::Gone)
            }
        }
    }

    /// The follower has come to something else than the leader did at this place.
    pub(super) fn strayed(&mut self, tid: i32, record: &Record) -> Result<(), Error> {
        let leader = self.leader_then(tid, record);
        let set = Arc::clone(&self.task(tid)?.set);
        rendezvous::strayed(self.session, &set, self.variant, leader);
        Ok(())
    }

    /// What the leader came to when it wrote the record, for a report. Its registers are those of now.
    fn leader_then(&self, tid: i32, record: &Record) -> Arc<Arrival> {
        let set = self.tasks.get(&tid).map(|task| Arc::clone(&task.set));
        let now = set.and_then(|set| crate::lock(&set.meeting).arrivals[0].clone());
        let mut registers =
            now.as_deref().map_or_else(crate::signals_unsafe::no_registers, |now| *now.registers());
        let program_rip = now.as_deref().map_or(registers.rip, |now| now.program_registers().rip);
        registers.orig_rax = record.head.nr.into();
        set_arguments(&mut registers, &record.args);
        let mut memory = VariantMemory::new(Remote::new(tid));
        let looked = semantics::lookup(&self.table, record.head.nr.into(), &record.args, &mut memory);
        let meaning = match looked {
            Lookup::Known(row) => Meaning::Known(row),
            _ => Meaning::UnknownNumber,
        };
        // The follower's parts say how the bytes are divided, as far as both came to the same call.
        let parts = self.tasks.get(&tid).and_then(|task| Some(task.call()?.inputs.parts.clone()));
        let inputs =
            Inputs { bytes: record.inputs.clone(), parts: parts.unwrap_or_default(), ..Inputs::default() };
        Arc::new(Arrival::Call(CallArrival {
            registers,
            meaning,
            inputs,
            deliver: None,
            program_rip,
            done: Some(Done { result: record.head.result, outputs: None }),
        }))
    }
}
