//! A follower's half of a call: wait for the leader's, compare, agree, take over.

use core::sync::atomic::Ordering;

use stretto_abi::context::{Context, SIGNAL_POINT};
use stretto_abi::policy::Mode;
use stretto_abi::ring::{AHEAD, BY_MONITOR, Cursor, Head, Phase, THEN_SIGNAL};
use stretto_abi::table::{GIVES_NO_MEMORY, ResultKind, Who};
use stretto_semantics::{apply, can_give, closed_on_exec, digest, failed, gather};

use crate::entry::{Call, Outcome};
use crate::machine_unsafe::{Local, gate};
use crate::sinks_unsafe::{Comparer, outputs};
use crate::wait::{Seat, Wait, low_half};

const SYS_CLOSE: u64 = 3;
const SYS_EVENTFD2: u64 = 290;
/// As O_CLOEXEC.
const EFD_CLOEXEC: u64 = 0x80000;

/// Takes the leader's call over.
pub fn make(call: &Call<'_>, seat: &Seat<'_>, context: &Context) -> Outcome {
    let ring = seat.ring();
    let own = seat.variant();
    let epoch = seat.slow(own);
    let Some((cursor, head)) = next_record(seat, call.mode, epoch) else {
        return Outcome::Monitor;
    };
    // The monitor finds out who asks for what: disagreement needs no other alarm.
    if u64::from(head.nr) != call.nr || !same_inputs(call, seat, cursor, &head) {
        return Outcome::Monitor;
    }
    let head = if head.phase == Phase::Published {
        if call.mode == Mode::Approved {
            ring.posts[own].digest.store(digest_of(call, cursor.number), Ordering::Relaxed);
        }
        ring.agree(own, cursor);
        seat.wake(1, core::ptr::from_ref(&ring.posts[own].agreed) as u64);
        let tag = ring.tag_word(cursor);
        #[allow(clippy::cast_possible_truncation)] // the half that is the tag
        let value = || tag.load(Ordering::SeqCst) as u32;
        let what = if call.mode == Mode::Approved { Wait::ApprovedOutcome } else { Wait::Outcome };
        let ended = seat.until(what, low_half(tag), value, || {
            let given_up = ring.is_given_up(cursor);
            match ring.look(cursor).filter(|head| head.phase != Phase::Published) {
                None if given_up => Some(None),
                ended => ended.map(Some),
            }
        });
        // The leader waits without its turn: so does this variant, in the monitor.
        let Some(head) = ended else { return Outcome::Monitor };
        head
    } else {
        head
    };
    if head.phase == Phase::Cancelled || head.flags & BY_MONITOR != 0 {
        ring.consume(own, cursor, &head);
        return Outcome::Monitor;
    }
    // More than it has asked for is no result of the kernel's: the monitor says so.
    if !can_give(call.table, call.row.most(), &call.args, head.result, &mut Local::default()) {
        return Outcome::Monitor;
    }
    if call.row.who() == Who::Each && !same_result(call, context, head.result) {
        return Outcome::Monitor;
    }
    // Before its memory changes: the monitor compares the call once more.
    if call.row.result() == ResultKind::NewFd && !failed(head.result) && !holds(call, head.result) {
        return Outcome::Monitor;
    }
    let outputs = outputs(seat.memory, cursor, &head);
    let mut memory = Local::default();
    let given = call.row.flags() & GIVES_NO_MEMORY == 0;
    if given
        && apply(call.table, &call.row.args(), &call.args, head.result, &mut memory, &call.apart, outputs)
            .is_err()
    {
        // The record stays, for the monitor to see what there is no room for.
        return Outcome::Monitor;
    }
    ring.consume(own, cursor, &head);
    // A leader that has waited for this variant's agreement finds room for the next record, but not in the bulk.
    if head.flags & AHEAD != 0 || head.outputs_in_bulk() {
        seat.wake(1, low_half(&ring.posts[own].at));
    }
    if head.flags & THEN_SIGNAL != 0 {
        return Outcome::Point(SIGNAL_POINT, head.result);
    }
    Outcome::Result(head.result)
}

/// Makes a call that every variant makes. False: it has not given what it gave the leader. The record stays, and the
/// monitor sees what it gave.
fn same_result(call: &Call<'_>, context: &Context, leaders: i64) -> bool {
    let mut args = call.args;
    call.add_secret(&mut args);
    let result = gate(call.nr, &args, &call.plan.never);
    context.result.store(result.cast_unsigned(), Ordering::Relaxed);
    result == leaders
}

/// What the monitor compares with the leader's before that may make the call.
fn digest_of(call: &Call<'_>, record: u32) -> u64 {
    let (mut memory, key) = (Local::default(), (call.plan.key, record));
    digest(call.table, (call.row.index(), &call.row.args()), &call.args, &mut memory, &call.apart, key)
}

/// Makes a placeholder for the leader's new descriptor. False: its number is another one; then there is none.
fn holds(call: &Call<'_>, leaders: i64) -> bool {
    let cloexec = closed_on_exec(call.table, call.row.cloexec(), &call.args, &mut Local::default());
    let flags = if cloexec { EFD_CLOEXEC } else { 0 };
    let (secret, never) = (call.plan.secret, &call.plan.never);
    let fd = gate(SYS_EVENTFD2, &[0, flags, 0, 0, 0, secret], never);
    if fd != leaders && !failed(fd) {
        gate(SYS_CLOSE, &[fd.cast_unsigned(), 0, 0, 0, 0, secret], never);
    }
    fd == leaders
}

/// Waits for the leader's next record. `None`: the call is the monitor's.
fn next_record(seat: &Seat<'_>, mode: Mode, epoch: u32) -> Option<(Cursor, Head)> {
    let ring = seat.ring();
    let own = seat.variant();
    let what = if mode == Mode::Ahead { Wait::RecordAhead } else { Wait::Record };
    loop {
        let cursor = ring.cursor(own);
        let tag = ring.tag_word(cursor);
        let leave = || seat.is_called();
        #[allow(clippy::cast_possible_truncation)] // the half that is the tag
        let found = seat.until(
            what,
            low_half(tag),
            || tag.load(Ordering::SeqCst) as u32,
            || {
                // In this order: the leader's records come before its stop.
                let elsewhere = seat.slow(0) != epoch;
                match ring.look(cursor) {
                    Some(head) => Some(Some(head)),
                    None if elsewhere || leave() || ring.is_given_up(cursor) => Some(None),
                    None => None,
                }
            },
        );
        let head = found?;
        match head.phase {
            // Taken back in an earlier epoch, when this variant was in the monitor already.
            Phase::Cancelled if head.epoch != epoch => ring.consume(own, cursor, &head),
            Phase::Cancelled => {
                ring.consume(own, cursor, &head);
                return None;
            }
            _ if head.epoch != epoch => return None,
            _ => return Some((cursor, head)),
        }
    }
}

fn same_inputs(call: &Call<'_>, seat: &Seat<'_>, cursor: Cursor, head: &Head) -> bool {
    let mut memory = Local::default();
    let mut comparer = Comparer::new(seat.memory, cursor, head);
    gather(call.table, &call.row.args(), &call.args, &mut memory, &call.apart, &mut comparer);
    comparer.equal()
}
