//! Followers map where the leader mapped: data at the leader's address, code in their own arena.

use stretto_abi::table::Mechanism;
use stretto_semantics::Canon;
use stretto_tracee::{Error, RemoteCalls};

use super::Tracer;
use super::open::file_identity;
use super::placeholders::{held_by_leader, may_be_written};
use crate::config::Layout;
use crate::layout::mm::page_up;
use crate::remote::{close, expect};
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
            close(calls, fd)?;
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
        if shared && may_be_written(leader_tid, fd) {
            // Only the leader's stores may reach the file, also if they are allowed later (mprotect(2)). Until it stores
            // something a follower sees the file's own pages, as the leader does.
            args[3] = args[3] & !0xf | libc::MAP_PRIVATE as u64;
        }
        if shared && args[2] & libc::PROT_WRITE as u64 != 0 {
            self.session.events.warn(
                "shared-memory",
                "mmap",
                "the program maps a file shared and writable; accesses to it are not intercepted yet",
            );
        }
        if file_identity(calls.tid(), fd) == file_identity(leader_tid, fd) {
            // Programs map it more than once: from its beginning first.
            if args[5] == 0 {
                self.note_mapping(calls.tid());
            }
            return Ok(None);
        }
        if let Some(libc::O_RDONLY) = held_by_leader(calls.tid(), leader_tid, fd) {
            self.note_mapping(calls.tid());
            self.replace(calls, call, (leader_tid, fd), fd, libc::O_RDONLY)?;
            return Ok(None);
        }
        let opened = self.reopen(calls, call, (leader_tid, fd), libc::O_RDONLY)?;
        args[4] = opened;
        Ok(Some(opened))
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
        let mut own = calls.call(libc::SYS_mremap, args)?;
        let no_room = own == -i64::from(libc::ENOMEM) && leader == was && region.is_some();
        if no_room && flags & libc::MREMAP_MAYMOVE as u64 != 0 {
            // What lies behind it lies elsewhere in the leader.
            args[3] = flags | libc::MREMAP_FIXED as u64;
            args[4] = self.task(calls.tid())?.mm.borrow_mut().reserve(new_length);
            own = calls.call(libc::SYS_mremap, args)?;
        }
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
