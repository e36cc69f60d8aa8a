//! Variants that do not come.

use std::sync::Arc;

use super::{conclude, conclude_results, react};
use crate::divergence::Kind;
use crate::lag::Lag;
use crate::lock;
use crate::procfs::other_own_threads;
use crate::session::Session;
use crate::taskset::{Meeting, TaskSet};

/// Reports a set whose first arrival has waited longer than allowed.
pub fn check_lag(session: &Session, set: &Arc<TaskSet>) {
    if lock(&set.meeting).lag.as_ref().is_some_and(Lag::is_unwatched) {
        watch(session, set);
    }
    let mut meeting = lock(&set.meeting);
    let odd = missing(session, &meeting);
    let Some(lag) = &mut meeting.lag else { return };
    let limit = session.config.timeout;
    if !lag.exceeds(limit) {
        if lag.lacks_a_cpu(limit) {
            crate::warnings::no_cpu(session, &odd);
        }
        return;
    }
    meeting.lag = None;
    if !odd.is_empty() {
        react(session, set, &meeting, Kind::Timeout, odd);
        conclude(session, set, &mut meeting);
        conclude_results(session, set, &mut meeting);
    }
}

/// The variants that the others wait for.
fn missing(session: &Session, meeting: &Meeting) -> Vec<usize> {
    session.active().filter(|&variant| !meeting.has_come(variant)).collect()
}

/// Notes on whom the wait depends: the missing variants' processes, where another thread may have the turn, and those
/// who trace them.
fn watch(session: &Session, set: &TaskSet) {
    let missing = missing(session, &lock(&set.meeting));
    let mut threads = other_own_threads();
    for other in session.all_sets().iter().filter(|other| other.process == set.process) {
        threads.extend(missing.iter().map(|&variant| other.tid(variant)));
    }
    if let Some(lag) = &mut lock(&set.meeting).lag {
        lag.watch(threads);
    }
}

/// Whether somebody waits for the leader.
pub fn leader_is_missing(set: &TaskSet) -> bool {
    let meeting = lock(&set.meeting);
    meeting.lag.is_some() && !meeting.has_come(0)
}

/// Begins to count anew how long the first arrival waits.
pub fn forgive_lag(set: &TaskSet) {
    let mut meeting = lock(&set.meeting);
    if meeting.lag.is_some() {
        meeting.lag = Some(Lag::begin());
    }
}
