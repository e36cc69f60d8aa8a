//! A follower takes over the leader's outputs: the same walk over its own pointers, with the stream's lengths.

use stretto_abi::table::{DIR_OUT, Kind, NODE_ON_ERROR, NONE, Node, Table};

use crate::canon::Canon;
use crate::expr::Scope;
use crate::memory::{Memory, NoBefore, integer};
use crate::shape::{flat, vector_count};
use crate::{DEPTH, MAX_ELEMENTS, failed};

/// Why outputs could not be taken over.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ApplyError {
    /// The stream ends before the walk.
    Short,
    /// The follower's memory at this address can't be written.
    Fault(u64),
    /// The stream holds more than the follower has asked for: the leader has not got it from the kernel.
    Excess,
}

struct Applier<'a, 't, M, C> {
    scope: Scope<'a, 't, NoBefore>,
    memory: &'a mut M,
    canon: &'a C,
    stream: &'a [u8],
    failed: bool,
}

/// Writes the outputs in `stream`, as [`crate::collect`] made it, into a follower's memory.
///
/// # Errors
/// See [`ApplyError`].
pub fn apply<M: Memory, C: Canon>(
    table: &Table<'_>,
    nodes: &[u32; 6],
    args: &[u64; 6],
    ret: i64,
    memory: &mut M,
    canon: &C,
    stream: &[u8],
) -> Result<(), ApplyError> {
    let failed = failed(ret);
    let scope = Scope { table, args, ret: if failed { 0 } else { ret.cast_unsigned() }, before: &NoBefore };
    let mut applier = Applier { scope, memory, canon, stream, failed };
    for (&index, &value) in nodes.iter().zip(args) {
        if index == NONE {
            break;
        }
        applier.register(index, value)?;
    }
    Ok(())
}

impl<'a, M: Memory, C: Canon> Applier<'a, '_, M, C> {
    #[inline(always)]
    fn register(&mut self, index: u32, value: u64) -> Result<(), ApplyError> {
        let Some(mut node) = self.scope.table.node(index) else {
            return Ok(());
        };
        if node.kind == Kind::Switch {
            let selector = self.scope.value(node.b, 0, self.memory).unwrap_or(0);
            let case = self.scope.table.case(&node, selector).and_then(|case| self.scope.table.node(case));
            let Some(case) = case else { return Ok(()) };
            node = case;
        }
        self.pointer(&node, value, 0, 0)
    }

    #[inline(always)]
    fn pointer(&mut self, node: &Node, value: u64, base: u64, depth: u8) -> Result<(), ApplyError> {
        if node.kind != Kind::Ptr || value == 0 || (self.failed && node.flags & NODE_ON_ERROR == 0) {
            return Ok(());
        }
        self.target(node.a, value, node.dir, base, depth + 1)
    }

    fn item(&mut self) -> Result<&'a [u8], ApplyError> {
        let (length, rest) = self.stream.split_first_chunk::<4>().ok_or(ApplyError::Short)?;
        let length = u32::from_le_bytes(*length) as usize;
        let (item, rest) = rest.split_at_checked(length).ok_or(ApplyError::Short)?;
        self.stream = rest;
        Ok(item)
    }

    fn number(&mut self) -> Result<u64, ApplyError> {
        let item = self.item()?;
        item.first_chunk::<8>().map(|bytes| u64::from_le_bytes(*bytes)).ok_or(ApplyError::Short)
    }

    fn put(&mut self, address: u64, bytes: &[u8]) -> Result<(), ApplyError> {
        // Where the kernel has failed to write, that is what the call has failed of.
        if bytes.is_empty() || self.memory.write(address, bytes) == bytes.len() || self.failed {
            return Ok(());
        }
        Err(ApplyError::Fault(address))
    }

    #[inline(always)]
    fn target(&mut self, index: u32, address: u64, dir: u8, base: u64, depth: u8) -> Result<(), ApplyError> {
        let Some(node) = self.scope.table.node(index).filter(|_| depth <= DEPTH) else {
            return Ok(());
        };
        // What most calls have, and agents deal with all the time.
        if node.kind == Kind::Bytes {
            if dir & DIR_OUT == 0 {
                return Ok(());
            }
            let most = self.own(node.b, base);
            return self.whole(address, most);
        }
        self.compound((index, &node), address, dir, base, depth)
    }

    /// One item, of at most so many bytes.
    fn whole(&mut self, address: u64, most: u64) -> Result<(), ApplyError> {
        let item = self.item()?;
        if item.len() as u64 > most {
            return Err(ApplyError::Excess);
        }
        self.put(address, item)
    }

    /// What a length or count is by the follower's own arguments and memory. Memory that the call writes is not written
    /// yet where it decides how much that is (`bounds.py`).
    fn own(&mut self, expression: u32, base: u64) -> u64 {
        self.scope.value(expression, base, self.memory).unwrap_or(0)
    }

    /// What may have parts.
    #[inline(never)]
    fn compound(
        &mut self,
        (index, node): (u32, &Node),
        address: u64,
        dir: u8,
        base: u64,
        depth: u8,
    ) -> Result<(), ApplyError> {
        let out = dir & DIR_OUT != 0;
        match node.kind {
            Kind::Struct if out && flat(self.scope.table, index, 0) => self.whole(address, node.c.into()),
            Kind::Struct => {
                for index in node.a..node.a.saturating_add(node.b) {
                    let Some(field) = self.scope.table.field(index) else {
                        break;
                    };
                    let dir = if field.dir == 0 { dir } else { field.dir };
                    self.target(
                        field.node,
                        address.wrapping_add(field.offset.into()),
                        dir,
                        address,
                        depth + 1,
                    )?;
                }
                Ok(())
            }
            Kind::Array => {
                let count = self.number()?;
                if count > self.own(node.b, base).min(MAX_ELEMENTS) {
                    return Err(ApplyError::Excess);
                }
                if out && flat(self.scope.table, node.a, 0) {
                    return self.whole(address, count * u64::from(node.c));
                }
                for element in 0..count {
                    let at = address.wrapping_add(element * u64::from(node.c));
                    self.target(node.a, at, dir, base, depth + 1)?;
                }
                Ok(())
            }
            Kind::Ptr => {
                let value = integer(self.memory, address, 8);
                self.pointer(node, value, base, depth)
            }
            Kind::Switch => {
                let selector = if out {
                    self.number()?
                } else {
                    self.scope.value(node.b, base, self.memory).unwrap_or(0)
                };
                match self.scope.table.case(node, selector).filter(|&case| case != NONE) {
                    Some(case) => self.target(case, address, dir, base, depth + 1),
                    None => Ok(()),
                }
            }
            _ if !out => Ok(()),
            Kind::Int => self.whole(address, node.width.into()),
            Kind::Control => {
                let most = self.own(node.b, base);
                self.whole(address, most)
            }
            Kind::Address | Kind::Opaque => {
                let value = self.canon.to_own(self.number()?);
                self.put(address, &value.to_le_bytes())
            }
            Kind::Iovec => self.vectors(node, address, base),
            Kind::Bytes | Kind::CStr | Kind::CStrVec | Kind::Ignore => Ok(()),
        }
    }

    fn vectors(&mut self, node: &Node, address: u64, base: u64) -> Result<(), ApplyError> {
        let count = vector_count(self.scope.value(node.b, base, self.memory));
        let mut item = self.item()?;
        for element in 0..count {
            let at = address.wrapping_add(16 * element);
            let start = integer(self.memory, at, 8);
            let length = integer(self.memory, at.wrapping_add(8), 8);
            let take = usize::try_from(length).unwrap_or(usize::MAX).min(item.len());
            let (now, rest) = item.split_at_checked(take).ok_or(ApplyError::Short)?;
            self.put(start, now)?;
            item = rest;
        }
        Ok(())
    }
}
