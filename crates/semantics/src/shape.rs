use stretto_abi::table::{Kind, NODE_MADE_FD, Table};

use crate::{DEPTH, MAX_VECTORS};

/// Whether memory of this type holds nothing but plain bytes of one direction, so that it can be copied whole.
pub(crate) fn flat(table: &Table<'_>, index: u32, depth: u8) -> bool {
    let Some(node) = table.node(index).filter(|_| depth < DEPTH) else {
        return false;
    };
    match node.kind {
        Kind::Int => node.flags & NODE_MADE_FD == 0,
        Kind::Ignore => true,
        Kind::Struct => (node.a..node.a.saturating_add(node.b)).all(|index| {
            table.field(index).is_some_and(|field| field.dir == 0 && flat(table, field.node, depth + 1))
        }),
        _ => false,
    }
}

/// How many vectors a call looks at: with more than UIO_MAXIOV it fails before it looks (lib/iov_iter.c).
pub(crate) fn vector_count(asked: Option<u64>) -> u64 {
    asked.filter(|&count| count <= MAX_VECTORS).unwrap_or(0)
}
