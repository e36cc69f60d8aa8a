//! What to do with a call that a stub brings.

use core::cell::Cell;
use core::sync::atomic::Ordering;

use stretto_abi::context::{Context, Frame, Plan};
use stretto_abi::doorbell::Doorbells;
use stretto_abi::policy::{Mode, mode};
use stretto_abi::ring::{CALLED, RingWithBulk, WAITED_FOR};
use stretto_abi::table::{Mechanism, NONE, Row, Table};
use stretto_abi::turn::Turns;
use stretto_semantics::{Lookup, find};

use crate::machine_unsafe::{Apart, Local, bytes};
use crate::wait::Seat;
use crate::{follower, leader};

/// How a thread leaves the agent.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Exit {
    /// To the stub's traced `syscall`, with the program's registers.
    Monitor,
    /// Behind the call, which has been made.
    Done,
}

impl Exit {
    /// Bytes from the stub's traced `syscall` to where the thread goes on (`stretto-patcher`, layout of stubs).
    #[must_use]
    pub fn link(self) -> u64 {
        match self {
            Self::Monitor => 0,
            Self::Done => 12,
        }
    }
}

/// A call on its way through the agent.
#[derive(Debug)]
pub struct Call<'c> {
    pub table: &'c Table<'c>,
    pub row: Row<'c>,
    pub mode: Mode,
    pub nr: u64,
    pub args: [u64; 6],
    pub plan: &'c Plan,
    /// Where this variant differs from the leader on purpose.
    pub apart: Apart,
}

impl Call<'_> {
    /// Makes `args` what goes to the gate: a call with fewer than six arguments carries the secret in the last register,
    /// which the kernel ignores.
    pub fn add_secret(&self, args: &mut [u64; 6]) {
        if self.row.arg(5) == NONE {
            args[5] = self.plan.secret;
        }
    }
}

/// What this thread shares with its counterparts, and the monitor.
#[derive(Clone, Copy, Debug)]
pub struct Shared<'s> {
    pub memory: &'s RingWithBulk,
    /// Leader: the turn among the threads of its process, if agents may pass it on.
    pub turns: Option<&'s Turns>,
    pub doorbells: &'s Doorbells,
}

/// The arguments of the call in `frame`, in order.
fn arguments(frame: &Frame) -> [u64; 6] {
    [frame.rdi, frame.rsi, frame.rdx, frame.r10, frame.r8, frame.r9]
}

/// Makes the call in `frame` for this variant, or sends the thread to the monitor with it.
pub fn dispatch(frame: &mut Frame, context: &Context, plan: &Plan, shared: &Shared<'_>) -> Exit {
    let Shared { memory, turns, doorbells } = *shared;
    let Some(table) = Table::checked_before(bytes(plan.table, plan.table_length)) else {
        return Exit::Monitor;
    };
    let policy = bytes(plan.policy, plan.policy_length);
    // The kernel looks at 32 bits (arch/x86/entry/syscall_64.c).
    let nr = frame.rax & 0xffff_ffff;
    let args = arguments(frame);
    let Lookup::Known(row) = find(&table, nr, &args, &mut Local::default()) else {
        return Exit::Monitor;
    };
    let mode = mode(policy, row.index());
    // Who comes there alone would only make the others wait.
    let opens_there =
        row.mechanism() == Mechanism::Open && memory.ring.notices.opens.load(Ordering::Relaxed) != 0;
    if mode == Mode::Monitored || opens_there {
        return Exit::Monitor;
    }
    let call = Call { table: &table, row, mode, nr, args, plan, apart: Apart::new(context) };
    let seat = Seat { memory, plan, nr, turns, doorbells, heeds: Cell::new(CALLED | WAITED_FOR) };
    let outcome =
        if plan.variant == 0 { leader::make(&call, &seat) } else { follower::make(&call, &seat, context) };
    match outcome {
        Outcome::Result(result) => {
            let own = &memory.ring.posts[seat.variant()];
            own.calls.store(own.calls.load(Ordering::Relaxed) + 1, Ordering::Relaxed);
            frame.rax = result.cast_unsigned();
            Exit::Done
        }
        Outcome::Monitor => Exit::Monitor,
        Outcome::Point(number, result) => {
            context.result.store(result.cast_unsigned(), Ordering::Relaxed);
            frame.rax = number;
            Exit::Monitor
        }
    }
}

/// How the leader's or a follower's half of a call ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Outcome {
    /// The call has been made.
    Result(i64),
    /// Nothing has happened; the monitor makes the call.
    Monitor,
    /// The call has been made; the pseudo call says what is left to the monitor.
    Point(u64, i64),
}
