//! Memory layouts that two sides share: the monitor, whoever compiles the tables, and later the agent.
//!
//! No dependencies, no allocation, no `unsafe`: everything here can be linked into a blob that lives inside a
//! variant.
#![no_std]
#![forbid(unsafe_code)]

pub mod table;
