//! Memory layouts that two sides share: the monitor, whoever compiles the tables, and the agent inside a variant.
//!
//! No dependencies, no allocation, no `unsafe`: everything here can be linked into a blob that lives inside a
//! variant. The one dependency, `loom`, is there only when the ring's protocol is model-checked.
#![no_std]
#![forbid(unsafe_code)]

#[cfg(loom)]
extern crate std;

pub mod context;
pub mod digest;
pub mod doorbell;
pub mod policy;
pub mod ring;
pub mod table;
pub mod turn;
