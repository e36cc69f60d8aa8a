//! Signals: the leader's are delivered to all variants at the same point; followers' own mean nothing.
//!
//! Points, in order of preference: behind the call that the signal interrupted, came with, or was unblocked by; at the
//! entry of the next call or reading of the time stamp; anywhere, when the leader comes to none for a while.

use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::Duration;

use stretto_tracee::{Error, Registers, Remote, Resume, SignalInfo, Stopped, arguments, signal_bit};

use stretto_abi::table::Mechanism;
use stretto_semantics as semantics;

use super::Tracer;
use super::delivery::{Came, Sent, has_handler, mask_at, sent_by_us, signals_of, undo_entry};
use super::leader::is_interrupted;
use super::task::State;
use super::turn_queue::Turns;
use crate::agent::blob;
use crate::clock_unsafe::Moment;
use crate::mailbox::Decision;
use crate::memory::VariantMemory;
use crate::quiet::Quiet;
use crate::taskset::Arrival;

/// How long a signal waits for the leader's next call before it is delivered wherever the variants are.
const PATIENCE: Duration = Duration::from_millis(20);

/// Ticks come at least four times a second while somebody waits.
const TICK_MISSED: Duration = Duration::from_secs(2);

const RT_SIGSUSPEND: u64 = libc::SYS_rt_sigsuspend as u64;

/// Equal but for `orig_rax`, which is only meaningful in a call, and for segments and flags.
fn same_place(one: &Registers, other: &Registers) -> bool {
    let callers = |registers: &Registers| {
        [
            registers.rip,
            registers.rsp,
            registers.rax,
            registers.rbx,
            registers.rcx,
            registers.rbp,
            registers.r11,
        ]
    };
    let saved = |registers: &Registers| [registers.r12, registers.r13, registers.r14, registers.r15];
    callers(one) == callers(other) && saved(one) == saved(other) && arguments(one) == arguments(other)
}

impl Tracer<'_> {
    pub(super) fn on_signal(&mut self, stopped: Stopped) -> Result<(), Error> {
        let tid = stopped.tid();
        let Ok(mut info) = stopped.signal_info() else {
            return self.resume(stopped, Resume::Listen, 0);
        };
        if let Some(owed) = self.take_owed(tid, &info) {
            self.release(tid, None)?;
            stopped.set_signal_info(&owed.info)?;
            let signal = owed.info.signal();
            // What followers know nothing of is no reason to give the turn up.
            return match owed.taken {
                true => self.go_on(stopped, signal),
                false => self.resume(stopped, Resume::Continue, signal),
            };
        }
        let mut oldest = false;
        if let Some(original) = self.take_requeued(tid, &info) {
            stopped.set_signal_info(&original)?;
            info = original;
            oldest = true;
        }
        let signal = info.signal();
        if info.is_fault() {
            let (stopped, way_out) = self.way_out(stopped, &info)?;
            return match way_out {
                Some(registers) => {
                    stopped.set_registers(&registers)?;
                    self.resume(stopped, Resume::Continue, 0)
                }
                None => self.on_fault(stopped, info),
            };
        }
        if !self.leads() {
            // Only what the leader took counts; a fatal signal from outside must still end the follower.
            return self.resume(stopped, Resume::Continue, 0);
        }
        self.session.statistics.signals.fetch_add(1, Ordering::Relaxed);
        if self.session.events.logged() {
            let id = self.task(tid)?.set.id;
            self.session
                .events
                .event("signal", serde_json::json!({"task": id, "signal": signal, "code": info.code()}));
        }
        let registers = stopped.registers()?;
        let in_call = self.task(tid)?.is_in_call(&registers);
        let in_agent = self.in_agent(registers.rip).filter(|_| !in_call);
        if self.is_reminder(tid, &info) {
            self.release(tid, None)?;
            if in_agent.is_some() {
                // It is on its way to the monitor.
                return self.resume(stopped, Resume::Continue, 0);
            }
            return self.signal_everywhere(stopped);
        }
        if sent_by_us(&info) {
            // A reminder that comes late: the signal has been delivered at a call meanwhile.
            return self.resume(stopped, Resume::Continue, 0);
        }
        if !has_handler(tid, signal) {
            self.release(tid, None)?;
            if self.raised_at_gate(tid, &info, &registers) {
                return self.make_again(stopped, registers);
            }
            return self.resume(stopped, Resume::Continue, signal);
        }
        if self.owes_handler(tid, signal)? {
            // The followers have taken that one already.
            self.defer(tid, info);
            return self.resume(stopped, Resume::Continue, 0);
        }
        if let Some(offset) = in_agent {
            self.leave_gate(&stopped, registers, offset)?;
            self.release(tid, None)?;
            self.defer(tid, info);
            return self.resume(stopped, Resume::Continue, 0);
        }
        let task = self.task(tid)?;
        let at_once = match task.state {
            State::Interrupted(_) => true,
            State::Held(_) => task.behind.as_ref().is_some_and(|behind| same_place(behind, &registers)),
            _ => false,
        };
        if at_once
            && !oldest
            && let Some(older) = task.exchange_for_older(info)
        {
            stopped.set_signal_info(&older)?;
            info = older;
        }
        let task = self.task(tid)?;
        match task.state.clone() {
            // The followers carry the same call out: it has to end everywhere first.
            State::ExecutingEach => {
                self.defer(tid, info);
                self.resume(stopped, Resume::Continue, 0)
            }
            State::Interrupted(ret) => {
                task.state = State::Running;
                let set = Arc::clone(&task.set);
                let call = task.call().ok_or(Error::Unexpected("the thread is in no call"))?.clone();
                let row = *call.row().ok_or(Error::Unexpected("the call is not described"))?;
                let result = Arc::new(self.outcome(tid, &call, &row, -i64::from(libc::EINTR)));
                self.session.post_followers(&set, &Decision::Interrupted(ret, Box::new(info), result));
                self.go_on(stopped, signal)
            }
            State::Held(_) if task.behind.as_ref().is_some_and(|behind| same_place(behind, &registers)) => {
                task.quiet = None;
                self.release(tid, Some(info))?;
                self.resume(stopped, Resume::Continue, signal)
            }
            _ => {
                self.release(tid, None)?;
                let blocked_locally = is_interrupted(&registers);
                self.defer(tid, info);
                if oldest {
                    self.task(tid)?.deferred.rotate_right(1);
                }
                if blocked_locally {
                    return self.signal_everywhere(stopped);
                }
                self.resume(stopped, Resume::Continue, 0)
            }
        }
    }

    /// Where all variants can take a signal: the deferred one whose time has come. Only leaders have any.
    pub(super) fn due_signal(&mut self, stopped: &Stopped, tid: i32) -> Result<Option<SignalInfo>, Error> {
        if self.task(tid)?.deferred.is_empty() {
            return Ok(None);
        }
        let mask = stopped.signal_mask()?;
        let task = self.task(tid)?;
        let due = task.deferred.iter().position(|info| mask & signal_bit(info.signal()) == 0);
        let due = due.and_then(|index| task.deferred.remove(index));
        if due.is_some() {
            self.session.ticks_wanted.fetch_sub(1, Ordering::AcqRel);
        }
        Ok(due)
    }

    /// Undoes the entry of a call and delivers the signal; the call, or the reading of the time stamp, comes again behind
    /// the handler.
    pub(super) fn signal_at_entry(&mut self, tid: i32, info: &SignalInfo) -> Result<(), Error> {
        let task = self.task(tid)?;
        let stopped = task.stopped.take().ok_or(Error::Unexpected("the thread is not stopped"))?;
        task.state = State::Running;
        match task.current.as_deref() {
            Some(Arrival::Point { registers, .. }) => stopped.set_registers(registers)?,
            Some(Arrival::Call(call)) => undo_entry(&stopped, call.registers)?,
            Some(Arrival::Timestamp { .. }) => {}
            _ => return Err(Error::Unexpected("the thread is in no call")),
        }
        self.inject(stopped, info)
    }

    /// The leader's call was interrupted by a signal with a handler: so is this one. A call that waits with a
    /// mask of its own becomes `rt_sigsuspend` with that mask, so that the kernel keeps both masks as it does in
    /// the leader.
    pub(super) fn interrupt(&mut self, tid: i32, ret: i64, info: &SignalInfo) -> Result<(), Error> {
        let table = self.table;
        let task = self.task(tid)?;
        let stopped = task.stopped.take().ok_or(Error::Unexpected("the thread is not stopped"))?;
        let call = task.call().ok_or(Error::Unexpected("the thread is in no call"))?;
        let original = call.registers;
        let mut waiting = original;
        let mask = call.row().map_or(0, |row| match row.mechanism {
            Mechanism::SigSuspend if call.nr() == RT_SIGSUSPEND => original.rdi,
            _ => {
                semantics::evaluate(&table, row.mask, &call.args(), &mut VariantMemory::new(Remote::new(tid)))
            }
        });
        if mask == 0 {
            waiting.orig_rax = u64::MAX;
        } else {
            waiting.orig_rax = RT_SIGSUSPEND;
            (waiting.rdi, waiting.rsi) = (mask, 8);
        }
        waiting.rax = ret.cast_unsigned();
        task.state = State::Running;
        let tgid = task.tgid;
        stopped.set_registers(&waiting)?;
        let blocked = if mask == 0 { stopped.signal_mask()? } else { mask_at(tid, mask) };
        let sent = Sent::send(tgid, tid, info.signal(), blocked)?;
        stopped.resume(Resume::Continue, 0)?;
        let Came::Due(stopped) = self.until_signal(tid, sent)? else {
            return Err(Error::Unexpected("a follower was stopped by job control"));
        };
        stopped.set_registers(&Registers { rax: waiting.rax, ..original })?;
        stopped.set_signal_info(&self.own_info(tid, info))?;
        self.go_on(stopped, info.signal())
    }

    /// Time has passed: remind leaders that make no calls of their deferred signals.
    pub(super) fn on_tick(&mut self) {
        if !self.leads() {
            return;
        }
        self.remind();
        // When this process itself was stopped for a while, nobody else is late.
        let forgiving = std::mem::replace(&mut self.last_tick, Moment::now()).elapsed() > TICK_MISSED;
        for set in self.session.all_sets() {
            let halted = self.by_set.get(&set.id).and_then(|tid| self.tasks.get(tid)).is_some_and(|task| {
                task.halted || crate::rendezvous::leader_is_missing(&set) && self.waits_at_gate(task.tid)
            });
            if halted || forgiving {
                crate::rendezvous::forgive_lag(&set);
            } else {
                crate::rendezvous::check_ring(self.session, &set);
                crate::rendezvous::check_lag(self.session, &set);
            }
        }
    }

    /// Sends the signals again that leaders without calls are to take wherever they are.
    fn remind(&mut self) {
        let ready: Vec<i32> = self.turns.values().flat_map(Turns::standing).collect();
        for task in self.tasks.values_mut() {
            let tid = task.tid;
            let runs = matches!(task.state, State::Running | State::Held(_) | State::ExecutingLocal);
            if task.deferred.is_empty() || !runs || task.halted || ready.contains(&tid) {
                continue;
            }
            if task.quiet.get_or_insert_with(|| Quiet::begin(tid)).exceeds(PATIENCE, tid) {
                let blocked = signals_of(tid, "SigBlk:").unwrap_or(0);
                match task.deferred.iter().find(|info| blocked & signal_bit(info.signal()) == 0) {
                    Some(info) => {
                        let _ = Sent::send(task.tgid, tid, info.signal(), blocked);
                    }
                    None => task.quiet = None,
                }
            }
        }
    }

    /// Job control has stopped a thread.
    pub(super) fn on_group_stop(&mut self, stopped: Stopped) -> Result<(), Error> {
        let leads = self.leads();
        let task = self.task(stopped.tid())?;
        if leads {
            task.halted = true;
            if task.set.id == 1 && self.session.config.follow_stops {
                self.session.job.stopped(self.session.waker);
            }
        }
        self.resume(stopped, Resume::Listen, 0)
    }

    /// A thread that job control had stopped runs again.
    pub(super) fn on_continued(&mut self, tid: i32) -> Result<(), Error> {
        let task = self.task(tid)?;
        task.halted = false;
        crate::rendezvous::forgive_lag(&task.set);
        if task.set.id == 1 {
            self.session.job.continued();
        }
        Ok(())
    }

    /// Leader: keeps a signal until there is a point at which all variants can take it.
    pub(super) fn defer(&mut self, tid: i32, info: SignalInfo) {
        if let Some(task) = self.tasks.get_mut(&tid) {
            if task.deferred.is_empty() {
                task.quiet = None;
            }
            task.deferred.push_back(info);
            self.session.ticks_wanted.fetch_add(1, Ordering::AcqRel);
            self.attend(tid);
        }
    }

    /// Leader, stopped in its agent by a signal: a call that waits at the gate, or has not been made yet, is not made
    /// there any more. The agent then brings the thread to the monitor.
    fn leave_gate(&self, stopped: &Stopped, registers: Registers, offset: u64) -> Result<(), Error> {
        let before = (blob::GATE_CHECK..blob::GATE_AFTER).contains(&offset);
        let interrupted = offset == blob::GATE_AFTER && is_interrupted(&registers);
        if before || interrupted { self.cancel_at_gate(stopped, registers) } else { Ok(()) }
    }

    /// Leader, stopped at the gate: its agent brings it to the monitor with the call.
    pub(super) fn cancel_at_gate(&self, stopped: &Stopped, registers: Registers) -> Result<(), Error> {
        let rip = self.image().map_or(0, |image| image.base) + blob::GATE_CANCEL;
        stopped.set_registers(&Registers { rip, orig_rax: u64::MAX, ..registers })
    }
}
