//! Where every thread of a variant is, and how Stretto's own fare, for people who wonder why nothing goes on.

use std::fmt::Write as _;
use std::io::Write as _;

use super::Tracer;
use crate::mailbox::Decision;
use crate::procfs::{name_of_own, other_own_threads, scheduled};

/// Calls shown of each thread.
const LAST: usize = 8;

/// Writes one line for each other thread of Stretto's own to standard error: a tracer that gets no CPU says nothing of
/// its variant.
pub fn dump_monitor() {
    let mut text = String::new();
    for tid in other_own_threads() {
        if let Some(fared) = scheduled(tid) {
            let _ = writeln!(text, "stretto: its own thread {tid} ({}): {fared}", name_of_own(tid));
        }
    }
    let _ = std::io::stderr().write_all(text.as_bytes());
}

impl Tracer<'_> {
    /// Writes one line a thread to standard error, all at once.
    pub(super) fn dump(&self) {
        let mut text = String::new();
        let mut tasks: Vec<_> = self.tasks.values().collect();
        tasks.sort_by_key(|task| task.set.id);
        for task in tasks {
            let call = task.call().map_or_else(
                || "no call".to_owned(),
                |call| {
                    let row = self.table.by_number(call.nr());
                    row.map_or_else(|| call.nr().to_string(), |row| self.table.string(row.name).to_owned())
                },
            );
            let at = if task.stopped.is_some() { "stopped" } else { "on its way" };
            let mut state = format!("{:?}", task.state);
            state.truncate(state.find(['(', '{', ' ']).unwrap_or(state.len()));
            let outlives = self
                .postponed
                .iter()
                .any(|message| message.set == task.set.id && matches!(message.decision, Decision::Outlive));
            let outlives = if outlives { ", looks at what its leader has left" } else { "" };
            let fared = scheduled(task.tid).map_or_else(|| "gone".to_owned(), |fared| fared.to_string());
            let meeting = crate::lock(&task.set.meeting);
            let came: Vec<usize> = (0..self.session.config.variants)
                .filter(|&variant| meeting.arrivals[variant].is_some())
                .collect();
            let _ = writeln!(
                text,
                "stretto: variant {} set {} process {} thread {}: {state}, {at}, last call {call}, {} signals put off, \
                 arrived {came:?}, collecting results {}{outlives}; {fared}",
                self.variant,
                task.set.id,
                task.set.process,
                task.tid,
                task.deferred.len(),
                meeting.each.is_some(),
            );
        }
        for task in self.tasks.values() {
            for entry in task.set.history_of(self.variant).iter().rev().take(LAST).rev() {
                let _ = writeln!(
                    text,
                    "stretto: variant {} set {}: {} {:x?} = {:?}",
                    self.variant,
                    task.set.id,
                    self.table.by_number(entry.nr).map_or("?", |row| self.table.string(row.name)),
                    entry.args,
                    entry.result
                );
            }
        }
        for (process, turns) in &self.turns {
            let _ = writeln!(text, "stretto: variant {} process {process}: {turns}", self.variant);
        }
        let _ = std::io::stderr().write_all(text.as_bytes());
    }
}
