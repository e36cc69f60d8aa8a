//! The agent's leader.rs.

use std::sync::atomic::Ordering;

use stretto_abi::ring::{
    AHEAD, BY_MONITOR, Cursor, Head, MAX_VARIANTS, Phase, Shared, THEN_SIGNAL, WITH_OUTPUTS,
};

use super::Outcome;
use super::call::{Call, Mode, put};
use super::seat::{Seat, address_of};
use super::sync::in_order;

pub fn make<const WORDS: usize>(call: &Call, seat: &Seat<'_, WORDS>) -> Outcome {
    let ring = seat.ring();
    let epoch = seat.slow(0);
    let cursor = ring.cursor(0);
    let followers = seat.followers();
    let attached = ring.notices.attached.load(Ordering::Relaxed);
    if seat.attention() || followers & !attached != 0 || !wait_for_room(seat, cursor, epoch) {
        return Outcome::Monitor;
    }
    if call.inputs > Shared::<WORDS>::PAYLOAD || put(ring, cursor, 0, call.input_words()).is_none() {
        return Outcome::Monitor;
    }
    let lockstep = call.mode == Mode::Lockstep && followers != 0;
    if lockstep {
        ring.describe(cursor, call.nr(), 0, call.inputs);
        ring.publish(cursor, epoch);
        seat.wake(followers, address_of(ring.tag_word(cursor)));
        if !all_agree(seat, cursor, epoch) {
            return cancel(call, seat, cursor, epoch);
        }
    } else if !nobody_elsewhere(seat, epoch) {
        return Outcome::Monitor;
    }
    let executed_by = if lockstep { followers } else { 0 };
    let (made, keeps_turn) = in_turn(seat, cursor, || gate(call, seat, executed_by));
    if !made {
        let told = lockstep || !keeps_turn;
        return if told { cancel(call, seat, cursor, epoch) } else { Outcome::Monitor };
    }
    hand_out(call, seat, cursor, if lockstep { 0 } else { AHEAD }, epoch, keeps_turn)
}

/// Whether the call has been made, and whether the thread still has its turn.
fn in_turn<const WORDS: usize>(
    seat: &Seat<'_, WORDS>,
    cursor: Cursor,
    make: impl FnOnce() -> bool,
) -> (bool, bool) {
    if seat.ring().notices.turns.load(Ordering::Relaxed) == 0 {
        return (make(), true);
    }
    let turn = &seat.ring().posts[0].turn;
    turn.open(cursor.number);
    in_order();
    let made = make();
    (made, turn.close(cursor.number))
}

/// Where threads take turns, a call may have to wait for another that runs when the turn has been given up everywhere.
fn gate<const WORDS: usize>(call: &Call, seat: &Seat<'_, WORDS>, followers: u32) -> bool {
    if seat.attention() {
        return false;
    }
    seat.world.monitor.wait_for_other_threads(seat.world);
    seat.world.witness.executes(call, followers);
    true
}

fn hand_out<const WORDS: usize>(
    call: &Call,
    seat: &Seat<'_, WORDS>,
    cursor: Cursor,
    ahead: u8,
    epoch: u32,
    keeps_turn: bool,
) -> Outcome {
    let ring = seat.ring();
    let start = call.inputs.next_multiple_of(8);
    let overflow = start + call.outputs > Shared::<WORDS>::PAYLOAD;
    let mut outputs = call.outputs;
    let mut flags = if seat.attention() { THEN_SIGNAL } else { 0 };
    if overflow {
        (flags, outputs) = (BY_MONITOR, 0);
    } else {
        put(ring, cursor, start, call.output_words());
        if !keeps_turn {
            flags = BY_MONITOR | WITH_OUTPUTS;
        }
    }
    let (inputs, nr, result) = (call.inputs, call.nr(), call.result());
    let head = Head { phase: Phase::Done, epoch, nr, flags: flags | ahead, inputs, outputs, result };
    put(ring, cursor, head.arguments_at(), call.arguments());
    ring.finish(cursor, &head);
    seat.wake(seat.followers(), address_of(ring.tag_word(cursor)));
    match flags {
        0 => Outcome::Result,
        THEN_SIGNAL => Outcome::Signal,
        _ => Outcome::Outputs,
    }
}

fn cancel<const WORDS: usize>(call: &Call, seat: &Seat<'_, WORDS>, cursor: Cursor, epoch: u32) -> Outcome {
    seat.world.witness.cancels(call);
    seat.ring().cancel(cursor, epoch);
    seat.wake(seat.followers(), address_of(seat.ring().tag_word(cursor)));
    Outcome::Monitor
}

fn nobody_elsewhere<const WORDS: usize>(seat: &Seat<'_, WORDS>, epoch: u32) -> bool {
    let followers = seat.followers();
    (1..MAX_VARIANTS).all(|variant| followers & 1 << variant == 0 || seat.slow(variant) == epoch)
}

fn all_agree<const WORDS: usize>(seat: &Seat<'_, WORDS>, cursor: Cursor, epoch: u32) -> bool {
    (1..MAX_VARIANTS).all(|follower| {
        let agreed = &seat.ring().posts[follower].agreed;
        seat.until(
            address_of(agreed),
            || agreed.load(Ordering::SeqCst),
            || {
                if seat.followers() & 1 << follower == 0 || seat.ring().has_agreed(cursor, follower) {
                    return Some(true);
                }
                let elsewhere = seat.slow(follower) != epoch;
                (elsewhere || seat.attention()).then_some(false)
            },
        )
    })
}

pub fn wait_for_room<const WORDS: usize>(seat: &Seat<'_, WORDS>, cursor: Cursor, epoch: u32) -> bool {
    if seat.ring().has_room(cursor, seat.followers()) {
        return true;
    }
    (1..MAX_VARIANTS).all(|follower| {
        let at = &seat.ring().posts[follower].at;
        seat.until(
            address_of(at),
            #[allow(clippy::cast_possible_truncation)] // the half that changes
            || at.load(Ordering::SeqCst) as u32,
            || {
                if seat.ring().has_room(cursor, seat.followers() & 1 << follower) {
                    return Some(true);
                }
                let elsewhere = seat.slow(follower) != epoch;
                (elsewhere || seat.attention()).then_some(false)
            },
        )
    })
}
