//! Leaders that have gone ahead in the ring: whom they have left behind here, and who gets nowhere there.

use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::Duration;

use stretto_abi::ring::{CALLED, Cursor, Head, Phase, Ring};

use crate::agent::ring_memory::RingMemory;
use crate::clock_unsafe::Moment;
use crate::lock;
use crate::mailbox::Decision;
use crate::session::Session;
use crate::taskset::{Meeting, TaskSet};

/// The first follower that has come here with records of the ring that it has not looked at: its leader has gone
/// ahead. A record that the leader has taken back counts for nothing.
pub(super) fn behind(session: &Session, meeting: &Meeting) -> Option<usize> {
    let ring = meeting.ring.as_deref()?;
    session.followers().find(|&variant| unread(ring, variant).is_some())
}

/// The followers that are not where the leader is in the ring, although nothing is left that they could read: one of
/// them has written what its agent does not write. They would only wait for each other from now on.
pub(super) fn astray(session: &Session, meeting: &Meeting) -> Vec<usize> {
    let Some(ring) = meeting.ring.as_deref() else { return Vec::new() };
    session.followers().filter(|&variant| ring.cursor(variant) != ring.cursor(0)).collect()
}

/// The next record that counts and that `variant` has not looked at.
pub(super) fn unread(ring: &Ring, variant: usize) -> Option<(Cursor, Head)> {
    // As many as fit: a variant that has been taken over may claim more.
    for _ in 0..stretto_abi::ring::DATA / 64 {
        let cursor = ring.cursor(variant);
        let head = ring.look(cursor)?;
        if head.phase != Phase::Cancelled {
            return (head.phase == Phase::Done).then_some((cursor, head));
        }
        ring.consume(variant, cursor, &head);
    }
    None
}

/// The record that `variant` has to look at next, of those that a leader has left that runs no more. It has looked at what
/// it has agreed to.
pub fn left(ring: &Ring, variant: usize) -> Option<(Cursor, Head)> {
    let mut cursor = ring.cursor(variant);
    for _ in 0..stretto_abi::ring::DATA / 64 {
        let head = ring.look(cursor)?;
        if head.phase != Phase::Cancelled {
            let agreed = head.phase == Phase::Published && ring.has_agreed(cursor, variant);
            return (!agreed).then_some((cursor, head));
        }
        // The thread may run: it is for its agent to go past it.
        cursor = Ring::behind(cursor, &head);
    }
    None
}

/// Whether `variant` waits here for the others.
pub fn waits_here(set: &TaskSet, variant: usize) -> bool {
    lock(&set.meeting).arrivals[variant].is_some()
}

/// Sends followers on their way that have come here before the leader's record of their call was whole: the leader may
/// not come here for long.
pub fn send_on(session: &Session, set: &TaskSet) {
    send_behind(session, set, &lock(&set.meeting));
}

fn send_behind(session: &Session, set: &TaskSet, meeting: &Meeting) {
    let Some(ring) = meeting.ring.as_deref() else { return };
    let behind = |variant: &usize| {
        let head = ring.look(ring.cursor(*variant));
        meeting.arrivals[*variant].is_some() && head.is_some_and(|head| head.phase != Phase::Published)
    };
    session.followers().filter(behind).for_each(|variant| session.post(variant, set, Decision::CatchUp));
}

/// The record of the call with which `variant` waits here, if the leader has gone ahead with it. It may have caught up
/// already, or its call may be decided: whoever comes here sends it on, too.
pub fn missed(set: &TaskSet, variant: usize) -> Option<(Arc<RingMemory>, Cursor, Head)> {
    let meeting = lock(&set.meeting);
    meeting.arrivals[variant].as_ref()?;
    let ring = Arc::clone(meeting.ring.as_ref()?);
    let (cursor, head) = unread(&ring, variant)?;
    Some((ring, cursor, head))
}

/// A follower that waits here has looked at the record of its call, with which the leader comes here too. Whoever compares
/// places in the ring sees it there or behind it, not between.
pub fn caught_up(
    session: &Session,
    set: &Arc<TaskSet>,
    variant: usize,
    ring: &Ring,
    cursor: Cursor,
    head: &Head,
) {
    let mut meeting = lock(&set.meeting);
    ring.consume(variant, cursor, head);
    super::conclude(session, set, &mut meeting);
}

/// A follower has made its own what the record of its call says, and waits here no longer.
pub fn go_past(set: &TaskSet, variant: usize, ring: &RingMemory, cursor: Cursor, head: &Head) {
    super::leave(set, variant);
    ring.consume(variant, cursor, head);
    ring.announce();
}

/// Sends agents to the monitor that wait for each other and get nowhere: there it is known who is missing.
pub fn check_ring(session: &Session, set: &TaskSet) {
    let mut meeting = lock(&set.meeting);
    let Some(ring) = meeting.ring.clone() else { return };
    send_behind(session, set, &meeting);
    // A follower that has agreed waits for the outcome of a call, which may take as long as it likes.
    let asleep = |variant: &usize| {
        let post = &ring.posts[*variant];
        let agreed = post.agreed.load(Ordering::Relaxed) != post.done.load(Ordering::Relaxed);
        post.is_asleep() && !(agreed && *variant != 0)
    };
    let mut sent = false;
    for variant in 0..session.config.variants {
        if !asleep(&variant) {
            meeting.idle[variant] = None;
            continue;
        }
        // Its own progress only: another that has been taken over may pretend to make some.
        let post = &ring.posts[variant];
        let seen = post.calls.load(Ordering::Relaxed).wrapping_add(post.at.load(Ordering::Relaxed));
        let (before, since) = *meeting.idle[variant].get_or_insert_with(|| (seen, Moment::roughly_now()));
        if before != seen {
            meeting.idle[variant] = Some((seen, Moment::roughly_now()));
        } else if since.roughly_elapsed() > RING_PATIENCE {
            ring.notices.attention[variant].store(CALLED, Ordering::SeqCst);
            meeting.idle[variant] = None;
            sent = true;
        }
    }
    if sent {
        ring.announce();
    }
}

/// How long agents may wait for each other in the ring.
const RING_PATIENCE: Duration = Duration::from_secs(1);
