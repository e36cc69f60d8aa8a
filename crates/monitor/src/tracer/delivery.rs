//! Bringing a signal to a thread of one's own: it is sent, and delivered with the leader's details when it comes.
//!
//! ptrace delivers signals only where one is about to be delivered, so one has to be sent. SIGCONT can't be: sending
//! it takes pending stop signals back (signal(7); kernel/signal.c, prepare_signal), which the program still expects.
//! Another signal is sent in its place.

use std::sync::Arc;

use stretto_semantics::Canon;
use stretto_tracee::{
    Error, Event, Registers, Remote, RemoteCalls, Resume, SignalInfo, Stop, Stopped, kill_thread, signal_bit,
    wait_for,
};

use super::Tracer;
use super::task::{Owed, Task};
use crate::rendezvous;

/// Signals that are queued, not merged: one of them stands in for SIGCONT.
const QUEUED: std::ops::RangeInclusive<i32> = 34..=64;

/// A set of signals of a thread, by its name in proc_pid_status(5).
pub(super) fn signals_of(tid: i32, name: &str) -> Option<u64> {
    let text = std::fs::read_to_string(format!("/proc/{tid}/status")).ok()?;
    let set = text.lines().find_map(|line| line.strip_prefix(name))?;
    u64::from_str_radix(set.trim(), 16).ok()
}

/// A set of signals in a variant's memory.
pub(super) fn mask_at(tid: i32, address: u64) -> u64 {
    let mut mask = [0; 8];
    let _ = Remote::new(tid).read(address, &mut mask);
    u64::from_le_bytes(mask)
}

pub(super) fn sent_by_us(info: &SignalInfo) -> bool {
    info.code() == libc::SI_TKILL && info.sender() == std::process::id().cast_signed()
}

/// Whether a signal stops a program that has no handler for it (signal(7)).
fn stops(signal: i32) -> bool {
    matches!(signal, libc::SIGSTOP | libc::SIGTSTP | libc::SIGTTIN | libc::SIGTTOU)
}

/// Whether a SIGCONT is on its way to a thread: sending a stop signal would take it back.
fn continues(tid: i32) -> bool {
    ["SigPnd:", "ShdPnd:"]
        .iter()
        .any(|name| signals_of(tid, name).unwrap_or(0) & signal_bit(libc::SIGCONT) != 0)
}

/// A signal that has been sent to a thread.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Sent {
    number: i32,
    meant: i32,
}

impl Sent {
    /// Sends `meant`, or what stands in for it, to a thread that blocks the signals `blocked`.
    pub(super) fn send(tgid: i32, tid: i32, meant: i32, blocked: u64) -> Result<Self, Error> {
        let free = || QUEUED.rev().find(|&number| blocked & signal_bit(number) == 0);
        let number = if meant == libc::SIGCONT { free().unwrap_or(meant) } else { meant };
        kill_thread(tgid, tid, number)?;
        Ok(Self { number, meant })
    }

    /// Whether `info` is of the signal that was sent. Those that are merged may be somebody else's.
    fn is(self, info: &SignalInfo) -> bool {
        let may_be_merged = self.number == self.meant && !QUEUED.contains(&self.number);
        info.signal() == self.number && (may_be_merged || sent_by_us(info))
    }
}

/// Whether `info`, of a signal that the monitor has sent, means `meant`.
fn means(info: &SignalInfo, meant: &SignalInfo) -> bool {
    let stands_in = meant.signal() == libc::SIGCONT && QUEUED.contains(&info.signal());
    sent_by_us(info) && (stands_in || info.signal() == meant.signal())
}

/// What came to a thread that a signal has been sent to.
pub(super) enum Came {
    /// That signal is about to be delivered.
    Due(Stopped),
    /// Job control stops the thread before: with this signal.
    Halting(Stopped, i32),
}

impl Tracer<'_> {
    /// Sends a signal to a stopped thread and delivers it with the leader's details. What it does without a handler it
    /// does to the leader, and followers end with that: one that ended first would seem to have ended by itself. (The
    /// signal may have come before an exec, which takes handlers away, or while the monitor made calls of its own.)
    pub(super) fn inject(&mut self, stopped: Stopped, info: &SignalInfo) -> Result<(), Error> {
        let tid = stopped.tid();
        if !self.leads() && !has_handler(tid, info.signal()) {
            return self.go_on(stopped, 0);
        }
        let tgid = self.task(tid)?.tgid;
        let own = self.own_info(tid, info);
        let blocked = stopped.signal_mask()?;
        let sent = Sent::send(tgid, tid, info.signal(), blocked)?;
        self.can_come(tid, sent, blocked)?;
        stopped.resume(Resume::Continue, 0)?;
        match self.until_signal(tid, sent)? {
            Came::Due(stopped) => {
                stopped.set_signal_info(&own)?;
                self.go_on(stopped, info.signal())
            }
            Came::Halting(stopped, stop) => {
                self.task(tid)?.owed.push(Owed { info: own, taken: true });
                self.resume(stopped, Resume::Continue, stop)
            }
        }
    }

    /// Runs a thread until the signal that was sent is about to be delivered to it; others mean nothing (follower), or
    /// are put off or do what they do to programs without a handler (leader).
    pub(super) fn until_signal(&mut self, tid: i32, sent: Sent) -> Result<Came, Error> {
        loop {
            let (mut stopped, event) = wait_for(tid)?;
            match event {
                Event::Stopped(Stop::Signal(signal)) => {
                    let info = stopped.signal_info()?;
                    if sent.is(&info) {
                        return Ok(Came::Due(stopped));
                    }
                    let mut deliver = 0;
                    if info.is_fault() && !info.is_step() {
                        stopped = self.fault_again(stopped, &info)?;
                    } else if self.leads() && has_handler(tid, signal) {
                        self.defer(tid, info);
                    } else if self.leads() {
                        if stops(signal) {
                            return Ok(Came::Halting(stopped, signal));
                        }
                        deliver = signal;
                    }
                    stopped.resume(Resume::Continue, deliver)?;
                }
                Event::Stopped(Stop::Entry) => {
                    self.can_come(tid, sent, stopped.signal_mask()?)?;
                    undo_entry(&stopped, stopped.registers()?)?;
                    stopped.resume(Resume::Continue, 0)?;
                }
                Event::Stopped(Stop::Group(_)) => stopped.resume(Resume::Listen, 0)?,
                Event::Stopped(_) => stopped.resume(Resume::Continue, 0)?,
                ended => return Err(Error::Ended(ended)),
            }
        }
    }

    /// Reports a thread that blocks the signal that was sent: all take it, and whoever does as the others does not block it.
    fn can_come(&mut self, tid: i32, sent: Sent, blocked: u64) -> Result<(), Error> {
        if blocked & signal_bit(sent.number) == 0 {
            return Ok(());
        }
        let set = Arc::clone(&self.task(tid)?.set);
        rendezvous::too_late(self.session, &set, self.variant);
        Err(Error::Gone)
    }

    /// Sends the signal again that a call of the leader's was waiting with.
    pub(super) fn send_requeued(&mut self, stopped: &Stopped) -> Result<(), Error> {
        let task = self.task(stopped.tid())?;
        if let Some(info) = &task.requeued {
            Sent::send(task.tgid, task.tid, info.signal(), stopped.signal_mask()?)?;
        }
        Ok(())
    }

    /// Leader, behind a call that may have unblocked a deferred signal: it comes here, as one that the kernel has kept.
    /// If there is such a one, that comes.
    pub(super) fn send_due(&mut self, stopped: &Stopped) -> Result<(), Error> {
        let tid = stopped.tid();
        if self.task(tid)?.requeued.is_none()
            && !stopped.signal_waits()?
            && let Some(info) = self.due_signal(stopped, tid)?
        {
            self.task(tid)?.requeued = Some(info);
            self.send_requeued(stopped)?;
        }
        Ok(())
    }

    /// The signal that this one was sent in place of.
    pub(super) fn take_requeued(&mut self, tid: i32, info: &SignalInfo) -> Option<SignalInfo> {
        self.tasks.get_mut(&tid)?.requeued.take_if(|requeued| means(info, requeued))
    }

    /// The owed signal (see `Task::owed`) that comes with this one.
    pub(super) fn take_owed(&mut self, tid: i32, info: &SignalInfo) -> Option<Owed> {
        let owed = &mut self.tasks.get_mut(&tid)?.owed;
        let index = owed.iter().position(|owed| means(info, &owed.info))?;
        Some(owed.remove(index))
    }

    /// Signals that came while the monitor made calls of its own are the leader's like any other.
    pub(super) fn defer_held(&mut self, tid: i32, calls: &mut RemoteCalls) -> Result<(), Error> {
        let held = std::mem::take(&mut calls.held);
        if !self.leads() {
            return Ok(());
        }
        for (index, info) in held.iter().enumerate() {
            let continued = || held[index..].iter().any(|later| later.signal() == libc::SIGCONT);
            if has_handler(tid, info.signal()) {
                self.defer(tid, *info);
            } else if !(stops(info.signal()) && (continued() || continues(tid))) {
                self.owe(tid, *info)?;
            }
        }
        Ok(())
    }

    /// Whether a signal that the followers have taken is still to come, before this one.
    pub(super) fn owes_handler(&mut self, tid: i32, signal: i32) -> Result<bool, Error> {
        let owed = &mut self.task(tid)?.owed;
        if signal == libc::SIGCONT {
            // It has taken pending stop signals back.
            owed.retain(|owed| !stops(owed.info.signal()));
        }
        Ok(owed.iter().any(|owed| has_handler(tid, owed.info.signal())))
    }

    /// A signal without a handler, which was kept back, comes again.
    fn owe(&mut self, tid: i32, info: SignalInfo) -> Result<(), Error> {
        // Its effect was there when it was sent.
        if info.signal() == libc::SIGCONT {
            return Ok(());
        }
        let task = self.task(tid)?;
        task.owed.push(Owed { info, taken: false });
        kill_thread(task.tgid, tid, info.signal())
    }

    /// Whether this signal only reminds of a deferred one (see [`Self::on_tick`]). One that comes late, when another
    /// has been delivered meanwhile, does not.
    pub(super) fn is_reminder(&self, tid: i32, info: &SignalInfo) -> bool {
        let reminds = |task: &Task| task.deferred.iter().any(|deferred| means(info, deferred));
        self.tasks.get(&tid).is_some_and(|task| task.quiet.is_some() && reminds(task))
    }

    /// The leader's details of a signal, with this variant's address where the program passed one along.
    pub(super) fn own_info(&self, tid: i32, info: &SignalInfo) -> SignalInfo {
        match (info.carried(), self.tasks.get(&tid)) {
            (Some(value), Some(task)) if !self.leads() => info.carrying(task.mm.borrow().to_own(value)),
            _ => *info,
        }
    }
}

/// Makes a thread at an entry stop return to its `syscall` instruction instead of making the call.
pub(super) fn undo_entry(stopped: &Stopped, mut registers: Registers) -> Result<(), Error> {
    registers.rax = registers.orig_rax;
    registers.orig_rax = u64::MAX;
    registers.rip -= 2;
    stopped.set_registers(&registers)
}

/// Whether the program has a handler for a signal, as the kernel knows it.
pub(super) fn has_handler(tid: i32, signal: i32) -> bool {
    signals_of(tid, "SigCgt:").is_some_and(|mask| mask & signal_bit(signal) != 0)
}
