//! Leaders that wait in a call at their gate, for as long as it takes: whether it is one that the others wait for.

use stretto_abi::ring::Phase;

use crate::lock;
use crate::session::Session;
use crate::taskset::{Arrival, Meeting, TaskSet};

/// A call that the leader waits in at its gate.
#[derive(Debug)]
pub struct AtGate {
    pub nr: u64,
    /// What the kernel has been given, if the policy lets the leader go ahead with it; else followers agree first.
    pub ahead: Option<Vec<u8>>,
}

/// The number of the call that the leader has published, or that followers have come here with.
pub fn awaited(set: &TaskSet) -> Option<u64> {
    let meeting = lock(&set.meeting);
    let ring = meeting.ring.as_deref()?;
    let published = ring.look(ring.cursor(0)).filter(|head| head.phase == Phase::Published);
    published.map(|head| head.nr.into()).or_else(|| {
        meeting.arrivals.iter().flatten().find_map(|arrival| match &**arrival {
            Arrival::Call(call) => Some(call.nr()),
            _ => None,
        })
    })
}

/// Whether followers have agreed to the call, or have come here with just that.
pub fn is_expected(session: &Session, set: &TaskSet, call: &AtGate) -> bool {
    let meeting = lock(&set.meeting);
    let Some(ring) = meeting.ring.as_deref() else { return false };
    let cursor = ring.cursor(0);
    let published =
        |nr| ring.look(cursor).is_some_and(|head| head.phase == Phase::Published && head.nr == nr);
    if u32::try_from(call.nr).is_ok_and(published) {
        return session.followers().all(|follower| ring.waits_in(cursor, follower));
    }
    let Some(inputs) = &call.ahead else { return false };
    // Who has records to look at first is sent on.
    session.followers().all(|follower| {
        ring.look(ring.cursor(follower)).is_some() || comes_with(&meeting, follower, call.nr, inputs)
    })
}

/// Who is not here yet comes with anything.
fn comes_with(meeting: &Meeting, follower: usize, nr: u64, inputs: &[u8]) -> bool {
    match meeting.arrivals[follower].as_deref() {
        None => true,
        Some(Arrival::Call(other)) => other.nr() == nr && other.inputs.bytes == inputs,
        Some(_) => false,
    }
}
