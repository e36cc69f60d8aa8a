//! Calls that the leader alone makes, and only the monitor may let pass: files, names, connections.
//!
//! Nobody but the leader stops here. It comes from its agent, when the followers have agreed in the ring, and the filter
//! stops it at the gate. A leader that has been taken over can come with anything, and change the record that the
//! others have agreed to. So each follower leaves a digest of its own inputs where only it can write; the key is known to
//! followers and the monitor, which compares with what the leader is about to give the kernel.

use std::sync::atomic::Ordering;

use stretto_abi::policy::{Mode, mode};
use stretto_abi::table::{CallRow, Mechanism, Who};
use stretto_semantics::{self as semantics, Identity, Lookup};
use stretto_tracee::{Error, Registers, Remote, Resume, Stopped, arguments};

use super::Tracer;
use super::task::State;
use crate::agent::blob;
use crate::memory::Watched;
use crate::taskset::number;

/// What the monitor says to a call at its entry.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Approval {
    /// Nothing: it is no such call, or not all have agreed. It is treated as one from anywhere else.
    None,
    /// For the record of this number; `opens`: followers hold a placeholder for what the call opens.
    Given { record: u32, opens: bool },
    /// Not at the gate: the thread is sent back, and then brings the call here as from anywhere else. Either it was given
    /// for this record already (the kernel has restarted the call behind a stop without a signal, or somebody tries
    /// again), or another thread has got the turn by now and may change what has been looked at.
    NotHere,
}

impl Tracer<'_> {
    /// What a thread may do that stands at the entry of a call.
    pub(super) fn approval(&self, tid: i32, registers: &Registers) -> Approval {
        let at_gate = self.leads() && self.is_at_gate(registers);
        let Some(task) = self.tasks.get(&tid).filter(|_| at_gate) else { return Approval::None };
        let (State::Running, Some(ring), Some(agents)) = (&task.state, &task.ring, &self.session.agents)
        else {
            return Approval::None;
        };
        let args = arguments(registers);
        let mut memory = Watched::new(Remote::new(tid));
        let row = match semantics::lookup(&self.table, number(registers), &args, &mut memory) {
            Lookup::Known(row) if self.is_approvable(&row) => row,
            _ => return Approval::None,
        };
        let cursor = ring.cursor(0);
        let key = (agents.key, cursor.number);
        let digest = semantics::digest(&self.table, (row.row, &row.args), &args, &mut memory, &Identity, key);
        // Whoever is done with a record has seen it taken back, and comes with the call another time.
        let has_agreed = |follower: usize| {
            let post = &ring.posts[follower];
            ring.has_agreed(cursor, follower)
                && post.done.load(Ordering::Relaxed) == cursor.number
                && post.digest.load(Ordering::Relaxed) == digest
        };
        // Processes of the leader share some of what lies with its agents.
        if memory.agents || !self.session.followers().all(has_agreed) {
            Approval::None
        } else if task.approved == Some(cursor.number) || self.takes_turns(tid) && !self.has_turn(tid) {
            Approval::NotHere
        } else {
            Approval::Given { record: cursor.number, opens: row.mechanism == Mechanism::Open }
        }
    }

    fn is_approvable(&self, row: &CallRow) -> bool {
        let policy = self.session.config.policy.as_deref().unwrap_or(&[]);
        row.who == Who::Leader && mode(policy, row.row) == Mode::Approved
    }

    /// Lets the call at the gate pass, or sends its thread back.
    pub(super) fn at_gate(
        &mut self,
        stopped: Stopped,
        registers: Registers,
        approval: Approval,
    ) -> Result<(), Error> {
        if let Approval::Given { record, opens } = approval {
            let task = self.task(stopped.tid())?;
            task.approved = Some(record);
            if let (true, Some(ring)) = (opens, &task.ring) {
                ring.note_open();
            }
            self.session.statistics.approved.fetch_add(1, Ordering::Relaxed);
        } else {
            let rip = self.image().map_or(0, |image| image.base) + blob::GATE_CANCEL;
            stopped.set_registers(&Registers { rip, orig_rax: u64::MAX, ..registers })?;
        }
        self.resume(stopped, Resume::Continue, 0)
    }
}
