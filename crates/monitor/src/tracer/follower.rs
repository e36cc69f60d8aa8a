//! A follower takes over what the leader's call gave: results, data, descriptors, mappings.

use std::sync::Arc;

use stretto_abi::table::{Mechanism, ResultKind};
use stretto_semantics::{self as semantics, ApplyError};
use stretto_tracee::{Error, Remote, RemoteCalls, Resume, SignalInfo, set_arguments};

use super::Tracer;
use super::task::State;
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
        if let (Some(info), true) = (signal, result.ret == -i64::from(libc::EINTR)) {
            return self.interrupt(tid, result.ret, &info);
        }
        if (-4095..0).contains(&result.ret) {
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
            Mechanism::Open => {
                self.with_calls(tid, |tracer, calls, call| tracer.follow_open(calls, call, result))?
            }
            Mechanism::RecvFds => self.with_calls(tid, |tracer, calls, _| {
                result
                    .received
                    .iter()
                    .try_for_each(|&fd| tracer.placeholder(calls, fd.into(), result.cloexec))
            })?,
            _ if row.result == ResultKind::NewFd => {
                self.with_calls(tid, |tracer, calls, _| {
                    tracer.placeholder(calls, result.ret, result.cloexec)
                })?;
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
        if result.stream.is_empty() {
            return Ok(());
        }
        let task = self.tasks.get(&tid).ok_or(Error::Gone)?;
        let args = task.call().ok_or(Error::Unexpected("the thread is in no call"))?.args();
        let mut memory = VariantMemory::new(Remote::new(tid));
        let mm = task.mm.borrow();
        let applied =
            semantics::apply(&self.table, &row, &args, result.ret, &mut memory, &*mm, &result.stream);
        drop(mm);
        match applied {
            Ok(()) => Ok(()),
            Err(ApplyError::Fault(address)) => {
                let (set, arrivals) = (Arc::clone(&task.set), [result.arrival.clone(), task.current.clone()]);
                rendezvous::unwritable(self.session, &set, self.variant, arrivals, address);
                Err(Error::Gone)
            }
            Err(ApplyError::Short) => Err(Error::Unexpected("the leader's results are too short")),
        }
    }

    /// Makes remote calls from the entry stop that the task is parked at.
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
        let mut calls = RemoteCalls::at_entry(stopped, &call.registers);
        let outcome = work(self, &mut calls, call);
        // A follower's own signals (SIGCHLD of its own children) mean nothing: the leader's count.
        self.task(tid)?.stopped = calls.finish().ok();
        outcome
    }

    /// A descriptor that only has the right number.
    pub(super) fn placeholder(
        &mut self,
        calls: &mut RemoteCalls,
        wanted: i64,
        cloexec: bool,
    ) -> Result<(), Error> {
        let flags = if cloexec { libc::EFD_CLOEXEC as u64 } else { 0 };
        let fd = calls.call(libc::SYS_eventfd2, [0, flags, 0, 0, 0, 0])?;
        self.renumber(calls, fd, wanted, cloexec)
    }

    /// Gives a new descriptor the leader's number (threads may have made descriptors in another order).
    #[allow(clippy::cast_sign_loss)] // descriptors are not negative here
    fn renumber(
        &mut self,
        calls: &mut RemoteCalls,
        fd: i64,
        wanted: i64,
        cloexec: bool,
    ) -> Result<(), Error> {
        if fd == wanted || fd < 0 {
            return Ok(());
        }
        let flags = if cloexec { libc::O_CLOEXEC as u64 } else { 0 };
        calls.call(libc::SYS_dup3, [fd as u64, wanted as u64, flags, 0, 0, 0])?;
        calls.call(libc::SYS_close, [fd as u64, 0, 0, 0, 0, 0])?;
        Ok(())
    }

    /// Opens a file or directory for reading as the leader did, or takes a placeholder.
    #[allow(clippy::cast_sign_loss)]
    fn follow_open(
        &mut self,
        calls: &mut RemoteCalls,
        call: &CallArrival,
        result: &LeaderResult,
    ) -> Result<(), Error> {
        let mut args = call.args();
        let flags_at = match call.nr() as i64 {
            libc::SYS_open => 1,
            libc::SYS_openat => 2,
            _ => return self.placeholder(calls, result.ret, result.cloexec),
        };
        let flags = args[flags_at];
        let reads_only =
            flags & (libc::O_ACCMODE as u64) == libc::O_RDONLY as u64 && flags & (libc::O_TRUNC as u64) == 0;
        let Some(wanted) = result.readable.filter(|_| reads_only) else {
            return self.placeholder(calls, result.ret, result.cloexec);
        };
        args[flags_at] &= !((libc::O_CREAT | libc::O_EXCL) as u64);
        let nr = call.nr() as i64;
        let fd = calls.call(nr, args)?;
        if fd < 0 {
            return self.placeholder(calls, result.ret, result.cloexec);
        }
        let tid = calls.tid();
        if file_identity(tid, fd) != Some(wanted) {
            calls.call(libc::SYS_close, [fd as u64, 0, 0, 0, 0, 0])?;
            return self.placeholder(calls, result.ret, result.cloexec);
        }
        self.renumber(calls, fd, result.ret, result.cloexec)
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

/// Device and inode of what a descriptor of `tid` stands for.
pub fn file_identity(tid: i32, fd: i64) -> Option<(u64, u64)> {
    use std::os::unix::fs::MetadataExt;
    std::fs::metadata(format!("/proc/{tid}/fd/{fd}")).ok().map(|metadata| (metadata.dev(), metadata.ino()))
}
