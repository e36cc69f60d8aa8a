//! The agent's follower.rs.

use std::sync::atomic::Ordering;

use stretto_abi::ring::{AHEAD, BY_MONITOR, Cursor, Head, Phase, THEN_SIGNAL};

use super::Outcome;
use super::call::{Call, same};
use super::seat::{Seat, address_of};

pub fn make<const WORDS: usize>(call: &Call, seat: &Seat<'_, WORDS>) -> Outcome {
    let ring = seat.ring();
    let own = seat.variant;
    let epoch = seat.slow(own);
    let Some((cursor, head)) = next_record(seat, epoch) else {
        return Outcome::Monitor;
    };
    if head.nr != call.nr() || !same_inputs(call, seat, cursor, &head) {
        seat.world.witness.disagrees(call, &head);
        return Outcome::Monitor;
    }
    seat.world.witness.checks(own, call);
    let head = if head.phase == Phase::Published {
        ring.agree(own, cursor);
        seat.wake(1, address_of(&ring.posts[own].agreed));
        let tag = ring.tag_word(cursor);
        #[allow(clippy::cast_possible_truncation)] // the half that is the tag
        let value = || tag.load(Ordering::SeqCst) as u32;
        let ended = seat.until(address_of(tag), value, || {
            let given_up = ring.is_given_up(cursor);
            match ring.look(cursor).filter(|head| head.phase != Phase::Published) {
                None if given_up => Some(None),
                ended => ended.map(Some),
            }
        });
        let Some(head) = ended else { return Outcome::Monitor };
        head
    } else {
        head
    };
    if head.phase == Phase::Cancelled || head.flags & BY_MONITOR != 0 {
        ring.consume(own, cursor, &head);
        return Outcome::Monitor;
    }
    take_over(call, seat, cursor, &head);
    ring.consume(own, cursor, &head);
    if head.flags & AHEAD != 0 {
        seat.wake(1, address_of(&ring.posts[own].at));
    }
    if head.flags & THEN_SIGNAL != 0 {
        return Outcome::Signal;
    }
    Outcome::Result
}

fn next_record<const WORDS: usize>(seat: &Seat<'_, WORDS>, epoch: u32) -> Option<(Cursor, Head)> {
    let ring = seat.ring();
    let own = seat.variant;
    loop {
        let cursor = ring.cursor(own);
        let tag = ring.tag_word(cursor);
        #[allow(clippy::cast_possible_truncation)] // the half that is the tag
        let found = seat.until(
            address_of(tag),
            || tag.load(Ordering::SeqCst) as u32,
            || {
                // In this order: the leader's records come before its stop.
                let elsewhere = seat.slow(0) != epoch;
                match ring.look(cursor) {
                    Some(head) => Some(Some(head)),
                    None if elsewhere => {
                        seat.world.witness.leaves(ring.look(cursor));
                        Some(None)
                    }
                    None if seat.attention() || ring.is_given_up(cursor) => Some(None),
                    None => None,
                }
            },
        );
        let head = found?;
        match head.phase {
            Phase::Cancelled if head.epoch != epoch => {
                ring.consume(own, cursor, &head);
                // The leader may wait for just this room.
                seat.wake(1, address_of(&ring.posts[own].at));
            }
            Phase::Cancelled => {
                ring.consume(own, cursor, &head);
                return None;
            }
            _ if head.epoch != epoch => return None,
            _ => return Some((cursor, head)),
        }
    }
}

fn same_inputs<const WORDS: usize>(call: &Call, seat: &Seat<'_, WORDS>, cursor: Cursor, head: &Head) -> bool {
    head.inputs == call.inputs && same(seat.ring(), cursor, 0, call.input_words())
}

/// What is taken over must be the leader's, whole.
pub fn take_over<const WORDS: usize>(call: &Call, seat: &Seat<'_, WORDS>, cursor: Cursor, head: &Head) {
    assert_eq!((head.result, head.outputs), (call.result(), call.outputs), "{call:?}: another's result");
    assert!(same(seat.ring(), cursor, head.outputs_at(), call.output_words()), "{call:?}: other outputs");
    assert!(same(seat.ring(), cursor, head.arguments_at(), call.arguments()), "{call:?}: other arguments");
}
