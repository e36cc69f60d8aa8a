//! Patching the `syscall` instructions that are reached often.

use std::rc::Rc;
use std::sync::atomic::Ordering;

use stretto_abi::policy::{Mode, mode};
use stretto_abi::table::CallRow;
use stretto_patcher::{LOOK_AHEAD, Patch, Site, TRACED, site};
use stretto_tracee::{Error, Registers, Remote, RemoteCalls, Stopped};

use super::Tracer;
use super::rewrite::At;
use crate::layout::maps::{self, Mapping};
use crate::layout::patches::CHUNK;
use crate::text;

/// Attempts at finding room for stubs near a site: what was free may be taken meanwhile.
const ATTEMPTS: usize = 8;

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
        if !task.has_agent() {
            return Ok(stopped);
        }
        let mut mm = task.mm.borrow_mut();
        if mm.patches.at_stub(registers.rip).is_none() {
            let address = registers.rip - 2;
            if let Some(patch) = mm.patches.at_site(address) {
                if still_there(tid, &patch) {
                    // It came here before another thread's call had the site patched.
                    drop(mm);
                    *registers = through(registers, &patch);
                    stopped.set_registers(registers)?;
                    return Ok(stopped);
                }
                mm.patches.remove(address);
            }
            let visits = mm.patches.visit(address);
            drop(mm);
            if self.is_changing(tid, address) {
                return Ok(stopped);
            }
            // Followers first: a leader that is patched alone would find nobody in the ring.
            let first = self.variant != 0 || self.session.config.variants == 1;
            let wanted = agents.patch_after + u32::from(!first);
            return match visits {
                Some(visits) if visits >= wanted && self.in_process(row) => self.patch(stopped, registers),
                _ => Ok(stopped),
            };
        }
        drop(mm);
        let ring_after = agents.ring_after;
        let task = self.task(tid)?;
        task.without_ring = task.without_ring.saturating_add(1);
        if task.without_ring < ring_after {
            return Ok(stopped);
        }
        self.equip(stopped, registers)
    }

    /// Gives the thread a ring, if it has none and can use one.
    pub(super) fn equip(&mut self, stopped: Stopped, registers: &Registers) -> Result<Stopped, Error> {
        let tid = stopped.tid();
        let task = self.task(tid)?;
        if !task.has_agent() || task.ring.is_some() {
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
        if !self.is_alone(tid) && !self.task(tid)?.mm.borrow().patches.may_be_beside_threads() {
            self.refuse(
                tid,
                address,
                "other threads run, and the kernel has no membarrier for them".to_owned(),
            )?;
            return Ok(stopped);
        }
        let found = self.inspect(tid, address);
        let (site, holder) = match found {
            Ok(found) => found,
            Err(why) => {
                self.refuse(tid, address, why)?;
                return Ok(stopped);
            }
        };
        let (stopped, patch) = self.make_patch(stopped, registers, &site)?;
        let patch = match patch {
            Ok(patch) => patch,
            Err(why) => {
                self.refuse(tid, address, why)?;
                return Ok(stopped);
            }
        };
        // The call that the thread is in returns to its stub.
        let through = through(registers, &patch);
        self.tell_births(tid, std::slice::from_ref(&patch));
        let (stopped, written) = self.write_steps(
            stopped,
            At::Entry(registers),
            through.rip,
            std::slice::from_ref(&patch.steps_in()),
        )?;
        if !written {
            text::write(&stopped, address, patch.original());
            self.refuse(tid, address, "its memory can't be written".to_owned())?;
            return Ok(stopped);
        }
        *registers = through;
        stopped.set_registers(registers)?;
        self.task(tid)?.mm.borrow_mut().patches.add(patch);
        if self.leads() {
            self.session.statistics.patched.fetch_add(1, Ordering::Relaxed);
            self.remember(tid, address, &holder)?;
        }
        Ok(stopped)
    }

    /// A patch of the site whose stub is there: that which it had before, or a new one.
    fn make_patch(
        &mut self,
        stopped: Stopped,
        registers: &Registers,
        site: &Site,
    ) -> Result<(Stopped, Result<Rc<Patch>, String>), Error> {
        if let Some(former) = self.task(stopped.tid())?.mm.borrow().patches.former(site) {
            return Ok((stopped, Ok(former)));
        }
        let (stopped, place) = self.place_stub(stopped, registers, site)?;
        let Some(place) = place else {
            return Ok((stopped, Err("there is no room for a stub near it".to_owned())));
        };
        let patch = site.patch(place).map_err(|refusal| refusal.to_string()).and_then(|patch| {
            let written = text::write(&stopped, patch.stub(), patch.stub_bytes());
            if written { Ok(Rc::new(patch)) } else { Err("its stub can't be written".to_owned()) }
        });
        Ok((stopped, patch))
    }

    /// Notes that a site stays as it is, and counts it in the leader.
    pub(super) fn refuse(&mut self, tid: i32, site: u64, why: String) -> Result<(), Error> {
        let leads = self.leads();
        let news = self.task(tid)?.mm.borrow_mut().patches.refuse(site);
        if leads && news {
            *crate::lock(&self.session.refused_sites).entry(why).or_default() += 1;
        }
        Ok(())
    }

    /// The site, if it can be patched, in memory that is the process's own and not writable; and that memory.
    fn inspect(&self, tid: i32, address: u64) -> Result<(Site, Mapping), String> {
        let mappings = maps::parse(&maps::text(tid));
        let holder = mappings.iter().find(|mapping| (mapping.start..mapping.end).contains(&address));
        let Some(holder @ Mapping { end, permissions, .. }) = holder else {
            return Err("its memory is not mapped".to_owned());
        };
        if permissions.contains('w') {
            return Err("its memory is writable: the program may change it".to_owned());
        }
        if permissions.contains('s') {
            return Err("its memory is shared with others".to_owned());
        }
        if !permissions.contains('x') {
            return Err("its memory is not executable any more".to_owned());
        }
        Ok((self.site_before(tid, address, *end)?, holder.clone()))
    }

    /// The site at `address`, if it can be patched, in code that goes on until `end`.
    pub(super) fn site_before(&self, tid: i32, address: u64, end: u64) -> Result<Site, String> {
        let length = LOOK_AHEAD.min(usize::try_from(end - address).unwrap_or(LOOK_AHEAD));
        let mut code = [0; LOOK_AHEAD];
        let got = Remote::new(tid).read(address, &mut code[..length]);
        let task = self.tasks.get(&tid).ok_or("its thread is gone")?;
        let patches = &task.mm.borrow().patches;
        patches.hide(address, &mut code[..got]);
        let site = site(address, &code[..got]).map_err(|refusal| refusal.to_string())?;
        if !patches.within(address..address + site.length() as u64).is_empty() {
            return Err("another patch is too close".to_owned());
        }
        Ok(site)
    }

    /// A place for a stub; maps memory if there is none.
    fn place_stub(
        &mut self,
        stopped: Stopped,
        registers: &Registers,
        site: &Site,
    ) -> Result<(Stopped, Option<u64>), Error> {
        let tid = stopped.tid();
        let mm = Rc::clone(&self.task(tid)?.mm);
        let mut place = mm.borrow().patches.place(site);
        if place.is_none() && self.is_alone(tid) {
            mm.borrow_mut().patches.free_stubs(registers.rip);
            place = mm.borrow().patches.place(site);
        }
        if place.is_some() || !mm.borrow().patches.may_grow() {
            return Ok((stopped, place));
        }
        let mut calls = RemoteCalls::at_entry(stopped, registers);
        let place = self.room_for(&mut calls, site)?;
        calls.back_to_entry(registers)?;
        self.defer_held(tid, &mut calls)?;
        Ok((calls.finish()?, place))
    }

    /// The same among other calls of the monitor's.
    pub(super) fn room_for(&mut self, calls: &mut RemoteCalls, site: &Site) -> Result<Option<u64>, Error> {
        let mm = Rc::clone(&self.task(calls.tid())?.mm);
        let place = mm.borrow().patches.place(site);
        if place.is_some() || !mm.borrow().patches.may_grow() {
            return Ok(place);
        }
        let mappings = maps::parse(&maps::text(calls.tid()));
        for chunk in site.chunks().filter(|&chunk| is_free(&mappings, chunk)).take(ATTEMPTS) {
            let protection = (libc::PROT_READ | libc::PROT_EXEC) as u64;
            let flags = (libc::MAP_PRIVATE | libc::MAP_ANONYMOUS | libc::MAP_FIXED_NOREPLACE) as u64;
            let answer = calls.call(libc::SYS_mmap, [chunk, CHUNK, protection, flags, u64::MAX, 0])?;
            if answer.cast_unsigned() == chunk {
                let patches = &mut mm.borrow_mut().patches;
                patches.add_chunk(chunk);
                return Ok(patches.place(site));
            }
        }
        Ok(None)
    }
}

/// Whether nothing lies where a chunk would; `mappings` are in ascending order.
fn is_free(mappings: &[Mapping], chunk: u64) -> bool {
    let next = mappings.partition_point(|mapping| mapping.end <= chunk);
    mappings.get(next).is_none_or(|mapping| chunk + CHUNK <= mapping.start)
}

/// The registers of a thread that stands at the entry of a call of the site, as if it had come through the stub.
fn through(registers: &Registers, patch: &Patch) -> Registers {
    Registers { rip: patch.stub() + TRACED + 2, ..*registers }
}

/// Whether the bytes of a patch stand in the program.
pub(super) fn still_there(tid: i32, patch: &Patch) -> bool {
    let mut bytes = vec![0; patch.window().len()];
    Remote::new(tid).read(patch.address(), &mut bytes) == bytes.len() && bytes == patch.window()
}
