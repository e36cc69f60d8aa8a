//! Calls that the leader alone makes, and only the monitor may let pass: files, names, connections.
//!
//! Nobody but the leader comes here. It comes from its agent, when it has published the call in the ring, and the filter
//! asks at the gate; the followers agree meanwhile. A leader that has been taken over can come with anything, and change
//! the record that the others have agreed to. So each follower leaves a digest of its own inputs where only it can write;
//! the key is known to followers and the monitor, which compares with what the leader is about to give the kernel.
//!
//! A thread of its own answers what the kernel asks; only a process with several threads, of which another may have got
//! the turn meanwhile, has to ask its tracer. Where the kernel can't ask, the thread stops for its tracer (`tracer::approval`).

use std::sync::Arc;
use std::sync::atomic::Ordering;

use stretto_abi::policy::{Mode, mode};
use stretto_abi::ring::Phase;
use stretto_abi::table::{CallRow, Mechanism, Table, Who};
use stretto_semantics::{self as semantics, Identity, Input, Lookup};
use stretto_tracee::{Remote, Sleeper};

use crate::agent::ring_memory::RingMemory;
use crate::lock;
use crate::mailbox::Decision;
use crate::memory::Presented;
use crate::notify_unsafe::{Answer, Asked, Notifications};
use crate::session::Session;

/// A call at the gate.
#[derive(Debug)]
pub struct AtGate<'c> {
    pub tid: i32,
    pub nr: u64,
    pub args: &'c [u64; 6],
}

/// What followers have to say to a call at the gate.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Agreement {
    /// It is no call that is approved, or they have come to another.
    None,
    /// The leader has published something, and some have not come to it.
    NotYet,
    /// They ask for just this, in the record of this number; `opens`: they hold a placeholder for what it opens.
    Given { record: u32, opens: bool },
}

/// Whether all followers have agreed to just this call, in their thread's `ring`.
#[must_use]
pub fn agreement(session: &Session, table: &Table<'_>, ring: &RingMemory, call: &AtGate<'_>) -> Agreement {
    let Some(agents) = &session.agents else { return Agreement::None };
    let mut memory = Presented::new(Remote::new(call.tid), ring);
    let row = match semantics::lookup(table, call.nr, call.args, &mut memory) {
        Lookup::Known(row) if is_approvable(session, &row) => row,
        _ => return Agreement::None,
    };
    // Elsewhere another process might change it: an agent never comes with that.
    let is_published = |(&node, &value): (&u32, &u64)| {
        semantics::input(table, node, value) != Input::Buffer || ring.is_leaders(value)
    };
    if !row.args.iter().zip(call.args).all(is_published) {
        return Agreement::None;
    }
    let cursor = ring.cursor(0);
    let key = (agents.key, cursor.number);
    let digest = semantics::digest(table, (row.row, &row.args), call.args, &mut memory, &Identity, key);
    if !session.followers().all(|follower| ring.waits_in(cursor, follower)) {
        let published = ring.look(cursor).is_some_and(|head| head.phase == Phase::Published);
        return if published { Agreement::NotYet } else { Agreement::None };
    }
    let asks_for_it = |follower: usize| ring.posts[follower].digest.load(Ordering::Relaxed) == digest;
    if memory.is_sound && session.followers().all(asks_for_it) {
        Agreement::Given { record: cursor.number, opens: row.mechanism == Mechanism::Open }
    } else {
        Agreement::None
    }
}

fn is_approvable(session: &Session, row: &CallRow) -> bool {
    let policy = session.config.policy.as_deref().unwrap_or(&[]);
    row.who == Who::Leader && mode(policy, row.row) == Mode::Approved
}

/// What the call is told. It passes once: the kernel may have restarted it, or somebody tries again.
pub fn answer_to(session: &Session, ring: &RingMemory, agreement: Agreement) -> Answer {
    let (record, opens) = match agreement {
        Agreement::None => return Answer::Elsewhere,
        Agreement::NotYet => return Answer::NotYet,
        Agreement::Given { record, opens } => (record, opens),
    };
    if !ring.approve(record) {
        return Answer::NotNow;
    }
    if opens {
        ring.note_open();
    }
    session.statistics.approved.fetch_add(1, Ordering::Relaxed);
    Answer::Passes
}

/// What a tracer gives to who answers: where the kernel asks, and what it calls when it ends.
pub type Questions = (Arc<Notifications>, Arc<Sleeper>);

/// Answers what the kernel asks, until the leader's tracer has ended.
pub fn answer(session: &Session, (notifications, sleeper): &Questions) {
    let Some(table) = session.table() else { return };
    sleeper.adopt();
    loop {
        match notifications.next(sleeper) {
            Ok(Some(asked)) => answer_one(session, &table, notifications, asked),
            Ok(None) => return,
            Err(error) => {
                return session.fail(format!("calls that are to be approved can't be seen: {error}"));
            }
        }
    }
}

fn answer_one(session: &Session, table: &Table<'_>, notifications: &Notifications, asked: Asked) {
    let ring = session.set_of_leader(asked.tid).and_then(|set| lock(&set.meeting).ring.clone());
    let Some(ring) = ring else { return notifications.answer(&asked, Answer::Elsewhere) };
    if ring.notices.turns.load(Ordering::Relaxed) != 0 {
        return session.mailboxes[0].post(0, Decision::Asked(Box::new(asked)));
    }
    let call = AtGate { tid: asked.tid, nr: asked.nr, args: &asked.args };
    let agreement = agreement(session, table, &ring, &call);
    notifications.answer(&asked, answer_to(session, &ring, agreement));
}
