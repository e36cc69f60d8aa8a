//! The leader's side of a call that it alone carries out.

use std::sync::Arc;

use stretto_abi::table::{BLOCKS, CallRow, MAY_SIGNAL, Mechanism, ResultKind};
use stretto_semantics::{self as semantics, Identity, failed};
use stretto_tracee::{Error, Registers, Remote, Resume, SignalInfo, Stopped, result};

use super::open::readable;
use super::task::{Held, State};
use super::{Tracer, vsyscall};
use crate::agent::territory::wishes;
use crate::gather::{InputsBefore, Outputs};
use crate::lock;
use crate::mailbox::Decision;
use crate::memory::VariantMemory;
use crate::result::LeaderResult;
use crate::taskset::CallArrival;

/// Results with which the kernel says "a signal is next" (include/linux/errno.h).
pub fn restarts(ret: i64) -> bool {
    matches!(ret, -514..=-512 | -516)
}

/// Whether a thread stands in a call that a signal has taken it out of. Behind `rt_sigreturn` there is no call: `orig_rax`
/// is -1.
pub fn is_interrupted(registers: &Registers) -> bool {
    registers.orig_rax.cast_signed() >= 0 && restarts(result(registers))
}

impl Tracer<'_> {
    /// Carries the call out for all.
    pub(super) fn execute(&mut self, tid: i32) -> Result<(), Error> {
        let agents = self.session.agents.is_some();
        let task = self.task(tid)?;
        if task.call().is_some_and(|call| vsyscall::holds(call.registers.rip)) {
            return self.answer_vsyscall(tid);
        }
        let stopped = task.stopped.take().ok_or(Error::Unexpected("the thread is not stopped"))?;
        if let Some((call, result)) = task.call().and_then(|call| Some((call, call.done.as_ref()?.result))) {
            let registers = Registers { orig_rax: u64::MAX, rax: result.cast_unsigned(), ..call.registers };
            stopped.set_registers(&registers)?;
            // A signal that was to end the waiting comes behind the call.
            self.send_requeued(&stopped)?;
            return self.outcome_known(stopped, registers, result);
        }
        let wish = task.call().filter(|call| call.row().is_some_and(|row| wishes(row, &call.args())));
        if let (Some(call), true) = (wish, agents) {
            stopped.set_registers(&Registers { rdi: 0, ..call.registers })?;
        }
        task.state = State::Executing;
        self.send_requeued(&stopped)?;
        self.resume(stopped, Resume::ToExit, 0)?;
        self.give_up_turn(tid)
    }

    pub(super) fn leader_done(&mut self, stopped: Stopped) -> Result<(), Error> {
        let tid = stopped.tid();
        let registers = stopped.registers()?;
        let ret = result(&registers);
        if restarts(ret) {
            let task = self.task(tid)?;
            task.state = State::Interrupted(ret);
            task.interrupted = Some(registers);
            return self.resume(stopped, Resume::Continue, 0);
        }
        self.outcome_known(stopped, registers, ret)
    }

    /// The call has been made; the followers may have its outcome.
    fn outcome_known(&mut self, stopped: Stopped, registers: Registers, ret: i64) -> Result<(), Error> {
        let tid = stopped.tid();
        let task = self.tasks.get(&tid).ok_or(Error::Gone)?;
        lock(&task.set.history[0]).leave(ret);
        let call = task.call().ok_or(Error::Unexpected("the thread is in no call"))?;
        let row = *call.row().ok_or(Error::Unexpected("the call is not described"))?;
        let chooses_cpus = row.mechanism == Mechanism::CpusChosen && ret == 0;
        let args = call.args();
        let result = Arc::new(self.outcome(tid, call, &row, ret));
        // What came with the call, or while it waited, is to be handled before the program looks at the result. Followers
        // stand still until it is known: if nothing waits now, nothing has come. An interrupted call may still have its
        // own mask, which can't be asked for (kernel/ptrace.c, PTRACE_GETSIGMASK).
        let interrupted = ret == -i64::from(libc::EINTR);
        let may_signal = row.flags & (MAY_SIGNAL | BLOCKS) != 0
            || matches!(i32::try_from(-ret), Ok(libc::EPIPE | libc::EFBIG));
        let signal_follows =
            interrupted || task.requeued.is_some() || may_signal && stopped.signal_waits()?;
        let set = Arc::clone(&task.set);
        if chooses_cpus {
            self.note_chosen_cpus(tid, &args);
        }
        let stopped = match row.mechanism {
            Mechanism::Mmap => self.patch_own_mapping(stopped, &registers, &args)?,
            _ => stopped,
        };
        let task = self.task(tid)?;
        task.given = Some(Arc::clone(&result));
        if signal_follows {
            task.behind = Some(registers);
            task.state = State::Held(Held::Result(result));
            self.attend(tid);
        } else {
            task.state = State::Running;
            self.session.post_followers(&set, &Decision::Result(result, None));
        }
        self.go_on(stopped, 0)
    }

    /// Tells the followers how the held call ended, and which signal came with it.
    pub(super) fn release(&mut self, tid: i32, signal: Option<SignalInfo>) -> Result<(), Error> {
        let task = self.task(tid)?;
        let State::Held(held) = &task.state else {
            return Ok(());
        };
        let held = held.clone();
        task.state = State::Running;
        task.behind = None;
        let set = Arc::clone(&task.set);
        let decision = match held {
            Held::Result(result) => Decision::Result(result, signal.map(Box::new)),
            Held::Agreed(value) => Decision::Agreed(value, signal.map(Box::new)),
        };
        self.session.post_followers(&set, &decision);
        Ok(())
    }

    /// A program that has not chosen its CPUs sees those that it would have without Stretto, not the one that
    /// its variant was placed on.
    fn show_native_cpus(&self, tid: i32, args: &[u64; 6], ret: i64) {
        let asked = match i32::try_from(args[0]) {
            Ok(0) | Err(_) => tid,
            Ok(other) => other,
        };
        let chose = self.tasks.get(&asked).is_none_or(|task| task.chose_cpus);
        if let (false, Ok(length)) = (chose, usize::try_from(ret)) {
            let mut mask = self.session.cpus.clone();
            mask.resize(length, 0);
            let _ = Remote::new(tid).write(args[2], &mask);
        }
    }

    /// Notes which threads have chosen their CPUs.
    fn note_chosen_cpus(&mut self, tid: i32, args: &[u64; 6]) {
        let target = match i32::try_from(args[0]) {
            Ok(0) | Err(_) => tid,
            Ok(other) => other,
        };
        if let Some(task) = self.tasks.get_mut(&target) {
            task.chose_cpus = true;
        }
    }

    /// Everything that followers need to know of the leader's call.
    pub(super) fn outcome(&self, tid: i32, call: &CallArrival, row: &CallRow, ret: i64) -> LeaderResult {
        let mut result = LeaderResult {
            ret,
            call: Some(*row),
            arrival: self.tasks.get(&tid).and_then(|task| task.current.clone()),
            ..LeaderResult::default()
        };
        let mut memory = VariantMemory::new(Remote::new(tid));
        let args = call.args();
        if row.mechanism == Mechanism::CpusShown {
            self.show_native_cpus(tid, &args, ret);
        }
        if let Some(outputs) = call.done.as_ref().and_then(|done| done.outputs.clone()) {
            result.stream = outputs;
        } else {
            let mut outputs = Outputs::default();
            let before = InputsBefore(&call.inputs);
            semantics::collect(
                &self.table,
                &row.args,
                &args,
                ret,
                &mut memory,
                &before,
                &Identity,
                &mut outputs,
            );
            (result.stream, result.received) = outputs.finish();
        }
        if row.mechanism == Mechanism::Open {
            self.note_open(tid);
        }
        if failed(ret) {
            return result;
        }
        if row.result == ResultKind::NewFd || !result.received.is_empty() {
            result.cloexec = semantics::closed_on_exec(&self.table, row.cloexec, &args, &mut memory);
        }
        match row.mechanism {
            Mechanism::Open => result.readable = readable(tid, ret),
            Mechanism::Mmap => result.elf = maps_elf(tid, &args),
            Mechanism::Wait => {
                let child = if call.nr() == libc::SYS_wait4 as u64 {
                    i32::try_from(ret).unwrap_or(0)
                } else {
                    waitid_child(Remote::new(tid), &args)
                };
                let gone = self
                    .session
                    .set_of_leader(child)
                    .filter(|set| set.leader_gone.load(std::sync::atomic::Ordering::Acquire));
                if gone.is_some() {
                    self.session.forget_leader(child);
                }
                result.reaped = gone;
            }
            _ => {}
        }
        result
    }
}

/// The child that `waitid` took away: `si_pid`, unless WNOWAIT left it there.
fn waitid_child(memory: Remote, args: &[u64; 6]) -> i32 {
    const WNOWAIT: u64 = 0x0100_0000;
    if args[3] & WNOWAIT != 0 || args[2] == 0 {
        return 0;
    }
    let mut pid = [0; 4];
    let _ = memory.read(args[2] + 16, &mut pid);
    i32::from_le_bytes(pid)
}

/// Whether a new mapping may belong to an ELF image: private, of a file that begins like one. By now the descriptor may
/// stand for something else, which must not be waited for.
fn maps_elf(tid: i32, args: &[u64; 6]) -> bool {
    use std::io::Read;
    use std::os::unix::fs::OpenOptionsExt;
    let flags = args[3];
    if flags & (libc::MAP_ANONYMOUS as u64) != 0 || flags & (libc::MAP_PRIVATE as u64) == 0 {
        return false;
    }
    let mut magic = [0; 4];
    #[allow(clippy::cast_possible_truncation)]
    let fd = args[4] as i32;
    std::fs::OpenOptions::new()
        .read(true)
        .custom_flags(libc::O_NONBLOCK | libc::O_NOCTTY)
        .open(format!("/proc/{tid}/fd/{fd}"))
        .and_then(|mut file| file.read_exact(&mut magic))
        .is_ok()
        && magic == *b"\x7fELF"
}
