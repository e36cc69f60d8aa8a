//! The leader's half of a call: publish, wait for agreement, execute, hand out.

use core::mem::MaybeUninit;
use core::sync::atomic::Ordering;

use stretto_abi::context::{OUTPUTS_POINT, SIGNAL_POINT};
use stretto_abi::policy::Mode;
use stretto_abi::ring::{AHEAD, BY_MONITOR, Cursor, MAX_VARIANTS, THEN_SIGNAL};
use stretto_abi::table::NONE;
use stretto_semantics::{Identity, collect, gather};

use crate::entry::{Call, Outcome};
use crate::machine_unsafe::{CANCELLED, Local, gate};
use crate::sinks_unsafe::{Gathering, Notes, Writer};
use crate::vectors::{VECTORS, Vectors, redirect};
use crate::wait::{Seat, low_half};

/// Makes the call for all variants.
pub fn make(call: &Call<'_>, seat: &Seat<'_>) -> Outcome {
    let ring = seat.ring;
    let epoch = seat.slow(0);
    let cursor = ring.cursor(0);
    let followers = seat.followers();
    let attached = ring.notices.attached.load(Ordering::Relaxed);
    if seat.attention().load(Ordering::Relaxed) != 0
        || followers & !attached != 0
        || !wait_for_room(seat, cursor, epoch)
    {
        return Outcome::Monitor;
    }
    let mut memory = Local::default();
    let mut writer = Writer::new(ring, cursor);
    let mut notes = Notes::new();
    let mut gathering = Gathering { writer: &mut writer, notes: &mut notes };
    gather(&call.table, &call.row, &call.args, &mut memory, &Identity, &mut gathering);
    let mut args = call.args;
    let mut vectors: Vectors = [const { MaybeUninit::uninit() }; VECTORS];
    if writer.overflow
        || notes.overflow
        || memory.faulted
        || !redirect(call, &mut args, &mut vectors, &writer, &notes)
    {
        return Outcome::Monitor;
    }
    let lockstep = call.mode == Mode::Lockstep && followers != 0;
    let inputs = writer.length;
    #[allow(clippy::cast_possible_truncation)] // a number of the table
    ring.describe(cursor, call.nr as u32, if lockstep { 0 } else { AHEAD }, inputs);
    if lockstep {
        ring.publish(cursor, epoch);
        seat.wake(followers, low_half(ring.tag_word(cursor)));
        if !all_agree(seat, cursor, epoch) {
            return cancel(seat, cursor, epoch);
        }
    } else if !nobody_elsewhere(seat, epoch) {
        return Outcome::Monitor;
    }
    // A call with fewer than six arguments carries the secret in the last register, which the kernel ignores.
    if call.row.args[5] == NONE {
        args[5] = call.plan.secret;
    }
    let result = gate(call.nr, &args, seat.attention());
    if result == CANCELLED {
        return if lockstep { cancel(seat, cursor, epoch) } else { Outcome::Monitor };
    }
    hand_out(call, seat, cursor, epoch, &mut writer, &notes, result)
}

/// Collects the outputs behind the inputs, and lets the followers have them.
fn hand_out(
    call: &Call<'_>,
    seat: &Seat<'_>,
    cursor: Cursor,
    epoch: u32,
    writer: &mut Writer<'_>,
    notes: &Notes,
    result: i64,
) -> Outcome {
    writer.pad();
    let start = writer.length;
    let mut memory = Local::default();
    collect(&call.table, &call.row, &call.args, result, &mut memory, notes, &Identity, writer);
    let mut outputs = writer.length - start;
    let mut flags = if seat.attention().load(Ordering::Relaxed) == 0 { 0 } else { THEN_SIGNAL };
    if writer.overflow {
        (flags, outputs) = (BY_MONITOR, 0);
    }
    writer.arguments(start + outputs, &call.args);
    seat.ring.finish(cursor, epoch, result, outputs, flags);
    seat.wake(seat.followers(), low_half(seat.ring.tag_word(cursor)));
    match flags {
        0 => Outcome::Result(result),
        BY_MONITOR => Outcome::Point(OUTPUTS_POINT, result),
        _ => Outcome::Point(SIGNAL_POINT, result),
    }
}

fn cancel(seat: &Seat<'_>, cursor: Cursor, epoch: u32) -> Outcome {
    seat.ring.cancel(cursor, epoch);
    seat.wake(seat.followers(), low_half(seat.ring.tag_word(cursor)));
    Outcome::Monitor
}

/// Whether no follower is in the monitor with a call that the leader has not come to.
fn nobody_elsewhere(seat: &Seat<'_>, epoch: u32) -> bool {
    let followers = seat.followers();
    (1..MAX_VARIANTS).all(|variant| followers & 1 << variant == 0 || seat.slow(variant) == epoch)
}

/// Waits until every follower has agreed. False: the call is the monitor's.
fn all_agree(seat: &Seat<'_>, cursor: Cursor, epoch: u32) -> bool {
    // Those on the same CPU first: while the leader sleeps for them, the others agree.
    let order = |shared: bool| {
        (1..MAX_VARIANTS).filter(move |follower| (seat.plan.neighbours & 1 << follower != 0) == shared)
    };
    order(true).chain(order(false)).all(|follower| {
        let agreed = &seat.ring.posts[follower].agreed;
        seat.until(
            core::ptr::from_ref(agreed) as u64,
            || agreed.load(Ordering::SeqCst),
            || {
                if seat.followers() & 1 << follower == 0 || seat.ring.has_agreed(cursor, follower) {
                    return Some(true);
                }
                let elsewhere = seat.slow(follower) != epoch;
                (elsewhere || seat.attention().load(Ordering::Relaxed) != 0).then_some(false)
            },
        )
    })
}

/// Waits until no follower reads any more where the next record will lie. False: the call is the monitor's.
fn wait_for_room(seat: &Seat<'_>, cursor: Cursor, epoch: u32) -> bool {
    if seat.ring.has_room(cursor, seat.followers()) {
        return true;
    }
    (1..MAX_VARIANTS).all(|follower| {
        let at = &seat.ring.posts[follower].at;
        seat.until(
            low_half(at),
            #[allow(clippy::cast_possible_truncation)] // the half that changes
            || at.load(Ordering::SeqCst) as u32,
            || {
                if seat.ring.has_room(cursor, seat.followers() & 1 << follower) {
                    return Some(true);
                }
                let elsewhere = seat.slow(follower) != epoch;
                (elsewhere || seat.attention().load(Ordering::Relaxed) != 0).then_some(false)
            },
        )
    })
}
