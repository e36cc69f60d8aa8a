//! A divergence, told: everything that the report needs, as one JSON document.

mod difference;
mod document;

use std::sync::Arc;

use stretto_abi::table::CallRow;

use crate::lock;
use crate::session::Session;
use crate::taskset::{Arrival, Meeting, TaskSet};

/// What kind of difference it was.
#[derive(Clone, Debug)]
pub enum Kind {
    /// Different calls.
    Call,
    /// The same call, other arguments.
    Argument,
    /// A call that every variant carries out gave different results (one per active variant).
    Result(CallRow, Vec<u64>),
    /// Some took a fault, others not, or other faults.
    Fault,
    /// A follower died of this signal.
    Death(i32),
    /// A follower can't write, at this address, what the leader's call has given.
    Unwritable(u64),
    /// A variant did not come in time.
    Timeout,
    /// The records of the ring don't fit together.
    Ring,
}

impl Kind {
    fn name(&self) -> &'static str {
        match self {
            Self::Call => "call",
            Self::Argument => "argument",
            Self::Result(..) => "result",
            Self::Fault => "fault",
            Self::Death(_) => "death",
            Self::Unwritable(_) => "fault",
            Self::Timeout => "timeout",
            Self::Ring => "ring",
        }
    }
}

/// The kind of a difference between the leader and the odd variants.
#[must_use]
pub fn kind_of(leader: &Arrival, arrivals: &[Option<Arc<Arrival>>], odd: &[usize]) -> Kind {
    let others = odd.iter().filter_map(|&variant| arrivals.get(variant)?.as_deref());
    let mut kind = Kind::Argument;
    for other in others {
        match (leader, other) {
            (Arrival::Call(leader), Arrival::Call(other)) if leader.nr() == other.nr() => {}
            (Arrival::Fault { .. }, _) | (_, Arrival::Fault { .. }) => return Kind::Fault,
            _ => kind = Kind::Call,
        }
    }
    kind
}

/// Writes the report and keeps it for the user. Called with the set's lock held; every thread of the set that
/// has arrived stays where it is.
pub fn report(session: &Session, set: &TaskSet, meeting: &Meeting, kind: Kind, odd: &[usize]) {
    let document = document::build(session, set, meeting, &kind, odd);
    session
        .events
        .event("divergence", serde_json::json!({"task": set.id, "kind": kind.name(), "report": &document}));
    session.events.tell(&serde_json::json!({"event": "divergence", "summary": document["summary"]}));
    lock(&session.divergences).push(document.to_string());
}
