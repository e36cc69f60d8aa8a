//! What the leader hands to the followers.

use stretto_abi::table::CallRow;

use std::sync::Arc;

use crate::layout::maps::Mapping;
use crate::taskset::{Arrival, TaskSet};

/// The outcome of a call that only the leader carried out.
#[derive(Debug, Default)]
pub struct LeaderResult {
    pub ret: i64,
    /// Out-data, as `stretto_semantics::collect` wrote it.
    pub stream: Vec<u8>,
    /// Descriptors that came with control data.
    pub received: Vec<i32>,
    /// A new descriptor is closed on exec.
    pub cloexec: bool,
    /// A new descriptor is a regular file or directory opened for reading: its device and inode.
    pub readable: Option<(u64, u64)>,
    /// A new mapping is that of an ELF image.
    pub elf: bool,
    /// The child that a wait took away.
    pub reaped: Option<Arc<TaskSet>>,
    pub call: Option<CallRow>,
    /// The leader at the entry of the call, for reports.
    pub arrival: Option<Arc<Arrival>>,
}

/// What exec left in the leader's address space.
#[derive(Debug)]
pub struct ImageInfo {
    /// Program and dynamic loader.
    pub images: Vec<Cluster>,
    pub stack: Mapping,
    pub rsp: u64,
    /// From `rsp` to the end of the stack.
    pub stack_bytes: Vec<u8>,
    /// Where the heap begins.
    pub brk: u64,
}

/// An ELF image: consecutive mappings.
#[derive(Clone, Debug)]
pub struct Cluster {
    pub start: u64,
    pub end: u64,
    /// Position-independent, so it can be moved.
    pub movable: bool,
    pub parts: Vec<Mapping>,
}
