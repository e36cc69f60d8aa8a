//! The agent in this variant: mapped when a program begins, given a context for every thread and a ring for those
//! that make calls often.

use std::sync::Arc;
use std::sync::atomic::Ordering;

use stretto_abi::context::{Context, REGIONS, REGIONS_AT, RESULT, RING, TURNS};
use stretto_abi::policy::{Mode, mode};
use stretto_abi::ring::{CALLED, WAITED_FOR};
use stretto_semantics::{self as semantics, Identity, Lookup};
use stretto_tracee::{Error, Registers, Remote, RemoteCalls, Stopped};

use super::Tracer;
use super::mapped::{map_agent, map_ring};
use super::rewrite::register;
use crate::agent::image::Image;
use crate::agent::ring_memory::RingMemory;
use crate::agent::{Agents, blob, rules};
use crate::gather::Collector;
use crate::lock;
use crate::memory::VariantMemory;
use crate::rendezvous::{self, AtGate};
use crate::taskset::TaskSet;

impl<'s> Tracer<'s> {
    /// The agent of this variant.
    pub(super) fn image(&self) -> Option<&'s Image> {
        let session: &'s crate::session::Session = self.session;
        session.agents.as_ref().map(|agents: &Agents| agents.image(self.variant))
    }

    /// Offset in the agent's text of an address.
    pub(super) fn in_agent(&self, rip: u64) -> Option<u64> {
        self.image()?.offset(rip)
    }

    /// Whether a thread is about to make a call from its agent's gate.
    pub(super) fn is_at_gate(&self, registers: &Registers) -> bool {
        self.in_agent(registers.rip) == Some(blob::GATE_AFTER)
    }

    /// Maps the agent into a process that stands at the end of its exec. Where that is not possible, the program runs
    /// without, and all its calls are the monitor's.
    pub(super) fn install_agent(&mut self, stopped: Stopped) -> Result<Stopped, Error> {
        let tid = stopped.tid();
        let filtered = self.task(tid)?.filtered;
        let session = self.session;
        let (Some(image), Some(agents)) = (self.image().filter(|_| !filtered), &session.agents) else {
            return Ok(stopped);
        };
        let doorbells = &agents.doorbells;
        let registers = stopped.registers()?;
        let entry = registers.rip;
        let original = stopped.peek(entry)?;
        stopped.poke(entry, original & !0xffff | 0x050f)?;
        let mut calls = RemoteCalls::with_instruction(stopped, &registers, entry + 2);
        // The kernel maps more of a new stack than it uses (setup_arg_pages, fs/exec.c).
        let mapped = map_agent(&mut calls, image, doorbells, registers.rsp - 512);
        let mut registers = Registers { orig_rax: u64::MAX, rax: 0, ..registers };
        if let Some(mut contexts) = mapped? {
            let memory = Remote::new(tid);
            let regions = contexts.common() + REGIONS_AT;
            let pass = Context::bytes(contexts.common(), image.base + blob::PASS, image.plan, regions);
            let _ = memory.write(contexts.common(), &pass);
            registers.gs_base = contexts.take().unwrap_or(contexts.common());
            let own = Context::bytes(registers.gs_base, image.base + blob::ENTRY, image.plan, regions);
            let _ = memory.write(registers.gs_base, &own);
            let task = self.task(tid)?;
            task.context = registers.gs_base;
            task.mm.borrow_mut().contexts = Some(contexts);
            let told = agents.beside_threads && register(&mut calls)?;
            self.task(tid)?.mm.borrow_mut().patches.allow_beside_threads(told);
            self.patch_images(&mut calls, entry..entry + 8)?;
        }
        self.defer_held(tid, &mut calls)?;
        let stopped = calls.finish()?;
        stopped.poke(entry, original)?;
        stopped.set_registers(&registers)?;
        self.tell_regions(tid)?;
        Ok(stopped)
    }

    /// Gives a thread that is about to run for the first time its context. `shares`: it lives in its parent's memory.
    pub(super) fn give_context(&mut self, parent: u64, child: i32, shares: bool) -> Result<(), Error> {
        let Some(image) = self.image() else { return Ok(()) };
        let task = self.task(child)?;
        let mut mm = task.mm.borrow_mut();
        let Some(contexts) = mm.contexts.as_mut() else { return Ok(()) };
        let memory = Remote::new(child);
        if shares {
            let context = contexts.take();
            let address = context.unwrap_or(contexts.common());
            if let Some(context) = context {
                let regions = contexts.common() + REGIONS_AT;
                let bytes = Context::bytes(context, image.base + blob::ENTRY, image.plan, regions);
                let _ = memory.write(context, &bytes);
            }
            drop(mm);
            task.context = address;
            task.new_context = true;
        } else {
            contexts.keep_only(parent);
            drop(mm);
            task.context = parent;
            // What is mapped there is the parent's.
            for own in [RING, TURNS] {
                let _ = memory.write(parent + own, &0u64.to_le_bytes());
            }
        }
        Ok(())
    }

    /// Writes the context of a thread that stands before its first instruction to its gs base.
    pub(super) fn settle_newborn(&mut self, stopped: &Stopped) -> Result<(), Error> {
        let task = self.task(stopped.tid())?;
        if !std::mem::take(&mut task.new_context) {
            return Ok(());
        }
        let gs_base = task.context;
        stopped.set_registers(&Registers { gs_base, ..stopped.registers()? })
    }

    /// Tells the agent what lies apart from the leader's, if that has changed.
    pub(super) fn tell_regions(&mut self, tid: i32) -> Result<(), Error> {
        let task = self.task(tid)?;
        let mut mm = task.mm.borrow_mut();
        let Some(contexts) = mm.contexts else { return Ok(()) };
        let Some(regions) = mm.untold() else { return Ok(()) };
        let fits = regions.len() <= REGIONS;
        let words = regions.iter().flat_map(|region| [region.leader, region.own, region.length]);
        let bytes: Vec<u8> =
            std::iter::once(regions.len() as u64).chain(words).flat_map(u64::to_le_bytes).collect();
        drop(mm);
        if fits && Remote::new(tid).write(contexts.common() + REGIONS_AT, &bytes) == bytes.len() {
            return Ok(());
        }
        self.restore_at_once(tid, 0..u64::MAX)?;
        self.task(tid)?.mm.borrow_mut().contexts = None;
        Ok(())
    }

    /// Makes the ring of the leader's thread, if it has none yet.
    pub(super) fn make_ring(&self, set: &TaskSet) -> bool {
        let mut meeting = lock(&set.meeting);
        if meeting.ring.is_none() {
            let active = self.session.active().fold(0, |mask, variant| mask | 1 << variant);
            meeting.ring = RingMemory::new(set.id, active, &meeting.slow).ok().map(Arc::new);
            if let (Some(ring), true) = (&meeting.ring, self.turns.contains_key(&set.process)) {
                ring.take_turns();
            }
        }
        meeting.ring.is_some()
    }

    /// Maps the set's ring into this variant, at the entry of a call, which is entered again.
    pub(super) fn attach_ring(&mut self, stopped: Stopped, registers: &Registers) -> Result<Stopped, Error> {
        let tid = stopped.tid();
        let task = self.task(tid)?;
        let context = task.context;
        let set = Arc::clone(&task.set);
        let (Some(image), Some(ring)) = (self.image(), lock(&set.meeting).ring.clone()) else {
            return Ok(stopped);
        };
        let mut calls = RemoteCalls::at_entry(stopped, registers);
        let mapped = map_ring(&mut calls, image, &ring, self.variant);
        let shared = self.share_turns(&mut calls, image, set.process, context);
        let mapped = mapped?;
        shared?;
        self.defer_held(tid, &mut calls)?;
        calls.back_to_entry(registers)?;
        self.defer_held(tid, &mut calls)?;
        let stopped = calls.finish()?;
        let task = self.task(tid)?;
        task.ring = Some(Arc::clone(&ring));
        if task.opens_itself {
            ring.open_together();
        }
        if let Some(address) = mapped {
            let _ = Remote::new(tid).write(context + RING, &address.to_le_bytes());
            if self.leads() {
                ring.note_leaders(address);
            }
            ring.notices.attached.fetch_or(1 << self.variant, Ordering::SeqCst);
        }
        self.attend(tid);
        Ok(stopped)
    }

    /// What the leader has open can't be opened through `/proc` any more, from now on or soon: other rights, another root
    /// directory. So followers open files with the leader, in the monitor.
    pub(super) fn open_together(&mut self, tid: i32) {
        let Some(process) = self.tasks.get(&tid).map(|task| task.set.process) else { return };
        for task in self.tasks.values_mut().filter(|task| task.set.process == process) {
            task.opens_itself = true;
            if let Some(ring) = &task.ring {
                ring.open_together();
            }
        }
    }

    /// Leader: it has opened something, in the monitor.
    pub(super) fn note_open(&self, tid: i32) {
        if let Some(ring) = self.tasks.get(&tid).and_then(|task| task.ring.as_ref()) {
            ring.note_open();
        }
    }

    /// Follower: it maps what has been opened. The first of them counts.
    pub(super) fn note_mapping(&self, tid: i32) {
        let ring = self.tasks.get(&tid).and_then(|task| task.ring.as_ref());
        if let Some(ring) = ring.filter(|_| self.session.followers().next() == Some(self.variant)) {
            ring.note_mapping();
        }
    }

    /// Tells the leader's agent whether its next call has to stop in the monitor.
    pub(super) fn attend(&mut self, tid: i32) {
        let waited_for = self.is_waited_for(tid);
        let Some(task) = self.tasks.get(&tid) else { return };
        let Some(ring) = &task.ring else { return };
        let called = matches!(task.state, super::task::State::Held(_)) || !task.deferred.is_empty();
        let mut wanted = 0;
        if self.leads() {
            wanted = if called { CALLED } else { 0 } | if waited_for { WAITED_FOR } else { 0 };
        }
        let former = ring.notices.attention[self.variant].swap(wanted, Ordering::SeqCst);
        if wanted & !former != 0 {
            ring.announce();
        }
    }

    /// Leader: whether the thread waits in a call that its agent has made, and that followers wait for: it may do so as
    /// long as it likes. One that has been taken over may make others there.
    pub(super) fn waits_at_gate(&self, tid: i32) -> bool {
        let Some(task) = self.tasks.get(&tid) else { return false };
        let call = self.call_at_gate(tid, &task.set);
        call.is_some_and(|call| rendezvous::is_expected(self.session, &task.set, &call))
    }

    /// The call that the thread waits in at its gate (proc_pid_syscall(5): number, arguments, stack and instruction pointer).
    fn call_at_gate(&self, tid: i32, set: &TaskSet) -> Option<AtGate> {
        let text = std::fs::read_to_string(format!("/proc/{tid}/syscall")).ok()?;
        let (nr, rest) = text.split_once(' ')?;
        let nr: u64 = nr.parse().ok()?;
        let hexadecimal = |word: &str| u64::from_str_radix(word.strip_prefix("0x")?, 16).ok();
        let words: Vec<u64> = rest.split_whitespace().map_while(hexadecimal).collect();
        let [args @ .., _, rip] = words.first_chunk::<8>()?;
        // Waiting for followers is no call of the program's, nor is waking them, or letting them run (`agent::rules`).
        if self.in_agent(*rip) != Some(blob::GATE_AFTER) || rules::is_own(nr, args) {
            return None;
        }
        // The kernel has kept the arguments.
        let nr = if rules::restarts(nr) { rendezvous::awaited(set)? } else { nr };
        Some(AtGate { nr, ahead: self.inputs_ahead(tid, nr, args) })
    }

    /// The inputs of a call with which the leader may go ahead.
    fn inputs_ahead(&self, tid: i32, nr: u64, args: &[u64; 6]) -> Option<Vec<u8>> {
        let mut memory = VariantMemory::new(Remote::new(tid));
        let Lookup::Known(row) = semantics::lookup(&self.table, nr, args, &mut memory) else { return None };
        let policy = self.session.config.policy.as_deref().unwrap_or(&[]);
        if mode(policy, row.row) != Mode::Ahead {
            return None;
        }
        let mut collector = Collector::default();
        semantics::gather(&self.table, &row.args, args, &mut memory, &Identity, &mut collector);
        Some(collector.finish().bytes)
    }

    /// Leader: the thread needs its ring no more.
    pub(super) fn count_calls(&self, task: &super::task::Task) {
        if let (true, Some(ring)) = (self.leads(), &task.ring) {
            let calls = ring.posts[0].calls.load(Ordering::Relaxed);
            self.session.statistics.in_process.fetch_add(calls, Ordering::Relaxed);
        }
    }

    /// The result of the call that a pseudo call of the agent is about.
    pub(super) fn agent_result(&self, tid: i32) -> i64 {
        let context = self.tasks.get(&tid).map_or(0, |task| task.context);
        Remote::new(tid).word(context + RESULT).unwrap_or(0).cast_signed()
    }
}
