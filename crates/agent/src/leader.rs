//! The leader's half of a call: publish, wait for agreement, execute, hand out.

use core::mem::MaybeUninit;
use core::sync::atomic::Ordering;

use stretto_abi::context::{CANCELLED, NOT_YET, OUTPUTS_POINT, SIGNAL_POINT};
use stretto_abi::policy::Mode;
use stretto_abi::ring::{
    AHEAD, BULK_INPUTS, BULK_OUTPUTS, BY_MONITOR, CALLED, Cursor, Head, Phase, THEN_SIGNAL, WITH_OUTPUTS,
    variants,
};
use stretto_abi::table::{GIVES_NO_MEMORY, NONE, TAKES_NO_MEMORY};
use stretto_semantics::{Identity, collect, gather};

use crate::entry::{Call, Outcome};
use crate::machine_unsafe::{Local, gate};
use crate::sinks_unsafe::{Gathering, Notes, Writer};
use crate::turn::Turn;
use crate::vectors::{VECTORS, Vectors, redirect};
use crate::wait::{Seat, Wait, low_half};

/// Makes the call for all variants.
#[inline(always)]
pub fn make(call: &Call<'_>, seat: &Seat<'_>) -> Outcome {
    let ring = seat.ring();
    let epoch = seat.slow(0);
    let cursor = ring.cursor(0);
    let turn = Turn::needed(call, seat, cursor.number);
    if turn.as_ref().is_some_and(Turn::is_opened) {
        seat.heeds.set(CALLED);
    }
    let followers = seat.followers();
    let attached = ring.notices.attached.load(Ordering::Relaxed);
    if seat.is_called() || followers & !attached != 0 || !wait_for_room(seat, cursor, epoch) {
        return Outcome::Monitor;
    }
    let mut writer = Writer::new(ring, cursor);
    let mut notes = Notes::new();
    let mut whole = inputs(call, &mut writer, &mut notes);
    let mut place = 0;
    if writer.overflow && wait_for_bulk(seat, epoch) {
        (writer, place) = (Writer::bulk(seat.memory), BULK_INPUTS);
        notes.clear();
        whole = inputs(call, &mut writer, &mut notes);
    }
    let mut args = call.args;
    let mut vectors: Vectors = [const { MaybeUninit::uninit() }; VECTORS];
    let taken = call.row.flags() & TAKES_NO_MEMORY == 0;
    if !whole || taken && !redirect(call, &mut args, &mut vectors, &writer, &notes) {
        return Outcome::Monitor;
    }
    let passes = turn.as_ref().is_some_and(Turn::passes_among_agents);
    let lockstep = (call.mode != Mode::Ahead || passes) && followers != 0;
    #[allow(clippy::cast_possible_truncation)] // a number of the table
    let nr = call.nr as u32;
    // The monitor takes longer to look at the call than followers take to agree.
    let agree_meanwhile = call.mode == Mode::Approved && turn.is_none();
    if lockstep {
        ring.describe(cursor, nr, place, writer.length);
        ring.publish(cursor, epoch);
        seat.wake(followers, low_half(ring.tag_word(cursor)));
        if !agree_meanwhile && !all_agree(seat, cursor, epoch) {
            return cancel(seat, cursor, epoch);
        }
    } else if !nobody_elsewhere(seat, epoch) {
        return Outcome::Monitor;
    }
    let given = turn.as_ref().map(|turn| (turn, turn.give()));
    call.add_secret(&mut args);
    let mut result = gate(call.nr, &args, seat.attention());
    if result == NOT_YET && all_agree(seat, cursor, epoch) {
        result = gate(call.nr, &args, seat.attention());
    }
    // A follower that claims both would have the program get this.
    if result == NOT_YET {
        result = CANCELLED;
    }
    let keeps_turn = given.is_none_or(|(turn, given)| turn.back(given));
    let flags = place | if lockstep { 0 } else { AHEAD };
    if result == CANCELLED && !lockstep {
        if keeps_turn {
            return Outcome::Monitor;
        }
        // Followers that have been told to give their turn up in this record wait for its end.
        ring.describe(cursor, nr, flags, writer.length);
    }
    if result == CANCELLED {
        return cancel(seat, cursor, epoch);
    }
    let head = Head { phase: Phase::Done, epoch, nr, flags, inputs: writer.length, outputs: 0, result };
    hand_out(Made { call, cursor, notes: &notes, head }, seat, writer, keeps_turn)
}

/// Gathers the inputs. False: there is no room for them, or they can't be read.
#[inline(always)]
fn inputs(call: &Call<'_>, writer: &mut Writer<'_>, notes: &mut Notes) -> bool {
    if call.row.arg(0) == NONE {
        return true;
    }
    inputs_of_arguments(call, writer, notes)
}

#[inline(never)]
fn inputs_of_arguments(call: &Call<'_>, writer: &mut Writer<'_>, notes: &mut Notes) -> bool {
    let mut memory = Local::default();
    let mut gathering = Gathering { writer, notes };
    gather(call.table, &call.row.args(), &call.args, &mut memory, &Identity, &mut gathering);
    !writer.overflow && !notes.overflow && !memory.faulted
}

/// A call that has been made.
struct Made<'m> {
    call: &'m Call<'m>,
    cursor: Cursor,
    notes: &'m Notes,
    /// Its record, without outputs.
    head: Head,
}

/// Collects the outputs behind the inputs, or in the bulk, and lets the followers have them. Without its turn the
/// thread goes to the monitor, which does.
#[inline(always)]
fn hand_out(mut made: Made<'_>, seat: &Seat<'_>, mut writer: Writer<'_>, keeps_turn: bool) -> Outcome {
    let (cursor, result) = (made.cursor, made.head.result);
    let mut outputs = made.outputs(&mut writer);
    if outputs.is_none() && made.head.flags & BULK_INPUTS == 0 && wait_for_bulk(seat, made.head.epoch) {
        made.head.flags |= BULK_OUTPUTS;
        outputs = made.outputs(&mut Writer::bulk(seat.memory));
    }
    let Head { flags, .. } = &mut made.head;
    if outputs.is_none() {
        *flags |= BY_MONITOR;
    } else if !keeps_turn {
        *flags |= BY_MONITOR | WITH_OUTPUTS;
    } else if seat.attention().load(Ordering::Relaxed) & CALLED != 0 {
        *flags |= THEN_SIGNAL;
    }
    let flags = *flags;
    made.head.outputs = outputs.unwrap_or(0);
    seat.ring().note_arguments(cursor, &made.head, &made.call.args);
    seat.ring().finish(cursor, &made.head);
    seat.wake(seat.followers(), low_half(seat.ring().tag_word(cursor)));
    if flags & BY_MONITOR != 0 {
        Outcome::Point(OUTPUTS_POINT, result)
    } else if flags & THEN_SIGNAL != 0 {
        Outcome::Point(SIGNAL_POINT, result)
    } else {
        Outcome::Result(result)
    }
}

impl Made<'_> {
    /// Collects the outputs; how many bytes. `None`: they do not fit.
    #[inline(always)]
    fn outputs(&self, writer: &mut Writer<'_>) -> Option<usize> {
        if self.call.row.flags() & GIVES_NO_MEMORY != 0 {
            return Some(0);
        }
        self.outputs_in_memory(writer)
    }

    #[inline(never)]
    fn outputs_in_memory(&self, writer: &mut Writer<'_>) -> Option<usize> {
        writer.pad();
        let start = writer.length;
        let (call, mut memory) = (self.call, Local::default());
        let (nodes, args) = (&call.row.args(), &call.args);
        collect(call.table, nodes, args, self.head.result, &mut memory, self.notes, &Identity, writer);
        (!writer.overflow).then_some(writer.length - start)
    }
}

fn cancel(seat: &Seat<'_>, cursor: Cursor, epoch: u32) -> Outcome {
    seat.ring().cancel(cursor, epoch);
    seat.wake(seat.followers(), low_half(seat.ring().tag_word(cursor)));
    Outcome::Monitor
}

/// Whether no follower is in the monitor with a call that the leader has not come to.
fn nobody_elsewhere(seat: &Seat<'_>, epoch: u32) -> bool {
    variants(seat.followers()).all(|variant| seat.slow(variant) == epoch)
}

/// Waits until every follower has agreed. False: the call is the monitor's.
fn all_agree(seat: &Seat<'_>, cursor: Cursor, epoch: u32) -> bool {
    // Those on the same CPU first: while the leader sleeps for them, the others agree.
    let (followers, neighbours) = (seat.followers(), seat.plan.neighbours);
    variants(followers & neighbours).chain(variants(followers & !neighbours)).all(|follower| {
        let agreed = &seat.ring().posts[follower].agreed;
        seat.until(
            Wait::Agreement,
            core::ptr::from_ref(agreed) as u64,
            || agreed.load(Ordering::SeqCst),
            || {
                if seat.followers() & 1 << follower == 0 || seat.ring().has_agreed(cursor, follower) {
                    return Some(true);
                }
                let elsewhere = seat.slow(follower) != epoch;
                (elsewhere || seat.is_called()).then_some(false)
            },
        )
    })
}

/// Waits until no follower reads any more where the next record will lie. False: the call is the monitor's.
#[inline(always)]
fn wait_for_room(seat: &Seat<'_>, cursor: Cursor, epoch: u32) -> bool {
    wait_for_reading(seat, epoch, |followers| seat.ring().has_room(cursor, followers))
}

/// Waits until no follower reads any more in the bulk. False: the call, or what is left of it, is the monitor's.
fn wait_for_bulk(seat: &Seat<'_>, epoch: u32) -> bool {
    wait_for_reading(seat, epoch, |followers| seat.ring().bulk_is_free(followers))
}

/// Waits until all followers (bits) have read so far that there is `room`.
#[inline(always)]
fn wait_for_reading(seat: &Seat<'_>, epoch: u32, room: impl Fn(u32) -> bool) -> bool {
    room(seat.followers()) || wait_for_each(seat, epoch, room)
}

#[inline(never)]
fn wait_for_each(seat: &Seat<'_>, epoch: u32, room: impl Fn(u32) -> bool) -> bool {
    variants(seat.followers()).all(|follower| {
        let at = &seat.ring().posts[follower].at;
        seat.until(
            Wait::Room,
            low_half(at),
            #[allow(clippy::cast_possible_truncation)] // the half that changes
            || at.load(Ordering::SeqCst) as u32,
            || {
                if room(seat.followers() & 1 << follower) {
                    return Some(true);
                }
                let elsewhere = seat.slow(follower) != epoch;
                (elsewhere || seat.is_called()).then_some(false)
            },
        )
    })
}
