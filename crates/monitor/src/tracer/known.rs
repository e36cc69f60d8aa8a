//! Patching the sites that earlier runs have found to be hot, when their image is mapped.
//!
//! Every variant does this for itself at the same point of its execution, before its program goes on, so none is
//! patched where another is not. Even that would only cost time: a leader that comes to the ring alone sees its
//! followers in the monitor and takes its record back.

use std::fs::{File, OpenOptions};
use std::ops::Range;
use std::os::unix::fs::{MetadataExt, OpenOptionsExt};
use std::rc::Rc;
use std::sync::atomic::Ordering;

use stretto_patcher::{LOOK_AHEAD, Patch};
use stretto_tracee::{Error, Registers, RemoteCalls, Stopped};

use super::Tracer;
use crate::hot::{HotSites, Mapped};
use crate::layout::maps::{self, Mapping};
use crate::layout::mm::page_up;
use crate::text;

const SYSCALL: u64 = 0x050f;

impl Tracer<'_> {
    /// The memory of hot sites, if there is one and the thread has an agent.
    fn memory_for(&self, tid: i32) -> Option<&HotSites> {
        let usable = self.tasks.get(&tid)?.has_agent();
        self.session.hot_sites.as_ref().filter(|_| usable)
    }

    /// Patches the program and the dynamic loader, which exec has mapped. `poked`: bytes there are not the program's.
    pub(super) fn patch_images(&mut self, calls: &mut RemoteCalls, poked: Range<u64>) -> Result<(), Error> {
        let tid = calls.tid();
        let Some(memory) = self.memory_for(tid) else { return Ok(()) };
        let mappings = maps::parse(&maps::text(tid));
        let mapped: Vec<Mapped> = mappings.iter().filter_map(|mapping| of_file(memory, mapping)).collect();
        mapped.into_iter().try_for_each(|mapped| self.patch_known(calls, mapped, &poked))
    }

    /// Leader: behind its call that has mapped a file.
    pub(super) fn patch_own_mapping(
        &mut self,
        stopped: Stopped,
        registers: &Registers,
        args: &[u64; 6],
    ) -> Result<Stopped, Error> {
        let tid = stopped.tid();
        let Some(mapped) = self.mapped(tid, args, registers.rax) else { return Ok(stopped) };
        // The program may have mapped the file over the very call.
        let callable = stopped.peek(registers.rip.wrapping_sub(2)).is_ok_and(|code| code & 0xffff == SYSCALL);
        if !callable {
            return Ok(stopped);
        }
        let mut calls = RemoteCalls::with_instruction(stopped, registers, registers.rip);
        self.patch_known(&mut calls, mapped, &(0..0))?;
        self.defer_held(tid, &mut calls)?;
        let stopped = calls.finish()?;
        stopped.set_registers(&Registers { orig_rax: u64::MAX, ..*registers })?;
        Ok(stopped)
    }

    /// Follower: the same, among the calls with which it follows.
    pub(super) fn patch_followed_mapping(
        &mut self,
        calls: &mut RemoteCalls,
        args: &[u64; 6],
        start: u64,
    ) -> Result<(), Error> {
        match self.mapped(calls.tid(), args, start) {
            Some(mapped) => self.patch_known(calls, mapped, &(0..0)),
            None => Ok(()),
        }
    }

    /// What a call with these arguments has mapped at `start`, if that is code of an image in memory that is the
    /// process's own, and one thread lives there.
    fn mapped(&self, tid: i32, args: &[u64; 6], start: u64) -> Option<Mapped> {
        let [_, length, protection, flags, fd, offset] = *args;
        let has = |word: u64, bit: i32| word & bit as u64 != 0;
        let code = has(protection, libc::PROT_EXEC) && !has(protection, libc::PROT_WRITE);
        let private = has(flags, libc::MAP_PRIVATE) && !has(flags, libc::MAP_SHARED);
        // Errors lie in the last page.
        if !code || !private || has(flags, libc::MAP_ANONYMOUS) || start > u64::MAX - 4095 {
            return None;
        }
        let memory = self.memory_for(tid)?;
        if !self.is_alone(tid) {
            return None;
        }
        #[allow(clippy::cast_possible_truncation)] // descriptors are ints
        let file = opened(&format!("/proc/{tid}/fd/{}", fd as i32))?;
        let image = memory.image(&file)?;
        Some(Mapped { start, end: start.checked_add(page_up(length))?, offset, image })
    }

    /// Patches all remembered sites of what has been mapped, and notes that it is there.
    fn patch_known(
        &mut self,
        calls: &mut RemoteCalls,
        mapped: Mapped,
        poked: &Range<u64>,
    ) -> Result<(), Error> {
        let tid = calls.tid();
        let mut fresh = Vec::new();
        for address in mapped.known() {
            let touched = poked.start < address.saturating_add(LOOK_AHEAD as u64) && address < poked.end;
            let Some(site) = self.site_before(tid, address, mapped.end).ok().filter(|_| !touched) else {
                continue;
            };
            let former = self.task(tid)?.mm.borrow().patches.former(&site);
            let patch = match former {
                Some(former) => Some(former),
                None => self.room_for(calls, &site)?.and_then(|place| site.patch(place).ok()).map(Rc::new),
            };
            if let Some(patch) = patch {
                self.task(tid)?.mm.borrow_mut().patches.add(Rc::clone(&patch));
                fresh.push(patch);
            }
        }
        let leads = self.leads();
        let mm = Rc::clone(&self.task(tid)?.mm);
        if leads {
            mm.borrow_mut().note_image(mapped);
        }
        if fresh.is_empty() {
            return Ok(());
        }
        let stopped = calls.stopped().ok_or(Error::Gone)?;
        if !written(stopped, &fresh) {
            for patch in &fresh {
                text::write(stopped, patch.address(), patch.original());
                mm.borrow_mut().patches.remove(patch.address());
                mm.borrow_mut().patches.remove_stub(patch);
            }
            return Ok(());
        }
        if leads {
            self.session.statistics.from_memory.fetch_add(fresh.len() as u64, Ordering::Relaxed);
        }
        Ok(())
    }

    /// Notes a site of the leader that was patched because it had been reached often.
    pub(super) fn remember(&mut self, tid: i32, address: u64, holder: &Mapping) -> Result<(), Error> {
        let mm = self.task(tid)?.mm.borrow();
        // Something else may lie now where the image did.
        let offset = holder.offset.wrapping_add(address - holder.start);
        let of_image = |mapped: &&Mapped| mapped.offset_of(address) == Some(offset);
        if let Some(mapped) = mm.images().iter().rev().find(of_image) {
            mapped.image.remember(offset);
        }
        Ok(())
    }
}

/// Code of a file that exec has mapped, if the file is still to be found by its name.
fn of_file(memory: &HotSites, mapping: &Mapping) -> Option<Mapped> {
    if mapping.permissions != "r-xp" || !mapping.name.starts_with('/') {
        return None;
    }
    let file = opened(&mapping.name)?;
    let same = file.metadata().is_ok_and(|facts| facts.ino() == mapping.inode);
    let image = memory.image(&file).filter(|_| same)?;
    Some(Mapped { start: mapping.start, end: mapping.end, offset: mapping.offset, image })
}

/// Whatever stands at the path now, opening it must not wait.
fn opened(path: &str) -> Option<File> {
    let flags = libc::O_NONBLOCK | libc::O_NOCTTY;
    OpenOptions::new().read(true).custom_flags(flags).open(path).ok()
}

/// Writes stubs, then windows: neighbouring stubs at once.
fn written(stopped: &Stopped, patches: &[Rc<Patch>]) -> bool {
    let mut stubs: Vec<&Patch> = patches.iter().map(Rc::as_ref).collect();
    stubs.sort_unstable_by_key(|patch| patch.stub());
    let mut writes: Vec<(u64, Vec<u8>)> = Vec::new();
    for patch in stubs {
        match writes.last_mut() {
            // Between two stubs lies nothing but what aligns the second.
            Some((start, bytes)) if (*start + bytes.len() as u64).next_multiple_of(16) >= patch.stub() => {
                bytes.resize(usize::try_from(patch.stub() - *start).unwrap_or(bytes.len()), 0xcc);
                bytes.extend(patch.stub_bytes());
            }
            _ => writes.push((patch.stub(), patch.stub_bytes().to_vec())),
        }
    }
    writes.extend(patches.iter().map(|patch| (patch.address(), patch.window().to_vec())));
    text::write_all(stopped, &writes)
}
