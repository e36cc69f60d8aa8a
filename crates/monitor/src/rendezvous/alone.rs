//! Divergences that show while not all have come: in what one variant does, or has had done to it.

use std::sync::Arc;

use stretto_abi::table::CallRow;
use stretto_semantics::ApplyError;

use super::{conclude, conclude_results, react};
use crate::divergence::{self, Kind};
use crate::lock;
use crate::session::Session;
use crate::taskset::{Arrival, Meeting, TaskSet};

/// With what a variant has come, if it has.
type Came = (usize, Option<Arc<Arrival>>);

/// Reports that `odd` is not as the others are. `came` is shown of variants that may have come to something else meanwhile.
/// If the others go on they meet without it.
fn report(
    session: &Session,
    set: &Arc<TaskSet>,
    odd: usize,
    came: impl IntoIterator<Item = Came>,
    kind: impl FnOnce(&Meeting) -> Kind,
) {
    let mut meeting = lock(&set.meeting);
    let mut now = meeting.arrivals.clone();
    for (variant, arrival) in came {
        meeting.arrivals[variant] = arrival;
    }
    let kind = kind(&meeting);
    let goes_on = react(session, set, &meeting, kind, vec![odd]);
    now[odd] = None;
    meeting.arrivals = now;
    if goes_on {
        conclude(session, set, &mut meeting);
        conclude_results(session, set, &mut meeting);
    }
}

/// The death of a follower that nobody asked for.
pub fn unexpected_death(session: &Session, set: &Arc<TaskSet>, variant: usize, signal: i32) {
    if !session.has_done_with(variant) {
        report(session, set, variant, [], |_| Kind::Death(signal));
    }
}

/// A variant that does not come to where the others are.
pub fn too_late(session: &Session, set: &Arc<TaskSet>, variant: usize) {
    report(session, set, variant, [], |_| Kind::Timeout);
}

/// What a follower can't take over of what the leader's call has given. Either it has no memory where it wants it, or the
/// leader's call has given more than it, which has made the same call, has asked for.
pub fn refused(
    session: &Session,
    set: &Arc<TaskSet>,
    variant: usize,
    [leader, own]: [Option<Arc<Arrival>>; 2],
    error: ApplyError,
) {
    let (odd, kind) = match error {
        ApplyError::Fault(address) => (variant, Kind::Unwritable(address)),
        ApplyError::Excess | ApplyError::Short => (0, Kind::Ring),
    };
    report(session, set, odd, [(0, leader), (variant, own)], |_| kind);
}

/// A variant that makes another call, `arrival`, before the one has ended that all have agreed to.
pub fn left_call(session: &Session, set: &Arc<TaskSet>, variant: usize, arrival: Arc<Arrival>) {
    report(session, set, variant, [(variant, Some(arrival))], |_| Kind::Call);
}

/// A follower that waits here with something else than the leader came to when it went ahead.
pub fn strayed(session: &Session, set: &Arc<TaskSet>, variant: usize, leader: Arc<Arrival>) {
    report(session, set, variant, [(0, Some(Arc::clone(&leader)))], |meeting| {
        divergence::kind_of(&leader, &meeting.arrivals, &[variant])
    });
}

/// A follower whose own call, which every variant makes, has given another result than the leader's.
pub fn other_result(
    session: &Session,
    set: &Arc<TaskSet>,
    variant: usize,
    row: CallRow,
    (leaders, own): (u64, u64),
) {
    let shown = session.active().map(|other| if other == variant { own } else { leaders }).collect();
    report(session, set, variant, [], |_| Kind::Result(row, shown));
}
