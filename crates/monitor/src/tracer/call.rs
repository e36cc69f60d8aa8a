//! System-call stops: gathering inputs at the entry, dealing with the exit.

use std::sync::Arc;
use std::sync::atomic::Ordering;

use stretto_abi::context::{SIGNAL_POINT, TURN_POINT};
use stretto_abi::ring::WITH_OUTPUTS;
use stretto_abi::table::{BLOCKS, Mechanism, ResultKind, Who, category};
use stretto_semantics::{self as semantics, Identity, Lookup};
use stretto_tracee::{Error, Registers, Remote, Resume, Stopped, arguments, is_entered_again, result};

use super::Tracer;
use super::leader::{is_interrupted, restarts};
use super::rewrite::At;
use super::task::{Held, State};
use super::turn_queue::PATIENCE;
use crate::agent::territory::is_about_a_range;
use crate::gather::Collector;
use crate::lock;
use crate::memory::VariantMemory;
use crate::procfs::await_end;
use crate::rendezvous;
use crate::taskset::{Arrival, CallArrival, Done, Meaning, number};

impl Tracer<'_> {
    pub(super) fn on_entry(&mut self, mut stopped: Stopped) -> Result<(), Error> {
        let tid = stopped.tid();
        let mut registers = stopped.registers()?;
        self.look_for_marker(&stopped, &registers)?;
        if number(&registers) == TURN_POINT && self.leads() && self.is_at_gate(&registers) {
            return self.on_turn_point(stopped, registers);
        }
        let Some(given_back) = self.at_gate(stopped, &registers)? else { return Ok(()) };
        stopped = given_back;
        let again = self.enters_again(tid, &registers)?;
        let task = self.task(tid)?;
        match task.state {
            // The kernel restarts what a signal without a handler interrupted; followers have stayed put.
            State::Interrupted(_) if again => {
                task.state = State::Executing;
                return self.resume(stopped, Resume::ToExit, 0);
            }
            State::Reaping(..) | State::ExecutingEach if again => {
                return self.resume(stopped, Resume::ToExit, 0);
            }
            State::Reaping(..) | State::ExecutingEach | State::Executing => {
                return self.leave_call(stopped, registers);
            }
            State::Held(_) => self.release(tid, None)?,
            _ => {}
        }
        if number(&registers) == SIGNAL_POINT && self.through_stub(tid, &registers) {
            return self.on_signal_point(stopped, registers);
        }
        let done = self.outputs_point(tid, &mut registers);
        let args = arguments(&registers);
        self.patience.begin(number(&registers));
        let mut memory = VariantMemory::new(Remote::new(tid));
        let meaning = match semantics::lookup(&self.table, number(&registers), &args, &mut memory) {
            Lookup::Known(row) if row.who == Who::Local => {
                let variant = self.variant;
                lock(&self.task(tid)?.set.history[variant]).enter(number(&registers), args);
                if !self.takes_turns(tid) {
                    return self.resume(stopped, Resume::Continue, 0);
                }
                if self.leads() {
                    rendezvous::send_on(self.session, &self.task(tid)?.set.clone());
                }
                self.task(tid)?.state = State::ExecutingLocal;
                self.resume(stopped, Resume::ToExit, 0)?;
                return self.give_up_turn_alone(tid);
            }
            Lookup::Known(row) => {
                if done.is_none() && self.in_process(&row) {
                    stopped = self.promote(stopped, &mut registers, &row)?;
                } else if row.category == category::IDENTITY {
                    // It may not open what is the monitor's any more, behind that.
                    stopped = self.equip(stopped, &registers)?;
                    self.open_together(tid);
                }
                if self.session.agents.is_some() && is_about_a_range(&self.table, &row) {
                    stopped = self.restore_for(stopped, &mut registers, &row, &args)?;
                }
                if matches!(row.mechanism, Mechanism::SetGs | Mechanism::Filters) {
                    stopped = self.restore(stopped, At::Entry(&registers), 0..u64::MAX)?;
                    self.task(tid)?.mm.borrow_mut().contexts = None;
                }
                if row.mechanism == Mechanism::Filters {
                    self.task(tid)?.filtered = true;
                }
                Meaning::Known(row)
            }
            unknown => unknown.into(),
        };
        let mut collector = Collector::default();
        let mut outputs = None;
        if let (Some(_), Some(record)) = (done, self.last_record(tid)) {
            collector.take(record.inputs);
            outputs = (record.head.flags & WITH_OUTPUTS != 0).then_some(record.outputs);
        } else if let Meaning::Known(row) = &meaning
            && row.who != Who::Refused
        {
            let task = self.tasks.get(&tid).ok_or(Error::Gone)?;
            if self.variant == 0 {
                semantics::gather(&self.table, &row.args, &args, &mut memory, &Identity, &mut collector);
            } else {
                let mm = task.mm.borrow();
                semantics::gather(&self.table, &row.args, &args, &mut memory, &*mm, &mut collector);
            }
        }
        if let Meaning::Known(row) = &meaning
            && row.mechanism == Mechanism::Exec
            && self.leads()
        {
            self.keep_program(tid, number(&registers), &args)?;
        }
        let mut deliver = self.due_signal(&stopped, tid)?.map(Box::new);
        // Delivered before a call that waits, the signal could not end the waiting any more; natively it hardly ever
        // comes in the instant between a program's look at its flag and pause(2).
        // Nor may a call that the agent has made already begin again.
        let waits = matches!(&meaning, Meaning::Known(row) if row.flags & BLOCKS != 0);
        if deliver.is_some() && (waits || done.is_some()) {
            self.task(tid)?.requeued = deliver.take().map(|info| *info);
        }
        let inputs = collector.finish();
        let program_rip = self.program_address(tid, registers.rip).unwrap_or(registers.rip);
        let arrival = Arc::new(Arrival::Call(CallArrival {
            registers,
            meaning,
            inputs,
            deliver,
            program_rip,
            done: done.map(|(result, _)| Done { result, outputs }),
        }));
        let variant = self.variant;
        let task = self.task(tid)?;
        lock(&task.set.history[variant]).enter(number(&registers), args);
        self.park(stopped, arrival)
    }

    /// Whether a thread enters the call again that a signal has taken it out of. Meanwhile its site may have been patched, or
    /// the patch taken back.
    fn enters_again(&mut self, tid: i32, registers: &Registers) -> Result<bool, Error> {
        let Some(then) = self.task(tid)?.interrupted.take() else { return Ok(false) };
        let shown = |registers: &Registers| {
            let rip = self.program_address(tid, registers.rip).unwrap_or(registers.rip);
            Registers { rip, ..*registers }
        };
        Ok(is_entered_again(&shown(&then), &shown(registers)))
    }

    /// A thread makes another call before the one that it is in has ended: no program does that.
    fn leave_call(&mut self, stopped: Stopped, registers: Registers) -> Result<(), Error> {
        let tid = stopped.tid();
        let mut memory = VariantMemory::new(Remote::new(tid));
        let found = semantics::lookup(&self.table, number(&registers), &arguments(&registers), &mut memory);
        let arrival = CallArrival {
            registers,
            meaning: found.into(),
            inputs: Collector::default().finish(),
            deliver: None,
            program_rip: registers.rip,
            done: None,
        };
        let task = self.task(tid)?;
        task.stopped = Some(stopped);
        let set = Arc::clone(&task.set);
        rendezvous::left_call(self.session, &set, self.variant, Arc::new(Arrival::Call(arrival)));
        Ok(())
    }

    /// Stops at a rendezvous.
    pub(super) fn park(&mut self, stopped: Stopped, arrival: Arc<Arrival>) -> Result<(), Error> {
        let stopped_tid = stopped.tid();
        let task = self.task(stopped_tid)?;
        task.state = State::Arrived;
        task.stopped = Some(stopped);
        task.current = Some(Arc::clone(&arrival));
        let set = Arc::clone(&task.set);
        self.attend(stopped_tid);
        let task = self.task(stopped_tid)?;
        // A thread that ends keeps the turn until it has: others may wait for the end.
        let (exits, tid) = (task.ends(), task.tid);
        if self.leads() && exits {
            // Followers are to wait for the end of the thread that has the turn.
            self.take_back_turn_of(tid);
        }
        if self.leads() {
            self.session.statistics.calls.fetch_add(1, Ordering::Relaxed);
        }
        rendezvous::arrive(self.session, &set, self.variant, arrival);
        if self.leads() || exits { Ok(()) } else { self.park_turn(tid) }
    }

    pub(super) fn on_exit(&mut self, stopped: Stopped) -> Result<(), Error> {
        let tid = stopped.tid();
        let variant = self.variant;
        let task = self.task(tid)?;
        match task.state.clone() {
            State::Executing => self.leader_done(stopped),
            State::ExecutingEach => {
                let registers = stopped.registers()?;
                if is_interrupted(&registers) {
                    // A signal is next (fork gives way to one, kernel/fork.c): the call begins again behind it.
                    task.interrupted = Some(registers);
                    return self.resume(stopped, Resume::Continue, 0);
                }
                lock(&task.set.history[variant]).leave(result(&registers));
                if task.exec.done && variant != 0 {
                    return self.on_own_image(stopped);
                }
                let call = task.call().and_then(CallArrival::row);
                // The registers of a frame are each variant's own, but all go on with one mask: a signal that a follower
                // blocked would never come to it.
                let restored = match call.map(|row| row.mechanism) {
                    Some(Mechanism::Sigreturn) => Some(stopped.signal_mask()?),
                    _ => None,
                };
                let stopped = if task.exec.done { self.install_agent(stopped)? } else { stopped };
                self.finished(stopped, restored.unwrap_or(registers.rax))
            }
            State::ExecutingLocal => {
                let registers = stopped.registers()?;
                let given = result(&registers);
                if restarts(given) {
                    task.interrupted = Some(registers);
                    return self.resume(stopped, Resume::Continue, 0);
                }
                task.state = State::Running;
                lock(&task.set.history[variant]).leave(given);
                match self.signal_before_next_turn(stopped)? {
                    Some(stopped) => self.go_on(stopped, 0),
                    None => Ok(()),
                }
            }
            State::Reaping(leaders, signal) => {
                // Another child's SIGCHLD came first: the call begins again behind it.
                let registers = stopped.registers()?;
                if restarts(result(&registers)) {
                    task.interrupted = Some(registers);
                    return self.resume(stopped, Resume::Continue, 0);
                }
                task.stopped = Some(stopped);
                self.complete(tid, leaders.ret, signal)
            }
            _ => self.resume(stopped, Resume::Continue, 0),
        }
    }

    /// Stops behind a call that every variant carries out, and tells its result.
    pub(super) fn finished(&mut self, stopped: Stopped, result: u64) -> Result<(), Error> {
        if self.leads() && !self.session.begun.load(Ordering::Acquire) && result != 0 {
            let errno = i32::try_from(result.wrapping_neg()).unwrap_or(libc::ENOEXEC);
            self.session.exec_error.store(errno, Ordering::Release);
        }
        let task = self.task(stopped.tid())?;
        task.state = State::Finished;
        task.stopped = Some(stopped);
        task.exec = super::task::Exec::default();
        let set = Arc::clone(&task.set);
        rendezvous::finish(self.session, &set, self.variant, result);
        Ok(())
    }

    /// Carries the call out here, as every variant does.
    pub(super) fn execute_each(&mut self, tid: i32) -> Result<(), Error> {
        let variant = self.variant;
        let process = self.task(tid)?.set.process;
        self.make_all_due(process);
        let task = self.task(tid)?;
        let mechanism = task.call().and_then(CallArrival::row).map(|row| row.mechanism);
        task.state = State::ExecutingEach;
        let changes_identity =
            task.call().and_then(CallArrival::row).is_some_and(|row| row.category == category::IDENTITY);
        match mechanism {
            _ if variant != 0 && changes_identity => self.make_all_real(tid)?,
            Some(Mechanism::Exec) if variant != 0 => self.prepare_exec(tid)?,
            Some(Mechanism::ByDescriptor) if variant != 0 => self.make_real(tid)?,
            _ => {}
        }
        let task = self.task(tid)?;
        let stopped = task.stopped.take().ok_or(Error::Unexpected("the thread is not stopped"))?;
        if mechanism == Some(Mechanism::Exit) {
            let whole_process = task.call().is_some_and(|call| call.nr() == libc::SYS_exit_group as u64);
            let (own, tgid) = (task.tid, task.tgid);
            for other in self.tasks.values_mut() {
                if other.tid == own || whole_process && other.tgid == tgid {
                    other.state = State::Ending;
                }
            }
            self.resume(stopped, Resume::Continue, 0)?;
            let last = !self.tasks.values().any(|other| other.tgid == tgid && other.tid != own);
            if own != tgid || whole_process || last {
                return Ok(());
            }
            // The end of a first thread is reported when all others have ended (ptrace(2)); they need its turn before.
            await_end(own, PATIENCE);
            return self.end_turn(process, own);
        }
        if mechanism == Some(Mechanism::Fork) {
            self.prepare_birth(&stopped, tid)?;
        }
        self.resume(stopped, Resume::ToExit, 0)
    }

    /// All variants have carried the call out and agree.
    pub(super) fn agreed(
        &mut self,
        tid: i32,
        value: u64,
        signal: Option<stretto_tracee::SignalInfo>,
    ) -> Result<(), Error> {
        let leads = self.leads();
        let task = self.task(tid)?;
        let stopped = task.stopped.take().ok_or(Error::Unexpected("the thread is not stopped"))?;
        let row = task.call().and_then(CallArrival::row).copied();
        if leads {
            let may_signal = row.is_some_and(|row| row.flags & stretto_abi::table::MAY_SIGNAL != 0);
            let set = Arc::clone(&task.set);
            if may_signal {
                self.send_due(&stopped)?;
            }
            let task = self.task(tid)?;
            if may_signal && stopped.signal_waits()? {
                task.behind = Some(stopped.registers()?);
                task.state = State::Held(Held::Agreed(value));
                self.attend(tid);
            } else {
                task.state = State::Running;
                self.session.post_followers(&set, &crate::mailbox::Decision::Agreed(value, None));
            }
            return self.go_on(stopped, 0);
        }
        task.state = State::Running;
        if row.is_some_and(|row| row.mechanism == Mechanism::Munmap) {
            let [address, length, ..] = task.call().map(CallArrival::args).unwrap_or_default();
            task.mm.borrow_mut().remove(address, length);
            self.tell_regions(tid)?;
        }
        if row.is_some_and(|row| row.result == ResultKind::Pid) {
            let mut registers = stopped.registers()?;
            registers.rax = value;
            stopped.set_registers(&registers)?;
        }
        match signal {
            None => self.go_on(stopped, 0),
            Some(info) => self.inject(stopped, &info),
        }
    }

    /// Answers a call that nobody carries out.
    pub(super) fn swallow(&mut self, tid: i32) -> Result<(), Error> {
        let task = self.task(tid)?;
        let call = task.call().ok_or(Error::Unexpected("the thread is in no call"))?;
        let value = call.args()[1];
        let result = match call.row().map(|row| row.mechanism) {
            Some(Mechanism::SetDumpable) if value > 1 => -i64::from(libc::EINVAL),
            Some(Mechanism::SetDumpable) => {
                task.mm.borrow_mut().undumpable = value == 0;
                0
            }
            Some(Mechanism::GetDumpable) => i64::from(!task.mm.borrow().undumpable),
            _ => 0,
        };
        self.skip(tid, result)
    }

    /// Skips the call with this result.
    pub(super) fn skip(&mut self, tid: i32, result: i64) -> Result<(), Error> {
        let variant = self.variant;
        let task = self.task(tid)?;
        let stopped = task.stopped.take().ok_or(Error::Unexpected("the thread is not stopped"))?;
        let Some(call) = task.call() else {
            return Err(Error::Unexpected("the thread is in no call"));
        };
        let mut registers = call.registers;
        registers.rax = result.cast_unsigned();
        registers.orig_rax = u64::MAX;
        stopped.set_registers(&registers)?;
        task.state = State::Running;
        lock(&task.set.history[variant]).leave(result);
        self.go_on(stopped, 0)
    }
}
