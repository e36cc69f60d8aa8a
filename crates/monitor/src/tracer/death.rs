//! Tasks end: by themselves, with their process, with the leader's, or with their variant.

use std::sync::atomic::Ordering;

use stretto_tracee::{Error, Resume, kill_thread};

use super::Tracer;
use super::task::{State, Task};
use crate::lock;
use crate::mailbox::Decision;
use crate::rendezvous;
use crate::session::Ending;

impl Tracer<'_> {
    /// Kills the whole process of this task: the leader's is gone.
    pub(super) fn kill(&mut self, tid: i32) -> Result<(), Error> {
        let tgid = self.task(tid)?.tgid;
        for other in self.tasks.values_mut().filter(|other| other.tgid == tgid) {
            other.state = State::Ending;
            // A thread that is on its way out takes no signal for the others (kernel/signal.c, complete_signal).
            let _ = kill_thread(tgid, other.tid, libc::SIGKILL);
        }
        Ok(())
    }

    /// Kills all of this variant, also what is still to come.
    pub(super) fn drop_everything(&mut self) {
        self.dropped = true;
        for (tid, task) in &mut self.tasks {
            task.state = State::Ending;
            let _ = kill_thread(task.tgid, *tid, libc::SIGKILL);
        }
        for (tid, stopped) in self.strangers.drain() {
            let _ = kill_thread(tid, tid, libc::SIGKILL);
            let _ = stopped.resume(Resume::Continue, libc::SIGKILL);
        }
    }

    /// A task has ended.
    pub(super) fn on_death(&mut self, tid: i32, ending: Ending) {
        self.strangers.remove(&tid);
        let Some(task) = self.tasks.remove(&tid) else {
            return;
        };
        self.by_set.remove(&task.set.id);
        self.count_calls(&task);
        if let Some(contexts) = task.mm.borrow_mut().contexts.as_mut() {
            contexts.give(task.context);
        }
        let process = task.set.process;
        if self.tasks.values().any(|other| other.set.process == process) {
            let outcome = self.end_turn(process, tid);
            self.settle(tid, outcome);
        } else {
            self.end_turns(process);
        }
        let last = task.set.set_dead(self.variant);
        let expected = matches!(task.state, State::Ending) || self.dropped;
        if self.leads() {
            self.on_leader_death(&task, ending, expected);
        } else if let (false, Ending::Signalled(signal)) = (expected, ending) {
            let process_ends = self
                .tasks
                .values()
                .any(|other| other.tgid == task.tgid && matches!(other.state, State::Ending));
            if !process_ends && !task.set.leader_gone.load(Ordering::Acquire) {
                rendezvous::unexpected_death(self.session, &task.set, self.variant, signal);
            }
        }
        if last {
            self.session.remove_set(&task.set);
        }
    }

    fn on_leader_death(&self, task: &Task, ending: Ending, expected: bool) {
        task.set.leader_gone.store(true, Ordering::Release);
        if task.set.id == 1 {
            lock(&self.session.ending).get_or_insert(ending);
        }
        if self.session.events.logged() {
            let (status, signal) = match ending {
                Ending::Exited(status) => (Some(status), None),
                Ending::Signalled(signal) => (None, Some(signal)),
            };
            self.session.events.event(
                "exit",
                serde_json::json!({"task": task.set.id, "pid": task.tid, "status": status, "signal": signal}),
            );
        }
        // A leader that was held had told nobody how its last call ended; the followers end with it. A process that is
        // killed ends with its first thread's report, also if that thread had ended long before; other threads also end when
        // one of them calls exec.
        let killed = matches!(ending, Ending::Signalled(_));
        // Followers that job control has stopped with it would look at nothing.
        let outlived = !expected && !task.halted;
        if (killed || !expected) && task.tid == task.tgid {
            let decision = if outlived { Decision::Outlive } else { Decision::Kill };
            self.session.post_followers(&task.set, &decision);
        }
        if task.set.id == 1 && !self.session.config.wait_for_orphans {
            let outlived = outlived && task.tid == task.tgid;
            let ends_now = |variant: &usize| *variant == 0 || !outlived;
            for variant in (0..self.session.config.variants).filter(ends_now) {
                self.session.mailboxes[variant].post(0, Decision::Drop);
            }
        }
    }
}
