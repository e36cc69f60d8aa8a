//! Followers map where the leader mapped: data at the leader's address, code in their own arena.

use stretto_abi::table::Mechanism;
use stretto_semantics::{Canon, failed};
use stretto_tracee::{Error, Remote, RemoteCalls};

use super::Tracer;
use super::open::{file_identity, identity};
use crate::config::Layout;
use crate::layout::mm::page_up;
use crate::procfs::is_ending;
use crate::result::LeaderResult;
use crate::taskset::CallArrival;

const FIXED_NOREPLACE: u64 = libc::MAP_FIXED_NOREPLACE as u64;
const FIXED: u64 = libc::MAP_FIXED as u64 | FIXED_NOREPLACE;

impl Tracer<'_> {
    /// Follows `mmap`, `mremap` or `brk`; returns this variant's own result.
    pub(super) fn follow_mapping(
        &mut self,
        calls: &mut RemoteCalls,
        call: &CallArrival,
        result: &LeaderResult,
    ) -> Result<i64, Error> {
        #[allow(clippy::cast_sign_loss)] // an address
        let leader = result.ret as u64;
        match result.call.map(|row| row.mechanism) {
            Some(Mechanism::Brk) => self.follow_brk(calls, leader),
            Some(Mechanism::Mremap) => self.follow_mremap(calls, call, leader),
            _ => self.follow_mmap(calls, call, result, leader),
        }
    }

    fn follow_mmap(
        &mut self,
        calls: &mut RemoteCalls,
        call: &CallArrival,
        result: &LeaderResult,
        leader: u64,
    ) -> Result<i64, Error> {
        let mut args = call.args();
        let [_, length, protection, flags, ..] = args;
        let anonymous = flags & libc::MAP_ANONYMOUS as u64 != 0;
        let apart = result.elf
            || protection & libc::PROT_EXEC as u64 != 0
            || self.session.config.layout == Layout::Disjoint;
        if flags & FIXED == 0 {
            args[0] = if apart { self.place_apart(calls.tid(), leader, length)? } else { leader };
            args[3] |= FIXED_NOREPLACE;
        }
        let mut opened = None;
        if !anonymous {
            opened = self.own_file(calls, call, &mut args)?;
        }
        let mut own = calls.call(libc::SYS_mmap, args)?;
        if own == -i64::from(libc::EEXIST) && flags & FIXED == 0 {
            args[0] = self.task(calls.tid())?.mm.borrow_mut().reserve(length);
            own = calls.call(libc::SYS_mmap, args)?;
        }
        self.patch_followed_mapping(calls, &args, own.cast_unsigned())?;
        if let Some(fd) = opened {
            calls.call(libc::SYS_close, [fd, 0, 0, 0, 0, 0])?;
        }
        let own_address = expect("mmap", own)?;
        if flags & FIXED == 0 {
            self.task(calls.tid())?.mm.borrow_mut().add(leader, own_address, length);
        }
        Ok(own)
    }

    /// Where something belongs that must not lie at the leader's address.
    fn place_apart(&mut self, tid: i32, leader: u64, length: u64) -> Result<u64, Error> {
        let disjoint = self.session.config.layout == Layout::Disjoint;
        let mut mm = self.task(tid)?.mm.borrow_mut();
        let counterpart = mm.counterpart(leader).filter(|_| !disjoint);
        Ok(counterpart.unwrap_or_else(|| mm.reserve(length)))
    }

    /// Makes `args` map the leader's file. Returns a descriptor to close afterwards.
    fn own_file(
        &mut self,
        calls: &mut RemoteCalls,
        call: &CallArrival,
        args: &mut [u64; 6],
    ) -> Result<Option<u64>, Error> {
        #[allow(clippy::cast_possible_truncation)] // descriptors are ints
        let fd = i64::from(args[4] as i32);
        let leader_tid = self.task(calls.tid())?.set.tid(0);
        let shared =
            args[3] & 0xf == libc::MAP_SHARED as u64 || args[3] & 0xf == libc::MAP_SHARED_VALIDATE as u64;
        if shared && args[2] & libc::PROT_WRITE as u64 != 0 {
            // Only the leader's stores may reach the file.
            args[3] = args[3] & !0xf | libc::MAP_PRIVATE as u64;
            self.session.events.warn(
                "shared-memory",
                "mmap",
                "the program maps a file shared and writable; accesses to it are not intercepted yet",
            );
        }
        if file_identity(calls.tid(), fd) == file_identity(leader_tid, fd) {
            return Ok(None);
        }
        if let Some(cloexec) = read_only(leader_tid, fd) {
            if let Some(ring) = &self.task(calls.tid())?.ring {
                ring.note_mapping();
            }
            self.replace(calls, call, leader_tid, fd, (libc::O_RDONLY, cloexec))?;
            return Ok(None);
        }
        let opened = self.reopen(calls, call, leader_tid, fd, &[libc::O_RDWR, libc::O_RDONLY])?;
        args[4] = opened;
        Ok(Some(opened))
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
            open.iter().filter_map(|&fd| Some((fd, only_leaders(tid, leader_tid, fd)?))).collect();
        if wanted.is_empty() {
            return Ok(());
        }
        self.with_calls(tid, |tracer, calls, call| {
            for (fd, mode) in wanted {
                tracer.replace(calls, call, leader_tid, fd, (mode, closed_on_exec(tid, fd)))?;
            }
            calls.back_to_entry(&call.registers)
        })
    }

    /// Replaces a placeholder by what the leader has as `fd`. It is closed first: a full table has no room for two.
    fn replace(
        &mut self,
        calls: &mut RemoteCalls,
        call: &CallArrival,
        leader_tid: i32,
        fd: i64,
        (mode, cloexec): (i32, bool),
    ) -> Result<(), Error> {
        calls.call(libc::SYS_close, [fd.cast_unsigned(), 0, 0, 0, 0, 0])?;
        let opened = self.reopen(calls, call, leader_tid, fd, &[mode])?;
        if opened.cast_signed() != fd {
            return self.renumber(calls, opened.cast_signed(), fd, cloexec);
        }
        if !cloexec {
            calls.call(libc::SYS_fcntl, [opened, libc::F_SETFD as u64, 0, 0, 0, 0])?;
        }
        Ok(())
    }

    /// Opens what the leader's descriptor stands for, through `/proc`, in the first of these modes that is allowed.
    #[allow(clippy::cast_sign_loss)]
    pub(super) fn reopen(
        &mut self,
        calls: &mut RemoteCalls,
        call: &CallArrival,
        leader_tid: i32,
        fd: i64,
        modes: &[i32],
    ) -> Result<u64, Error> {
        let path = format!("/proc/{leader_tid}/fd/{fd}\0");
        // The top of the stack is certainly mapped, and the thread that owns it is stopped.
        let place = call.registers.rsp;
        let memory = Remote::new(calls.tid());
        let mut saved = vec![0; path.len()];
        if memory.read(place, &mut saved) != saved.len() || memory.write(place, path.as_bytes()) != path.len()
        {
            return Err(Error::Os { call: "process_vm_writev", errno: libc::EFAULT });
        }
        let mut answer = -1;
        for &mode in modes {
            let flags = (mode | libc::O_CLOEXEC) as u64;
            answer = calls.call(libc::SYS_openat, [libc::AT_FDCWD as u64, place, flags, 0, 0, 0])?;
            if answer >= 0 {
                break;
            }
        }
        let _ = memory.write(place, &saved);
        if answer < 0 && is_ending(leader_tid) {
            // A signal has ended the leader; this variant ends when that is reported.
            return Err(Error::Gone);
        }
        let opened = expect("opening the leader's file", answer)?;
        // Another thread may have changed the path before the kernel read it.
        let wanted = file_identity(leader_tid, fd);
        if wanted.is_none() || file_identity(calls.tid(), answer) != wanted {
            calls.call(libc::SYS_close, [opened, 0, 0, 0, 0, 0])?;
            let error = Error::Os { call: "opening the leader's file", errno: libc::ENOENT };
            return Err(if is_ending(leader_tid) { Error::Gone } else { error });
        }
        Ok(opened)
    }

    fn follow_brk(&mut self, calls: &mut RemoteCalls, leader: u64) -> Result<i64, Error> {
        let (old, shift) = {
            let task = self.task(calls.tid())?;
            let mm = task.mm.borrow();
            (mm.brk, mm.heap_shift)
        };
        let (from, to) = (page_up(old).wrapping_add(shift), page_up(leader).wrapping_add(shift));
        if to > from {
            let protection = (libc::PROT_READ | libc::PROT_WRITE) as u64;
            let flags = (libc::MAP_PRIVATE | libc::MAP_ANONYMOUS) as u64 | FIXED_NOREPLACE;
            expect(
                "mmap for brk",
                calls.call(libc::SYS_mmap, [from, to - from, protection, flags, u64::MAX, 0])?,
            )?;
        } else if to < from {
            calls.call(libc::SYS_munmap, [to, from - to, 0, 0, 0, 0])?;
        }
        self.task(calls.tid())?.mm.borrow_mut().brk = leader;
        Ok(leader.wrapping_add(shift).cast_signed())
    }

    fn follow_mremap(
        &mut self,
        calls: &mut RemoteCalls,
        call: &CallArrival,
        leader: u64,
    ) -> Result<i64, Error> {
        let mut args = call.args();
        let [old, old_length, new_length, flags, ..] = args;
        let fixed = flags & libc::MREMAP_FIXED as u64 != 0;
        let (region, was, stubs) = {
            let mm = self.task(calls.tid())?.mm.borrow();
            let range = leader..leader.saturating_add(page_up(new_length));
            (mm.region_at(old), mm.to_leader(old), !mm.patches.chunks_in(&range).is_empty())
        };
        let displaced = !fixed && region.is_none() && stubs;
        if displaced {
            // Only this variant has stubs there, or the leader would not have got the place.
            args[3] |= (libc::MREMAP_FIXED | libc::MREMAP_MAYMOVE) as u64;
            args[4] = self.task(calls.tid())?.mm.borrow_mut().reserve(new_length);
        } else if !fixed && leader == was {
            args[3] &= !(libc::MREMAP_MAYMOVE as u64);
        } else if !fixed {
            args[3] |= libc::MREMAP_FIXED as u64;
            args[4] =
                if region.is_some() { self.place_apart(calls.tid(), leader, new_length)? } else { leader };
        }
        let own = calls.call(libc::SYS_mremap, args)?;
        let own_address = expect("mremap", own)?;
        if region.is_some() || displaced {
            let task = self.task(calls.tid())?;
            let mut mm = task.mm.borrow_mut();
            mm.remove(old, old_length);
            mm.add(leader, own_address, new_length);
        }
        Ok(own)
    }
}

/// How to open what a placeholder stands for, if it is a directory, or a file that the leader reads.
fn only_leaders(tid: i32, leader_tid: i32, fd: i64) -> Option<i32> {
    let facts = std::fs::metadata(format!("/proc/{leader_tid}/fd/{fd}")).ok()?;
    let reads = || flags_of(leader_tid, fd).is_some_and(|flags| flags & libc::O_ACCMODE == libc::O_RDONLY);
    let mode = match facts.file_type() {
        kind if kind.is_dir() => libc::O_PATH,
        kind if kind.is_file() && reads() => libc::O_RDONLY,
        _ => return None,
    };
    (file_identity(tid, fd) != Some(identity(&facts))).then_some(mode)
}

/// If a descriptor of the leader's is a regular file, open for reading only: whether it is closed on exec. Followers hold
/// the same then.
fn read_only(tid: i32, fd: i64) -> Option<bool> {
    let facts = std::fs::metadata(format!("/proc/{tid}/fd/{fd}")).ok()?;
    let reads = flags_of(tid, fd)? & libc::O_ACCMODE == libc::O_RDONLY;
    (facts.is_file() && reads).then(|| closed_on_exec(tid, fd))
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

/// A follower must be able to do what the leader could.
fn expect(call: &'static str, answer: i64) -> Result<u64, Error> {
    if failed(answer) {
        return Err(Error::Os { call, errno: i32::try_from(-answer).unwrap_or(0) });
    }
    #[allow(clippy::cast_sign_loss)]
    Ok(answer as u64)
}
