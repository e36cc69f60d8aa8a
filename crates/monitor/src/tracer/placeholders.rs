//! Followers hold placeholders for what only the leader has open, until they need the thing itself: to map it, to enter
//! it, to execute it.

use stretto_tracee::{Error, Remote, RemoteCalls};

use super::Tracer;
use super::open::{file_identity, identity};
use crate::procfs::is_ending;
use crate::remote::{close, expect};
use crate::taskset::CallArrival;

impl Tracer<'_> {
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

    /// A duplicate of what this variant holds, be it a file of its own or a placeholder.
    #[allow(clippy::cast_sign_loss)] // descriptors are not negative here
    pub(super) fn duplicate(
        &mut self,
        calls: &mut RemoteCalls,
        held: u64,
        wanted: i64,
        cloexec: bool,
    ) -> Result<(), Error> {
        let command = if cloexec { libc::F_DUPFD_CLOEXEC } else { libc::F_DUPFD };
        match calls.call(libc::SYS_fcntl, [held, command as u64, wanted as u64, 0, 0, 0])? {
            fd if fd < 0 => self.placeholder(calls, wanted, cloexec),
            fd => self.renumber(calls, fd, wanted, cloexec),
        }
    }

    /// Gives a new descriptor the leader's number (threads may have made descriptors in another order).
    #[allow(clippy::cast_sign_loss)] // descriptors are not negative here
    pub(super) fn renumber(
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
        close(calls, fd as u64)
    }

    /// Makes what the first argument stands for this variant's own, before the call that needs it, where only the leader
    /// holds it.
    pub(super) fn make_real(&mut self, tid: i32) -> Result<(), Error> {
        #[allow(clippy::cast_possible_truncation)] // descriptors are ints
        let fd = self.task(tid)?.call().map_or(-1, |call| call.args()[0] as i32);
        self.make_own(tid, &[fd.into()])
    }

    /// The same for all that is open, before a call behind which `/proc` may not show it any more.
    pub(super) fn make_all_real(&mut self, tid: i32) -> Result<(), Error> {
        let Ok(entries) = std::fs::read_dir(format!("/proc/{tid}/fd")) else { return Ok(()) };
        let open: Vec<i64> =
            entries.filter_map(|entry| entry.ok()?.file_name().to_str()?.parse().ok()).collect();
        self.make_own(tid, &open)
    }

    fn make_own(&mut self, tid: i32, open: &[i64]) -> Result<(), Error> {
        let leader_tid = self.task(tid)?.set.tid(0);
        let wanted: Vec<_> =
            open.iter().filter_map(|&fd| Some((fd, held_by_leader(tid, leader_tid, fd)?))).collect();
        if wanted.is_empty() {
            return Ok(());
        }
        self.with_calls(tid, |tracer, calls, call| {
            for (fd, mode) in wanted {
                match tracer.replace(calls, call, (leader_tid, fd), fd, mode) {
                    // What the program was given open it might not be allowed to open. If it needs that, it will show.
                    Err(Error::Os { .. }) => {}
                    outcome => outcome?,
                }
            }
            calls.back_to_entry(&call.registers)
        })
    }

    /// Replaces the placeholder `fd` by what another process holds, the leader or the monitor. It is closed first: a full
    /// table has no room for two.
    pub(super) fn replace(
        &mut self,
        calls: &mut RemoteCalls,
        call: &CallArrival,
        held: (i32, i64),
        fd: i64,
        mode: i32,
    ) -> Result<(), Error> {
        let cloexec = closed_on_exec(calls.tid(), fd);
        close(calls, fd.cast_unsigned())?;
        let opened = match self.reopen(calls, call, held, mode) {
            Err(error @ Error::Os { .. }) => {
                self.placeholder(calls, fd, cloexec)?;
                return Err(error);
            }
            outcome => outcome?,
        };
        if opened.cast_signed() != fd {
            return self.renumber(calls, opened.cast_signed(), fd, cloexec);
        }
        if !cloexec {
            calls.call(libc::SYS_fcntl, [opened, libc::F_SETFD as u64, 0, 0, 0, 0])?;
        }
        Ok(())
    }

    /// Opens what a descriptor of another process stands for, through `/proc`.
    #[allow(clippy::cast_sign_loss)]
    pub(super) fn reopen(
        &mut self,
        calls: &mut RemoteCalls,
        call: &CallArrival,
        (holder, fd): (i32, i64),
        mode: i32,
    ) -> Result<u64, Error> {
        let path = format!("/proc/{holder}/fd/{fd}\0");
        // The top of the stack is certainly mapped, and the thread that owns it is stopped.
        let place = call.registers.rsp;
        let memory = Remote::new(calls.tid());
        let mut saved = vec![0; path.len()];
        if memory.read(place, &mut saved) != saved.len() || memory.write(place, path.as_bytes()) != path.len()
        {
            return Err(Error::Os { call: "process_vm_writev", errno: libc::EFAULT });
        }
        // Whatever stands there by then, it must not wait or get a terminal (open(2)).
        let flags = (mode | libc::O_CLOEXEC | libc::O_NONBLOCK | libc::O_NOCTTY) as u64;
        let answer = calls.call(libc::SYS_openat, [libc::AT_FDCWD as u64, place, flags, 0, 0, 0])?;
        let _ = memory.write(place, &saved);
        if answer < 0 && is_ending(holder) {
            // A signal has ended the leader; this variant ends when that is reported.
            return Err(Error::Gone);
        }
        let opened = expect("opening the leader's file", answer)?;
        // Another thread may have changed the path before the kernel read it.
        let wanted = file_identity(holder, fd);
        if wanted.is_none() || file_identity(calls.tid(), answer) != wanted {
            close(calls, opened)?;
            let error = Error::Os { call: "opening the leader's file", errno: libc::ENOENT };
            return Err(if is_ending(holder) { Error::Gone } else { error });
        }
        Ok(opened)
    }
}

/// How to open what a placeholder stands for, if it is a directory, or a file that the leader reads.
pub(super) fn held_by_leader(tid: i32, leader_tid: i32, fd: i64) -> Option<i32> {
    let facts = std::fs::metadata(format!("/proc/{leader_tid}/fd/{fd}")).ok()?;
    let reads = || !may_be_written(leader_tid, fd);
    let mode = match facts.file_type() {
        kind if kind.is_dir() => libc::O_PATH,
        kind if kind.is_file() && reads() => libc::O_RDONLY,
        _ => return None,
    };
    (file_identity(tid, fd) != Some(identity(&facts))).then_some(mode)
}

/// Whether a descriptor of `tid` is not open for reading only, as far as the kernel tells.
pub(super) fn may_be_written(tid: i32, fd: i64) -> bool {
    flags_of(tid, fd).is_none_or(|flags| flags & libc::O_ACCMODE != libc::O_RDONLY)
}

fn closed_on_exec(tid: i32, fd: i64) -> bool {
    flags_of(tid, fd).is_some_and(|flags| flags & libc::O_CLOEXEC != 0)
}

/// With which flags something was opened, and O_CLOEXEC as it is now (proc_pid_fdinfo(5)).
fn flags_of(tid: i32, fd: i64) -> Option<i32> {
    let text = std::fs::read_to_string(format!("/proc/{tid}/fdinfo/{fd}")).ok()?;
    let flags = text.lines().find_map(|line| line.strip_prefix("flags:"))?;
    i32::from_str_radix(flags.trim(), 8).ok()
}
