//! Writing program text that other threads may be executing, taking patches back, and finding the way for threads that
//! come to a patch meanwhile.
//!
//! Patches are written and taken back in steps (`stretto-patcher`), and after each step every processor that runs the
//! process forgets what it has fetched (membarrier(2), SYNC_CORE). A thread that comes by meanwhile traps. It is looked
//! at when the writing is done, and sent where it belongs then.

use std::ops::Range;
use std::rc::Rc;
use std::sync::atomic::Ordering;

use stretto_abi::table::{CallRow, Mechanism};
use stretto_patcher::{Patch, Steps, TRACED, whole};
use stretto_tracee::{Error, Registers, Remote, RemoteCalls, Stopped};

use super::Tracer;
use super::patch::still_there;
use super::task::State;
use crate::layout::mm::{HEAP, page_up};
use crate::layout::patches::Patches;
use crate::membarrier_unsafe::{REGISTER_SYNC_CORE, SYNC_CORE};
use crate::taskset::CallArrival;
use crate::text;

/// Where the thread stands that has to make calls for the monitor, with these registers.
#[derive(Clone, Copy)]
pub(super) enum At<'r> {
    /// At the entry of a call, which is entered again.
    Entry(&'r Registers),
    /// In the program's code.
    Code(&'r Registers),
}

/// Has the kernel know that this process, and all that it forks, will have its processors forget what they have fetched.
/// False: it won't.
///
/// While there is one thread that takes 2 us; with more it takes a grace period of RCU (`kernel/sched/membarrier.c`,
/// `sync_runqueues_membarrier_state`), 6 to 18 ms where measured.
pub(super) fn register(calls: &mut RemoteCalls) -> Result<bool, Error> {
    Ok(calls.call(libc::SYS_membarrier, [REGISTER_SYNC_CORE, 0, 0, 0, 0, 0])? == 0)
}

impl Tracer<'_> {
    /// Whether no other thread lives in the memory of `tid`.
    pub(super) fn is_alone(&self, tid: i32) -> bool {
        let Some(own) = self.tasks.get(&tid) else { return false };
        self.tasks.values().filter(|task| Rc::ptr_eq(&task.mm, &own.mm)).count() == 1
    }

    /// Writes program text in steps. `instruction` is the address behind a `syscall` that is not in that text. False: it
    /// can't be written.
    pub(super) fn write_steps(
        &mut self,
        stopped: Stopped,
        at: At<'_>,
        instruction: u64,
        steps: &[Steps],
    ) -> Result<(Stopped, bool), Error> {
        let tid = stopped.tid();
        if self.is_alone(tid) {
            let mut wholes = steps.iter().map(whole);
            let written = wholes.all(|write| text::write(&stopped, write.address, &write.bytes));
            return Ok((stopped, written));
        }
        let mut calls = match at {
            At::Entry(registers) => RemoteCalls::at_entry(stopped, registers),
            At::Code(registers) => RemoteCalls::with_instruction(stopped, registers, instruction),
        };
        calls.move_instruction(instruction);
        let mut written = true;
        for step in 0..3 {
            written = written && calls.stopped().is_some_and(|stopped| write_step(stopped, steps, step));
            calls.call(libc::SYS_membarrier, [SYNC_CORE, 0, 0, 0, 0, 0])?;
        }
        if let At::Entry(registers) = at {
            calls.back_to_entry(registers)?;
        }
        self.defer_held(tid, &mut calls)?;
        let stopped = calls.finish()?;
        if let At::Code(registers) = at {
            stopped.set_registers(&Registers { orig_rax: u64::MAX, ..*registers })?;
        }
        Ok((stopped, written))
    }

    /// Restores the program's text in `range`, which is about to change.
    pub(super) fn restore(
        &mut self,
        stopped: Stopped,
        at: At<'_>,
        range: Range<u64>,
    ) -> Result<Stopped, Error> {
        let tid = stopped.tid();
        let patches = self.take_patches(tid, range)?;
        let Some(any) = patches.first() else { return Ok(stopped) };
        let steps: Vec<Steps> = patches.iter().map(|patch| patch.steps_out()).collect();
        let (stopped, _) = self.write_steps(stopped, at, any.stub() + TRACED + 2, &steps)?;
        Ok(stopped)
    }

    /// The same where no thread can make calls for the monitor.
    pub(super) fn restore_at_once(&mut self, tid: i32, range: Range<u64>) -> Result<(), Error> {
        for patch in self.take_patches(tid, range)? {
            let _ = text::write_through(tid, patch.address(), patch.original());
        }
        Ok(())
    }

    /// Takes the patches in `range` out of the books; gives those whose bytes are there.
    fn take_patches(&mut self, tid: i32, range: Range<u64>) -> Result<Vec<Rc<Patch>>, Error> {
        let leads = self.leads();
        let mm = Rc::clone(&self.task(tid)?.mm);
        let patches = &mut mm.borrow_mut().patches;
        let mut found = patches.within(range.clone());
        patches.forget(range);
        found.iter().for_each(|patch| patches.remove(patch.address()));
        if leads {
            self.session.statistics.restored.fetch_add(found.len() as u64, Ordering::Relaxed);
        }
        // A program has ways to change its text that nobody has told of.
        found.retain(|patch| still_there(tid, patch));
        self.tell_births(tid, &found);
        Ok(found)
    }

    /// Notes what is about to be written for the children that are being born: their text is being copied.
    pub(super) fn tell_births(&mut self, tid: i32, patches: &[Rc<Patch>]) {
        let Some(own) = self.tasks.get(&tid).map(|task| Rc::clone(&task.mm)) else { return };
        for task in self.tasks.values_mut().filter(|task| Rc::ptr_eq(&task.mm, &own)) {
            let row = task.call().and_then(CallArrival::row);
            let forks = row.is_some_and(|row| row.mechanism == Mechanism::Fork);
            if forks && matches!(task.state, State::ExecutingEach) {
                task.touched.extend_from_slice(patches);
            }
        }
    }

    /// Restores program text that a call is about to remove or change. Until the call is over, it is not patched again.
    pub(super) fn restore_for(
        &mut self,
        mut stopped: Stopped,
        registers: &mut Registers,
        row: &CallRow,
        args: &[u64; 6],
    ) -> Result<Stopped, Error> {
        let ranges = changed_by(row, args);
        self.task(stopped.tid())?.changing.clone_from(&ranges);
        for range in ranges {
            // The heap does not grow over other memory.
            if row.mechanism != Mechanism::Brk {
                stopped = self.leave_chunks(stopped, registers, &range)?;
            }
            stopped = self.restore(stopped, At::Entry(registers), range)?;
        }
        Ok(stopped)
    }

    /// The program takes memory for itself that holds stubs: natively there was nothing. Another thread that is in one
    /// of them just now is lost.
    fn leave_chunks(
        &mut self,
        mut stopped: Stopped,
        registers: &mut Registers,
        range: &Range<u64>,
    ) -> Result<Stopped, Error> {
        let tid = stopped.tid();
        let mm = Rc::clone(&self.task(tid)?.mm);
        let chunks = mm.borrow().patches.chunks_in(range);
        for chunk in chunks {
            let sites = mm.borrow().patches.served_by(&chunk);
            for site in sites {
                stopped = self.restore(stopped, At::Entry(registers), site..site + 1)?;
            }
            if chunk.contains(&registers.rip)
                && let Some(rip) = self.program_address(tid, registers.rip)
            {
                // rcx as the kernel would have left it behind the program's own `syscall`.
                *registers = Registers { rip, rcx: rip, ..*registers };
                stopped.set_registers(registers)?;
            }
            mm.borrow_mut().patches.remove_chunk(&chunk);
        }
        Ok(stopped)
    }

    /// Whether a call of some thread is about to change the text at `address`.
    pub(super) fn is_changing(&self, tid: i32, address: u64) -> bool {
        let Some(own) = self.tasks.get(&tid) else { return false };
        let reaches = |range: &Range<u64>| range.start < address.saturating_add(32) && address < range.end;
        self.tasks.values().any(|task| Rc::ptr_eq(&task.mm, &own.mm) && task.changing.iter().any(reaches))
    }

    /// Where the `syscall` instruction ends with which a thread that has entered a call at `rip` can make others. Its site may
    /// have been patched since, and would lead through the agent, which may take the call for the program's.
    pub(super) fn traced_instruction(&self, tid: i32, rip: u64) -> u64 {
        let site = rip.wrapping_sub(2);
        let patch = self.tasks.get(&tid).and_then(|task| task.mm.borrow().patches.at_window(site));
        patch.filter(|patch| patch.address() == site).map_or(rip, |patch| patch.stub() + TRACED + 2)
    }

    /// Where the program would be if its site had not been patched.
    pub(super) fn program_address(&self, tid: i32, rip: u64) -> Option<u64> {
        self.tasks.get(&tid)?.mm.borrow().patches.at_stub(rip)?.program_address(rip)
    }

    /// A thread has trapped at `address`: if that is a place that a patch has covered, where it goes on.
    pub(super) fn displaced(
        &mut self,
        stopped: Stopped,
        registers: &Registers,
        address: u64,
    ) -> Result<(Stopped, Option<u64>), Error> {
        let tid = stopped.tid();
        let task = self.task(tid)?;
        let patch = task.mm.borrow().patches.at_window(address);
        let Some(patch) = patch else {
            // It may have trapped before the site was restored. What traps again is the program's.
            let restorations = task.mm.borrow().patches.restorations_at(address);
            let again = restorations.map(|count| (address, count));
            let news = again.is_some() && task.retried != again;
            task.retried = again;
            return Ok((stopped, news.then_some(address)));
        };
        if address == patch.address() {
            // It came by while the patch was being written.
            return Ok((stopped, Some(patch.stub())));
        }
        if let Some(copy) = patch.copy_of(address) {
            return Ok((stopped, Some(copy)));
        }
        let site = patch.address();
        let stopped = self.restore(stopped, At::Code(registers), site..site + 1)?;
        self.refuse(tid, site, "the program jumps to where no instruction is known to begin".to_owned())?;
        Ok((stopped, Some(address)))
    }
}

/// Gives a child that has not run yet the program's own bytes where its copy of the text may have some of a patch, and
/// the stub, which it may not have.
pub(super) fn settle(child: i32, patch: &Patch, patches: &mut Patches) {
    const INT3: u8 = 0xcc;
    patches.remove(patch.address());
    if !text::write_through(child, patch.stub(), patch.stub_bytes()) {
        patches.remove_stub(patch);
    }
    let mut bytes = vec![0; patch.window().len()];
    let read = Remote::new(child).read(patch.address(), &mut bytes) == bytes.len();
    let either = patch.original().iter().zip(patch.window());
    let mixed = bytes.iter().zip(either).enumerate().all(|(index, (byte, (original, window)))| {
        byte == original || byte == window || index == 0 && *byte == INT3
    });
    if read && mixed {
        let _ = text::write_through(child, patch.address(), patch.original());
    }
}

fn write_step(stopped: &Stopped, steps: &[Steps], step: usize) -> bool {
    let mut writes = steps.iter().filter_map(|steps| steps.get(step)).flatten();
    writes.all(|write| text::write(stopped, write.address, &write.bytes))
}

/// The memory that a call about a range changes, in whole pages as the kernel takes it.
fn changed_by(row: &CallRow, args: &[u64; 6]) -> Vec<Range<u64>> {
    let [first, second, third, fourth, fifth, _] = *args;
    let pages = |address: u64, length: u64| {
        let end = if length > u64::MAX - 4095 { u64::MAX } else { address.saturating_add(page_up(length)) };
        address..end
    };
    match row.mechanism {
        Mechanism::Mmap if fourth & libc::MAP_FIXED as u64 == 0 => Vec::new(),
        Mechanism::Mremap if fourth & libc::MREMAP_FIXED as u64 != 0 => {
            vec![pages(fifth, third), pages(first, second)]
        }
        // Where the heap ends now, nobody asks: there is nothing else of the program's so close above it.
        Mechanism::Brk if first == 0 => Vec::new(),
        Mechanism::Brk => vec![pages(page_up(first), HEAP)],
        // mprotect, madvise, munmap and the like: an address and a length.
        _ => vec![pages(first, second)],
    }
}
