//! What the monitor approves (`crate::approval`), where that takes a tracer.

use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::sync::mpsc::Sender;

use stretto_abi::context::{CANCELLED, NOT_YET};
use stretto_tracee::{Error, Registers, Remote, Resume, Sleeper, Stopped, arguments};

use super::Tracer;
use super::task::State;
use crate::approval::{self, Agreement, AtGate, Questions};
use crate::notify_unsafe::{Answer, Asked, Notifications};
use crate::taskset::number;

/// Where a leader that has not started yet tells the descriptor at which its filter asks, and who is to answer there.
#[derive(Debug)]
pub struct Answering {
    /// Address of the descriptor's number.
    pub asking: u64,
    pub questions: Sender<Questions>,
}

/// Where the kernel asks, and who answers there until this is dropped.
#[derive(Debug)]
pub(super) struct Asking {
    notifications: Arc<Notifications>,
    answerer: Arc<Sleeper>,
}

impl Drop for Asking {
    fn drop(&mut self) {
        self.answerer.wake();
    }
}

impl Tracer<'_> {
    /// Leader: its filter is there, its exec is still to come.
    pub(super) fn begin_answering(&mut self, tid: i32) {
        let Some(Answering { asking, questions }) = self.answering.take() else { return };
        let mut number = [0; 4];
        let read = Remote::new(tid).read(asking, &mut number) == number.len();
        let Some(descriptor) = Some(i32::from_le_bytes(number)).filter(|fd| read && *fd >= 0) else { return };
        match Notifications::of(tid, descriptor) {
            Ok(notifications) => {
                let (notifications, answerer) = (Arc::new(notifications), Arc::new(Sleeper::default()));
                let _ = questions.send((Arc::clone(&notifications), Arc::clone(&answerer)));
                self.asking = Some(Asking { notifications, answerer });
            }
            Err(error) => self.session.fail(format!("calls that are to be approved can't be seen: {error}")),
        }
    }

    /// The kernel asks, for a thread of a process with several.
    pub(super) fn answer(&self, asked: &Asked) {
        let call = AtGate { tid: asked.tid, nr: asked.nr, args: &asked.args };
        if let Some(asking) = &self.asking {
            asking.notifications.answer(asked, self.answer_to(&call));
        }
    }

    /// A thread has stopped at the gate, since the kernel does not ask here. Given back: its call is
    /// as any other. Else it has been dealt with.
    pub(super) fn at_gate(
        &mut self,
        stopped: Stopped,
        registers: &Registers,
    ) -> Result<Option<Stopped>, Error> {
        if !self.leads() || !self.is_at_gate(registers) {
            return Ok(Some(stopped));
        }
        let call = AtGate { tid: stopped.tid(), nr: number(registers), args: &arguments(registers) };
        match self.answer_to(&call) {
            Answer::Passes => {
                self.session.statistics.approved_stops.fetch_add(1, Ordering::Relaxed);
            }
            Answer::NotNow => give_back(&stopped, registers, CANCELLED)?,
            Answer::NotYet => give_back(&stopped, registers, NOT_YET)?,
            Answer::Elsewhere => return Ok(Some(stopped)),
        }
        self.resume(stopped, Resume::Continue, 0)?;
        Ok(None)
    }

    /// Not now if another thread has got the turn by now, which may change what has been looked at.
    fn answer_to(&self, call: &AtGate<'_>) -> Answer {
        let Some(task) = self.tasks.get(&call.tid) else { return Answer::Elsewhere };
        let (State::Running, Some(ring)) = (&task.state, &task.ring) else { return Answer::Elsewhere };
        let agreement = approval::agreement(self.session, &self.table, ring, call);
        let given = matches!(agreement, Agreement::Given { .. });
        if given && self.takes_turns(call.tid) && !self.has_turn(call.tid) {
            return Answer::NotNow;
        }
        approval::answer_to(self.session, ring, agreement)
    }
}

/// The gate gives this, and the call is not made.
fn give_back(stopped: &Stopped, registers: &Registers, result: i64) -> Result<(), Error> {
    stopped.set_registers(&Registers { rax: result.cast_unsigned(), orig_rax: u64::MAX, ..*registers })
}
