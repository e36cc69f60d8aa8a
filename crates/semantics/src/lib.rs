//! What a system call means, interpreted from its description: gather its inputs, compare them, collect what it
//! gave, apply that in a follower.
//!
//! The same code runs in the monitor (memory of another process) and in a variant (its own memory), so there is
//! no heap, no unbounded recursion and nothing that can panic on hostile memory.
#![no_std]
#![forbid(unsafe_code)]

mod apply;
mod canon;
mod collect;
mod compare;
mod digest;
mod expr;
mod gather;
mod input;
mod lookup;
mod memory;
mod shape;

pub use apply::{ApplyError, apply};
pub use canon::{Canon, Identity, Region, Regions};
pub use collect::{OutSink, collect};
pub use compare::first_difference;
pub use digest::digest;
pub use expr::{can_give, closed_on_exec, evaluate};
pub use gather::{Part, Sink, gather};
pub use input::{Input, input};
pub use lookup::{Lookup, find, lookup};
pub use memory::{Before, Memory, NoBefore};

/// No function calls itself, or is called back, so that more than so many of it are active at once: those that recur
/// count how deep they are (`DEPTH`, `NESTING`), and the last one returns at once.
pub const RECURSION: u64 = if DEPTH > NESTING { DEPTH as u64 } else { NESTING as u64 } + 2;

/// How deep descriptions may nest. The deepest real one (`recvmmsg`: array, header, vector, bytes) needs 5.
pub(crate) const DEPTH: u8 = 8;
/// How deep expressions may nest.
pub(crate) const NESTING: u8 = 6;
/// More bytes than this are never looked at in one buffer (MAX_RW_COUNT, include/linux/fs.h).
pub const MAX_BYTES: u64 = 0x7fff_f000;
/// More elements than this are never looked at in one array.
pub(crate) const MAX_ELEMENTS: u64 = 65_536;
/// UIO_MAXIOV, include/uapi/linux/uio.h.
pub(crate) const MAX_VECTORS: u64 = 1024;
/// More strings than this are no program's arguments: with their addresses they have 6 MiB at most (bprm_stack_limits,
/// fs/exec.c).
pub(crate) const MAX_STRINGS: u64 = 1 << 20;
/// MAX_ARG_STRLEN, include/uapi/linux/binfmts.h.
pub(crate) const MAX_STRING: usize = 131_072;

/// Whether a result is an error number.
#[must_use]
pub fn failed(ret: i64) -> bool {
    (-4095..0).contains(&ret)
}
