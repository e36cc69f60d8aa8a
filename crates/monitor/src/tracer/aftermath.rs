//! What is left of a leader that a signal has ended, at no rendezvous.
//!
//! Followers end with it, but not before they have looked at what it has recorded: it may have gone ahead with something
//! that they would not have done. A signal that a call at the gate raises ends a leader only when all have come to that call.

use std::sync::Arc;

use stretto_abi::ring::Phase;
use stretto_abi::table::NONE;
use stretto_semantics as semantics;
use stretto_tracee::{Error, Registers, Remote, Resume, SignalInfo, Stopped, arguments, result};

use super::Tracer;
use super::task::State;
use super::turn_queue::Turns;
use crate::agent::record::Record;
use crate::memory::VariantMemory;
use crate::rendezvous;

/// The set of the program's first thread.
const FIRST: u32 = 1;

impl Tracer<'_> {
    /// Leader, stopped by a signal for which it has no handler: whether a call that was made at the gate has raised it.
    /// Nothing was written then, or a part that nobody will read, so it can be made again where all variants meet.
    pub(super) fn raised_at_gate(&self, tid: i32, info: &SignalInfo, registers: &Registers) -> bool {
        let Some(task) = self.tasks.get(&tid) else { return false };
        let own = task.tgid == info.sender();
        // A call that stops in the monitor is none of the agent's, wherever its instruction stands.
        let at_gate = matches!(task.state, State::Running)
            && self.is_at_gate(registers)
            && registers.orig_rax.cast_signed() >= 0;
        let given = result(registers);
        at_gate
            && match info.signal() {
                libc::SIGPIPE => {
                    given == -i64::from(libc::EPIPE) || own && given > 0 && !self.is_whole(tid, registers)
                }
                libc::SIGXFSZ => given == -i64::from(libc::EFBIG),
                _ => false,
            }
    }

    /// Whether a call has given as much as it can give, as far as its description tells.
    fn is_whole(&self, tid: i32, registers: &Registers) -> bool {
        let most = self.table.by_number(registers.orig_rax).map_or(NONE, |row| row.most);
        let mut memory = VariantMemory::new(Remote::new(tid));
        let all = semantics::evaluate(&self.table, most, &arguments(registers), &mut memory);
        most != NONE && result(registers).cast_unsigned() == all
    }

    /// Leader, stopped by such a signal: its agent brings it to the monitor with the call, which raises the signal there.
    pub(super) fn make_again(&mut self, stopped: Stopped, registers: Registers) -> Result<(), Error> {
        self.cancel_at_gate(&stopped, registers)?;
        self.resume(stopped, Resume::Continue, 0)
    }

    /// Follower: ends the process of a set's thread, or all if the program is over, when its threads have looked at what
    /// the leader's have left.
    pub(super) fn outlive(&mut self, set: u32) -> Result<(), Error> {
        let process = self.by_set.get(&set).and_then(|tid| self.tasks.get(tid)).map(|task| task.tgid);
        let is_its = |tgid: i32| Some(tgid) == process;
        let threads: Vec<i32> =
            self.tasks.values().filter(|task| is_its(task.tgid)).map(|task| task.tid).collect();
        for tid in threads {
            if !self.has_looked_at_all(tid)? {
                self.check_delay(tid)?;
                self.postpone(set, crate::mailbox::Decision::Outlive);
                return Ok(());
            }
        }
        if set == FIRST && !self.session.config.wait_for_orphans {
            self.drop_everything();
        } else if let Some(tid) = process {
            self.kill(tid)?;
        }
        Ok(())
    }

    /// Follower: whether a thread has nothing more to look at, or never will. What waits in the monitor is compared there.
    fn has_looked_at_all(&mut self, tid: i32) -> Result<bool, Error> {
        let variant = self.variant;
        let task = self.tasks.get(&tid).ok_or(Error::Gone)?;
        let set = Arc::clone(&task.set);
        // Nobody is late any more.
        rendezvous::forgive_lag(&set);
        let Some(ring) = task.ring.clone() else { return Ok(true) };
        let waits_here = matches!(task.state, State::Arrived) && rendezvous::waits_here(&set, variant);
        let has_turn =
            !self.turns.get(&set.process).is_some_and(|turns| Turns::standing(turns).any(|own| own == tid));
        // Who is still to have turns that the leader's thread has had comes to what that has left.
        let stands = !has_turn && self.turns_to_come(tid) == 0 || !waits_here && task.stopped.is_some();
        let Some((cursor, head)) = rendezvous::left(&ring, variant) else {
            // A cursor that is just being written is none.
            let number = ring.cursor(variant).number;
            let rests = stands || waits_here || ring.posts[variant].is_asleep();
            return Ok(rests || number == ring.cursor(0).number);
        };
        if stands {
            return Ok(true);
        }
        if !waits_here {
            // The leader may have ended before it could wake who sleeps.
            ring.announce();
            return Ok(false);
        }
        if head.phase == Phase::Done {
            let outcome = self.catch_up(tid);
            self.settle(tid, outcome);
            return Ok(false);
        }
        let record = Record::copy(&ring, cursor, head);
        let call = self.task(tid)?.call();
        if !call.is_some_and(|call| call.nr() == u64::from(head.nr) && call.inputs.bytes == record.inputs) {
            self.strayed(tid, &record)?;
        }
        Ok(true)
    }
}
