//! Which arguments give the kernel plain memory to read: that can be taken from a copy of it.

use stretto_abi::table::{DIR_IN, Kind, Table};

/// What an argument gives the kernel to read.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Input {
    /// Nothing, or what has a structure.
    None,
    /// One buffer or string.
    Buffer,
    /// Vectors.
    Vectors,
}

/// What an argument that `node` describes gives the kernel to read if its register holds `value`.
#[must_use]
pub fn input(table: &Table<'_>, node: u32, value: u64) -> Input {
    let pointer = table.node(node).filter(|node| node.kind == Kind::Ptr && node.dir == DIR_IN);
    let Some(pointer) = pointer.filter(|_| value != 0) else { return Input::None };
    match table.node(pointer.a).map(|target| target.kind) {
        Some(Kind::Bytes | Kind::CStr) => Input::Buffer,
        Some(Kind::Iovec) => Input::Vectors,
        _ => Input::None,
    }
}
