//! Patching the `syscall` instructions that are reached often, and finding the way for threads that come to a patch.

use std::rc::Rc;

use stretto_abi::policy::{Mode, mode};
use stretto_abi::table::CallRow;
use stretto_patcher::{LOOK_AHEAD, Site, TRACED, site};
use stretto_tracee::{Error, Registers, Remote, RemoteCalls, Stopped};

use super::Tracer;
use crate::layout::maps::{self, Mapping};
use crate::layout::patches::CHUNK;
use crate::text;

/// MEMBARRIER_CMD_PRIVATE_EXPEDITED_SYNC_CORE and its registration, include/uapi/linux/membarrier.h.
const SYNC_CORE: u64 = 1 << 5;
const REGISTER_SYNC_CORE: u64 = 1 << 6;
/// Attempts at finding room for stubs near a site.
const ATTEMPTS: usize = 64;

impl Tracer<'_> {
    /// Whether the policy has this call made in the process.
    pub(super) fn in_process(&self, row: &CallRow) -> bool {
        self.session
            .config
            .policy
            .as_deref()
            .is_some_and(|policy| self.session.agents.is_some() && mode(policy, row.row) != Mode::Monitored)
    }

    /// A thread stands at the entry of a call that can be made in the process: perhaps its site is worth a patch, or
    /// the thread a ring. Returns the thread at the entry of the same call; `registers` are brought up to date.
    pub(super) fn promote(
        &mut self,
        stopped: Stopped,
        registers: &mut Registers,
        row: &CallRow,
    ) -> Result<Stopped, Error> {
        let tid = stopped.tid();
        let Some(agents) = &self.session.agents else { return Ok(stopped) };
        let task = self.task(tid)?;
        let mut mm = task.mm.borrow_mut();
        let usable = mm.contexts.is_some_and(|contexts| task.context != contexts.common());
        if !usable {
            return Ok(stopped);
        }
        if mm.patches.at_stub(registers.rip).is_none() {
            let visits = mm.patches.visit(registers.rip - 2);
            drop(mm);
            // Followers first: a leader that is patched alone would find nobody in the ring.
            let first = self.variant != 0 || self.session.config.variants == 1;
            let wanted = agents.patch_after + u32::from(!first);
            return match visits {
                Some(visits) if visits >= wanted && self.in_process(row) => self.patch(stopped, registers),
                _ => Ok(stopped),
            };
        }
        drop(mm);
        self.equip(stopped, registers)
    }

    /// Gives the thread a ring, if it has none and can use one.
    pub(super) fn equip(&mut self, stopped: Stopped, registers: &Registers) -> Result<Stopped, Error> {
        let tid = stopped.tid();
        let task = self.task(tid)?;
        let usable = task.mm.borrow().contexts.is_some_and(|contexts| task.context != contexts.common());
        if !usable || task.ring.is_some() || self.takes_turns(tid) {
            return Ok(stopped);
        }
        let set = std::sync::Arc::clone(&self.task(tid)?.set);
        if self.leads() && !self.make_ring(&set) {
            return Ok(stopped);
        }
        self.attach_ring(stopped, registers)
    }

    /// Patches the site of the call that the thread stands at.
    fn patch(&mut self, stopped: Stopped, registers: &mut Registers) -> Result<Stopped, Error> {
        let tid = stopped.tid();
        let address = registers.rip - 2;
        let found = self.inspect(tid, address);
        let site = match found {
            Ok(site) => site,
            Err(why) => {
                self.refuse(tid, address, why)?;
                return Ok(stopped);
            }
        };
        let (stopped, place) = self.place_stub(stopped, registers, &site)?;
        let patch = match place.ok_or("there is no room for a stub near it".to_owned()) {
            Ok(place) => site.patch(place).map_err(|refusal| refusal.to_string()),
            Err(why) => Err(why),
        };
        match patch {
            Ok(patch) => {
                let stub = text::write(&stopped, patch.stub(), patch.stub_bytes());
                // The call that the thread is in returns to its stub.
                let through = Registers { rip: patch.stub() + TRACED + 2, ..*registers };
                let (stopped, written) =
                    self.write_text(stopped, registers, &through, address, patch.window())?;
                if !stub || !written {
                    *registers = stopped.registers()?;
                    self.refuse(tid, address, "its memory can't be written".to_owned())?;
                    return Ok(stopped);
                }
                *registers = through;
                stopped.set_registers(registers)?;
                let task = self.task(tid)?;
                task.mm.borrow_mut().patches.add(patch);
                if self.variant == 0 {
                    self.session.statistics.patched.fetch_add(1, std::sync::atomic::Ordering::Relaxed);
                }
                Ok(stopped)
            }
            Err(why) => {
                self.refuse(tid, address, why)?;
                Ok(stopped)
            }
        }
    }

    fn refuse(&mut self, tid: i32, site: u64, why: String) -> Result<(), Error> {
        let leads = self.leads();
        let news = self.task(tid)?.mm.borrow_mut().patches.refuse(site, why.clone());
        if leads && news {
            *crate::lock(&self.session.refused_sites).entry(why).or_default() += 1;
        }
        Ok(())
    }

    /// The site, if it can be patched, in memory that is the process's own and not writable.
    fn inspect(&self, tid: i32, address: u64) -> Result<Site, String> {
        let mappings = maps::parse(&maps::text(tid));
        let holder = mappings.iter().find(|mapping| (mapping.start..mapping.end).contains(&address));
        let Some(Mapping { end, permissions, .. }) = holder else {
            return Err("its memory is not mapped".to_owned());
        };
        if permissions.contains('w') {
            return Err("its memory is writable: the program may change it".to_owned());
        }
        if permissions.contains('s') {
            return Err("its memory is shared with others".to_owned());
        }
        let length = LOOK_AHEAD.min(usize::try_from(end - address).unwrap_or(LOOK_AHEAD));
        let mut code = [0; LOOK_AHEAD];
        let got = Remote::new(tid).read(address, &mut code[..length]);
        site(address, &code[..got]).map_err(|refusal| refusal.to_string())
    }

    /// A place for a stub; maps memory if there is none.
    fn place_stub(
        &mut self,
        stopped: Stopped,
        registers: &Registers,
        site: &Site,
    ) -> Result<(Stopped, Option<u64>), Error> {
        let tid = stopped.tid();
        let place = self.task(tid)?.mm.borrow().patches.place(site);
        if place.is_some() {
            return Ok((stopped, place));
        }
        let mut calls = RemoteCalls::at_entry(stopped, registers);
        let mut found = None;
        for chunk in site.chunks().take(ATTEMPTS) {
            let protection = (libc::PROT_READ | libc::PROT_EXEC) as u64;
            let flags = (libc::MAP_PRIVATE | libc::MAP_ANONYMOUS | libc::MAP_FIXED_NOREPLACE) as u64;
            let answer = calls.call(libc::SYS_mmap, [chunk, CHUNK, protection, flags, u64::MAX, 0])?;
            if answer.cast_unsigned() == chunk {
                found = Some(chunk);
                break;
            }
        }
        calls.back_to_entry(registers)?;
        self.defer_held(tid, &mut calls)?;
        let stopped = calls.finish()?;
        let task = self.task(tid)?;
        let mut mm = task.mm.borrow_mut();
        if let Some(chunk) = found {
            mm.patches.add_chunk(chunk);
        }
        let place = mm.patches.place(site);
        drop(mm);
        Ok((stopped, place))
    }

    /// Writes program text that other threads may be executing, at the entry of a call. False: it can't be written.
    ///
    /// With one thread nobody executes it. With several, the first byte becomes a breakpoint, then the others are
    /// written, then the first, and after each step every processor that runs the process forgets what it has fetched
    /// (membarrier(2), SYNC_CORE). A thread that comes by meanwhile traps, and is sent where it belongs when the patch
    /// is known. The monitor's own calls meanwhile are made in the stub, and there the call is entered again (`through`).
    /// The kernel patches its own text like this (arch/x86/kernel/alternative.c).
    fn write_text(
        &mut self,
        stopped: Stopped,
        registers: &Registers,
        through: &Registers,
        address: u64,
        bytes: &[u8],
    ) -> Result<(Stopped, bool), Error> {
        let tid = stopped.tid();
        let mm = Rc::clone(&self.task(tid)?.mm);
        let alone = self.tasks.values().filter(|task| Rc::ptr_eq(&task.mm, &mm)).count() == 1;
        let (Some((first, rest)), false) = (bytes.split_first(), alone) else {
            let written = text::write(&stopped, address, bytes);
            return Ok((stopped, written));
        };
        let steps = [(address, &[0xcc][..]), (address + 1, rest), (address, std::slice::from_ref(first))];
        let mut calls = RemoteCalls::at_entry(stopped, registers);
        calls.call(libc::SYS_membarrier, [REGISTER_SYNC_CORE, 0, 0, 0, 0, 0])?;
        calls.move_instruction(through.rip);
        let mut written = true;
        for (place, bytes) in steps {
            written = written && text::write_through(tid, place, bytes);
            calls.call(libc::SYS_membarrier, [SYNC_CORE, 0, 0, 0, 0, 0])?;
        }
        calls.back_to_entry(through)?;
        self.defer_held(tid, &mut calls)?;
        Ok((calls.finish()?, written))
    }

    /// Restores the program's text in `address..address + length`, which a call is about to change or remove.
    pub(super) fn unpatch(&mut self, tid: i32, address: u64, length: u64) -> Result<(), Error> {
        let task = self.task(tid)?;
        let mut mm = task.mm.borrow_mut();
        if mm.patches.count() == 0 {
            return Ok(());
        }
        for patch in mm.patches.within(address..address.saturating_add(length)) {
            let _ = text::write_through(tid, patch.address(), patch.original());
            mm.patches.remove(patch.address());
        }
        Ok(())
    }

    /// Where the program would be if its site had not been patched.
    pub(super) fn program_address(&self, tid: i32, rip: u64) -> Option<u64> {
        self.tasks.get(&tid)?.mm.borrow().patches.at_stub(rip)?.program_address(rip)
    }

    /// A thread has trapped at `address`: if that is a place that a patch has covered, where it goes on.
    pub(super) fn displaced(&mut self, tid: i32, address: u64) -> Result<Option<u64>, Error> {
        let task = self.task(tid)?;
        let Some(patch) = task.mm.borrow().patches.at_window(address) else { return Ok(None) };
        if address == patch.address() {
            // It came by while the patch was being written.
            return Ok(Some(patch.stub()));
        }
        if let Some(copy) = patch.copy_of(address) {
            return Ok(Some(copy));
        }
        self.unpatch(tid, patch.address(), 1)?;
        Ok(Some(address))
    }
}
