//! What the leader's call gave, as a stream of items in the order in which a follower's walk will want them.
//!
//! An item is a `u32` length and that many bytes. Lengths and counts are taken from the leader here and from the
//! stream in the follower, never from the follower's memory.

use stretto_abi::table::{DIR_OUT, Kind, NODE_MADE_FD, NODE_ON_ERROR, NONE, Node, Table};

use crate::canon::Canon;
use crate::expr::Scope;
use crate::memory::{Before, Memory, integer};
use crate::shape::{flat, vector_count};
use crate::{DEPTH, MAX_BYTES, MAX_ELEMENTS, MAX_VECTORS, failed};

/// Receives collected outputs.
pub trait OutSink {
    /// Bytes of the stream.
    fn bytes(&mut self, bytes: &[u8]);
    /// The length of an item.
    fn length(&mut self, length: u32) {
        self.bytes(&length.to_le_bytes());
    }
    /// `length` bytes of the stream, which stand at `address`; zeros where they can't be read.
    fn fill<M: Memory>(&mut self, memory: &mut M, address: u64, length: usize);
    /// The number of a descriptor that the call has made.
    fn descriptor(&mut self, fd: i32);
}

struct Collector<'c, 't, M, B, C, S> {
    scope: Scope<'c, 't, B>,
    memory: &'c mut M,
    canon: &'c C,
    sink: &'c mut S,
    failed: bool,
}

/// Collects the outputs of a call, whose arguments `nodes` describe and which returned `ret`, from the leader's memory.
#[allow(clippy::too_many_arguments)] // one more than seven, all needed
pub fn collect<M: Memory, B: Before, C: Canon, S: OutSink>(
    table: &Table<'_>,
    nodes: &[u32; 6],
    args: &[u64; 6],
    ret: i64,
    memory: &mut M,
    before: &B,
    canon: &C,
    sink: &mut S,
) {
    let failed = failed(ret);
    let scope = Scope { table, args, ret: if failed { 0 } else { ret.cast_unsigned() }, before };
    let mut collector = Collector { scope, memory, canon, sink, failed };
    for (&index, &value) in nodes.iter().zip(args) {
        if index == NONE {
            break;
        }
        collector.register(index, value);
    }
}

impl<M: Memory, B: Before, C: Canon, S: OutSink> Collector<'_, '_, M, B, C, S> {
    #[inline(always)]
    fn register(&mut self, index: u32, value: u64) {
        let Some(mut node) = self.scope.table.node(index) else {
            return;
        };
        if node.kind == Kind::Switch {
            let selector = self.scope.value(node.b, 0, self.memory).unwrap_or(0);
            let case = self.scope.table.case(&node, selector).and_then(|case| self.scope.table.node(case));
            let Some(case) = case else { return };
            node = case;
        }
        self.pointer(&node, value, 0, 0);
    }

    #[inline(always)]
    fn pointer(&mut self, node: &Node, value: u64, base: u64, depth: u8) {
        if node.kind != Kind::Ptr || value == 0 || (self.failed && node.flags & NODE_ON_ERROR == 0) {
            return;
        }
        self.target(node.a, value, node.dir, base, depth + 1);
    }

    fn item(&mut self, address: u64, length: u64) {
        #[allow(clippy::cast_possible_truncation)] // below 2 GiB
        let length = length.min(MAX_BYTES) as u32;
        self.sink.length(length);
        self.sink.fill(self.memory, address, length as usize);
    }

    fn number(&mut self, value: u64) {
        self.sink.length(8);
        self.sink.bytes(&value.to_le_bytes());
    }

    #[inline(always)]
    fn target(&mut self, index: u32, address: u64, dir: u8, base: u64, depth: u8) {
        let Some(node) = self.scope.table.node(index).filter(|_| depth <= DEPTH) else {
            return;
        };
        // What most calls have, and agents deal with all the time.
        if node.kind == Kind::Bytes {
            if dir & DIR_OUT != 0 {
                let length = self.scope.value(node.b, base, self.memory).unwrap_or(0);
                self.item(address, length);
            }
            return;
        }
        self.compound((index, &node), address, dir, base, depth);
    }

    /// What may have parts.
    #[inline(never)]
    fn compound(&mut self, (index, node): (u32, &Node), address: u64, dir: u8, base: u64, depth: u8) {
        let out = dir & DIR_OUT != 0;
        match node.kind {
            Kind::Struct if out && flat(self.scope.table, index, 0) => self.item(address, u64::from(node.c)),
            Kind::Struct => {
                for index in node.a..node.a.saturating_add(node.b) {
                    let Some(field) = self.scope.table.field(index) else {
                        return;
                    };
                    let dir = if field.dir == 0 { dir } else { field.dir };
                    self.target(
                        field.node,
                        address.wrapping_add(field.offset.into()),
                        dir,
                        address,
                        depth + 1,
                    );
                }
            }
            Kind::Array => {
                let count = self.scope.value(node.b, base, self.memory).unwrap_or(0).min(MAX_ELEMENTS);
                self.number(count);
                if out && flat(self.scope.table, node.a, 0) {
                    return self.item(address, count * u64::from(node.c));
                }
                for element in 0..count {
                    let at = address.wrapping_add(element * u64::from(node.c));
                    self.target(node.a, at, dir, base, depth + 1);
                }
            }
            Kind::Ptr => {
                let value = integer(self.memory, address, 8);
                self.pointer(node, value, base, depth);
            }
            Kind::Switch => {
                let selector = self.scope.value(node.b, base, self.memory).unwrap_or(0);
                if out {
                    self.number(selector);
                }
                if let Some(case) = self.scope.table.case(node, selector).filter(|&case| case != NONE) {
                    self.target(case, address, dir, base, depth + 1);
                }
            }
            _ if !out => {}
            Kind::Int => {
                self.item(address, u64::from(node.width));
                if node.flags & NODE_MADE_FD != 0 {
                    self.descriptor(address);
                }
            }
            Kind::Address | Kind::Opaque => {
                let value = integer(self.memory, address, 8);
                self.number(self.canon.to_leader(value));
            }
            Kind::Iovec => self.vectors(node, address, base),
            Kind::Control => self.control(node, address, base),
            Kind::Bytes | Kind::CStr | Kind::CStrVec | Kind::Ignore => {}
        }
    }

    /// One item for all vectors together; the follower spreads it over its own.
    fn vectors(&mut self, node: &Node, address: u64, base: u64) {
        let count = vector_count(self.scope.value(node.b, base, self.memory));
        let mut budget = self.scope.value(node.c, base, self.memory).unwrap_or(MAX_BYTES).min(MAX_BYTES);
        let total = budget;
        #[allow(clippy::cast_possible_truncation)] // below 2 GiB
        self.sink.bytes(&(total as u32).to_le_bytes());
        for element in 0..count {
            let at = address.wrapping_add(16 * element);
            let start = integer(self.memory, at, 8);
            let take = integer(self.memory, at.wrapping_add(8), 8).min(budget);
            #[allow(clippy::cast_possible_truncation)] // below 2 GiB
            self.sink.fill(self.memory, start, take as usize);
            budget -= take;
        }
        // What the vectors could not hold (they changed meanwhile) is made up, so that the item has its length.
        while budget > 0 {
            let step = budget.min(64);
            #[allow(clippy::cast_possible_truncation)] // at most 64
            self.sink.bytes([0u8; 64].get(..step as usize).unwrap_or(&[]));
            budget -= step;
        }
    }

    fn descriptor(&mut self, address: u64) {
        let fd = integer(self.memory, address, 4);
        #[allow(clippy::cast_possible_truncation)] // four bytes were read
        self.sink.descriptor(fd as i32);
    }

    fn control(&mut self, node: &Node, address: u64, base: u64) {
        const SOL_SOCKET: u64 = 1;
        const SCM_RIGHTS: u64 = 1;
        let total = self.scope.value(node.b, base, self.memory).unwrap_or(0).min(MAX_BYTES);
        self.item(address, total);
        let mut at = 0u64;
        for _ in 0..MAX_VECTORS {
            if at.saturating_add(16) > total {
                return;
            }
            let header = address.wrapping_add(at);
            let length = integer(self.memory, header, 8);
            if length < 16 || length > total - at {
                return;
            }
            let level = integer(self.memory, header.wrapping_add(8), 4);
            let kind = integer(self.memory, header.wrapping_add(12), 4);
            if level == SOL_SOCKET && kind == SCM_RIGHTS {
                for index in 0..(length - 16) / 4 {
                    self.descriptor(header.wrapping_add(16 + 4 * index));
                }
            }
            at = at.saturating_add(length.saturating_add(7) & !7);
        }
    }
}
