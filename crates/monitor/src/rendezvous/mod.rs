//! Where variants meet: who comes last compares and decides.

mod ahead;
mod alone;
mod at_gate;
mod late;

use std::sync::Arc;
use std::sync::atomic::Ordering;

use stretto_abi::table::{CallRow, Mechanism, ResultKind, Who};
use stretto_semantics::failed;

use ahead::{astray, behind, unread};
pub use ahead::{caught_up, check_ring, go_past, left, missed, send_on, waits_here};
pub use alone::{left_call, other_result, refused, strayed, too_late, unexpected_death};
pub use at_gate::{AtGate, awaited, is_expected};
pub use late::{check_lag, forgive_lag, leader_is_missing};

use crate::agent::territory;
use crate::divergence::{self, Kind};
use crate::lag::Lag;
use crate::lock;
use crate::mailbox::Decision;
use crate::session::Session;
use crate::taskset::{Arrival, CallArrival, Meaning, Meeting, TaskSet};

/// Notes that a thread has arrived; decides if it was the last.
pub fn arrive(session: &Session, set: &Arc<TaskSet>, variant: usize, arrival: Arc<Arrival>) {
    let mut meeting = lock(&set.meeting);
    meeting.arrivals[variant] = Some(arrival);
    meeting.lag.get_or_insert_with(Lag::begin);
    count(set, &mut meeting, variant, 1);
    let ahead = meeting.ring.as_deref().is_some_and(|ring| variant != 0 && unread(ring, variant).is_some());
    if ahead {
        // The leader may wait in a later call for what another of its threads does, and that for this one.
        return session.post(variant, set, Decision::CatchUp);
    }
    conclude(session, set, &mut meeting);
}

/// Takes an arrival back: the variant goes on as if it had not come.
pub fn leave(set: &TaskSet, variant: usize) -> Option<Arc<Arrival>> {
    let mut meeting = lock(&set.meeting);
    let arrival = meeting.arrivals[variant].take()?;
    count(set, &mut meeting, variant, u32::MAX);
    if meeting.arrivals.iter().all(Option::is_none) {
        meeting.lag = None;
    }
    Some(arrival)
}

/// Counts arrivals, for the agents to see.
fn count(set: &TaskSet, meeting: &mut Meeting, variant: usize, by: u32) {
    meeting.slow[variant] = meeting.slow[variant].wrapping_add(by);
    lock(&set.history[variant]).epoch = meeting.slow[variant];
    if let Some(ring) = &meeting.ring {
        ring.notices.slow[variant].store(meeting.slow[variant], Ordering::SeqCst);
        ring.announce();
    }
}

/// Notes the result of a call that every variant carries out; decides if it was the last.
pub fn finish(session: &Session, set: &Arc<TaskSet>, variant: usize, result: u64) {
    let mut meeting = lock(&set.meeting);
    meeting.results[variant] = Some(result);
    meeting.lag.get_or_insert_with(Lag::begin);
    conclude_results(session, set, &mut meeting);
}

/// Looks again whether all who still take part have arrived.
pub fn recheck(session: &Session, set: &Arc<TaskSet>) {
    let mut meeting = lock(&set.meeting);
    if let Some(ring) = &meeting.ring {
        let active = session.active().fold(0, |mask, variant| mask | 1 << variant);
        ring.notices.active.store(active, Ordering::SeqCst);
        ring.announce();
    }
    conclude(session, set, &mut meeting);
    conclude_results(session, set, &mut meeting);
}

fn conclude(session: &Session, set: &Arc<TaskSet>, meeting: &mut Meeting) {
    loop {
        if session.active().any(|variant| meeting.arrivals[variant].is_none()) {
            return;
        }
        if let Some(variant) = behind(session, meeting) {
            return session.post(variant, set, Decision::CatchUp);
        }
        let astray = astray(session, meeting);
        if !astray.is_empty() {
            if !react(session, set, meeting, Kind::Ring, astray) {
                return;
            }
            continue;
        }
        let Some(leader) = &meeting.arrivals[0] else { return };
        let odd: Vec<usize> = session
            .followers()
            .filter(|&variant| !meeting.arrivals[variant].as_ref().is_some_and(|other| agree(leader, other)))
            .collect();
        if odd.is_empty() {
            let arrivals = std::mem::take(&mut meeting.arrivals);
            meeting.lag = None;
            if let Some(leader) = &arrivals[0] {
                decide(session, set, meeting, leader);
            }
            return;
        }
        let kind = divergence::kind_of(leader, &meeting.arrivals, &odd);
        if !react(session, set, meeting, kind, odd) {
            return;
        }
    }
}

/// Whether a follower has come to the same as the leader.
fn agree(leader: &Arrival, other: &Arrival) -> bool {
    match (leader, other) {
        (Arrival::Call(leader), Arrival::Call(other)) => {
            leader.nr() == other.nr()
                && same_meaning(leader, other)
                && stretto_semantics::first_difference(&leader.inputs.bytes, &other.inputs.bytes).is_none()
        }
        (Arrival::Fault { info: leader, .. }, Arrival::Fault { info: other, .. }) => {
            leader.signal() == other.signal() && leader.code() == other.code()
        }
        (Arrival::Timestamp { length: leader, .. }, Arrival::Timestamp { length: other, .. }) => {
            leader == other
        }
        (Arrival::Point { .. }, Arrival::Point { .. }) => true,
        _ => false,
    }
}

fn same_meaning(leader: &CallArrival, other: &CallArrival) -> bool {
    match (&leader.meaning, &other.meaning) {
        (Meaning::Known(leader), Meaning::Known(other)) => leader.row == other.row,
        (Meaning::UnknownNumber, Meaning::UnknownNumber) => true,
        (Meaning::UnknownCommand(leader, left), Meaning::UnknownCommand(other, right)) => {
            leader.row == other.row && left == right
        }
        _ => false,
    }
}

/// Reports, and drops the odd variants if the policy allows to go on. False: the run ends.
fn react(session: &Session, set: &Arc<TaskSet>, meeting: &Meeting, kind: Kind, odd: Vec<usize>) -> bool {
    use crate::config::Reaction;
    divergence::report(session, set, meeting, kind, &odd);
    let followers_only = !odd.contains(&0);
    let minority = odd.len() * 2 < session.active().count();
    let go_on = match session.config.reaction {
        Reaction::Kill => false,
        Reaction::Audit => followers_only,
        Reaction::Vote => followers_only && minority,
    };
    if go_on {
        for variant in odd {
            session.drop_variant(variant);
        }
    } else {
        session.kill_all();
    }
    go_on
}

/// Everybody has come to the same: what happens now.
fn decide(session: &Session, set: &Arc<TaskSet>, meeting: &mut Meeting, leader: &Arrival) {
    let call = match leader {
        Arrival::Call(call) => call,
        Arrival::Fault { .. } => return session.post_all(set, &Decision::Fault),
        Arrival::Timestamp { deliver, .. } => {
            let read = || Decision::Timestamp(crate::clock_unsafe::timestamp());
            let decision = deliver.clone().map_or_else(read, Decision::SignalAtEntry);
            return session.post_all(set, &decision);
        }
        Arrival::Point { deliver, .. } => {
            let decision = deliver.clone().map_or(Decision::Proceed, Decision::SignalAtEntry);
            return session.post_all(set, &decision);
        }
    };
    if let Some(info) = &call.deliver {
        return session.post_all(set, &Decision::SignalAtEntry(info.clone()));
    }
    let row = match &call.meaning {
        Meaning::Known(row) => row,
        unknown => {
            let errno = crate::warnings::unknown(session, set, call, unknown);
            return session.post_all(set, &Decision::Refuse(errno));
        }
    };
    if call.inputs.excessive {
        return session.post_all(set, &Decision::Refuse(libc::E2BIG));
    }
    let table = session.table().filter(|_| session.agents.is_some());
    if table.is_some_and(|table| territory::touches(&table, row, &call.args())) {
        return session.post_all(set, &Decision::Refuse(libc::ENOMEM));
    }
    if session.agents.is_some() && territory::gives(&call.inputs) {
        return session.post_all(set, &Decision::Refuse(libc::EFAULT));
    }
    if session.agents.is_some() && call.makes_listener() {
        return session.post_all(set, &Decision::Refuse(libc::EBUSY));
    }
    match (row.who, row.mechanism) {
        (Who::Refused, _) => {
            crate::warnings::refused(session, call, row);
            session.post_all(set, &Decision::Refuse(i32::try_from(row.errno).unwrap_or(libc::ENOSYS)));
        }
        (_, Mechanism::Swallow | Mechanism::SetDumpable | Mechanism::GetDumpable) => {
            session.post_all(set, &Decision::Swallow)
        }
        (Who::Leader, Mechanism::Open) | (_, Mechanism::Brk) => {
            session.post_followers(set, &Decision::Alongside);
            session.post(0, set, Decision::Execute);
        }
        // The leader's address decides where followers map; its signal decides when they wake.
        (_, Mechanism::Mmap | Mechanism::Mremap | Mechanism::SigSuspend | Mechanism::Restart)
        | (Who::Leader, _) => session.post(0, set, Decision::Execute),
        (Who::Each | Who::Local, _) => {
            meeting.each = Some(*row);
            meeting.results = Default::default();
            session.post_all(set, &Decision::ExecuteEach);
        }
    }
}

fn conclude_results(session: &Session, set: &Arc<TaskSet>, meeting: &mut Meeting) {
    let Some(row) = meeting.each else { return };
    loop {
        let results: Vec<(usize, u64)> = session
            .active()
            .map_while(|variant| meeting.results[variant].map(|result| (variant, result)))
            .collect();
        if results.is_empty() || results.len() != session.active().count() {
            return;
        }
        let leader = results[0].1;

        let odd: Vec<usize> = results
            .iter()
            .filter(|(_, result)| !agreed(&row, leader, *result))
            .map(|(variant, _)| *variant)
            .collect();
        if odd.is_empty() {
            meeting.each = None;
            meeting.lag = None;
            session.post(0, set, Decision::Agreed(leader, None));
            return;
        }
        let shown: Vec<u64> = results.iter().map(|(_, result)| *result).collect();
        if !react(session, set, meeting, Kind::Result(row, shown), odd) {
            return;
        }
    }
}

/// Task ids are each variant's own; failure is not.
fn agreed(row: &CallRow, leader: u64, other: u64) -> bool {
    match row.result {
        ResultKind::Pid => failed(leader.cast_signed()) == failed(other.cast_signed()),
        _ => leader == other,
    }
}
