//! What runs inside a variant: compares and replicates calls over the ring, without stopping at the monitor.
//!
//! The rules of living here: no heap, no libc, no thread-local storage, no recursion but what
//! counts its depth, no writable data of its own, no register state touched but general registers and the lower halves
//! of the vector registers that the entry saves. Whatever is unclear goes to the monitor: there is one way out for
//! signals, faults, disagreement and everything too large ([`Exit::Monitor`]).
//!
//! Every call of the program comes by here. What all of them need is inlined, what few of them need is not: a function
//! that is called saves and restores six registers, and one that returns behind a system call is mispredicted.
#![no_std]

mod entry;
mod follower;
mod leader;
mod machine_unsafe;
mod sinks_unsafe;
mod turn;
mod vectors;
mod wait;

pub use entry::{Exit, dispatch};
pub use machine_unsafe::enter;
pub use stretto_abi::context::BELOW_FRAME;
