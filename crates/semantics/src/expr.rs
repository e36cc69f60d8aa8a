//! Lengths, counts and selectors.

use stretto_abi::table::{Expr, NONE, Table};

use crate::NESTING;
use crate::failed;
use crate::memory::{Before, Memory, NoBefore, integer};
use crate::shape::vector_count;

/// What an expression may look at.
pub(crate) struct Scope<'s, 't, B> {
    pub table: &'s Table<'t>,
    pub args: &'s [u64; 6],
    /// The result, 0 before the call and after an error.
    pub ret: u64,
    pub before: &'s B,
}

fn truncate(value: u64, width: u32) -> u64 {
    if width >= 8 { value } else { value & ((1 << (8 * width)) - 1) }
}

impl<B: Before> Scope<'_, '_, B> {
    /// The value of expression `index` for a structure at `base`; [`NONE`] gives `None`.
    #[inline]
    pub fn value<M: Memory>(&self, index: u32, base: u64, memory: &mut M) -> Option<u64> {
        if index == NONE {
            return None;
        }
        Some(self.simple(index).unwrap_or_else(|| self.at_depth(index, base, memory, 0)))
    }

    /// The value of an expression that has no parts and looks at no memory, as most are: an agent evaluates one or two
    /// with every call.
    #[inline(always)]
    fn simple(&self, index: u32) -> Option<u64> {
        match self.table.expr(index)? {
            Expr::Const(value) => Some(value),
            Expr::Arg { arg, width } => Some(truncate(self.argument(arg), width)),
            Expr::Ret => Some(self.ret),
            _ => None,
        }
    }

    fn argument(&self, index: u32) -> u64 {
        self.args.get(index as usize).copied().unwrap_or(0)
    }

    fn was<M: Memory>(&self, address: u64, width: u32, memory: &mut M) -> u64 {
        let mut bytes = [0u8; 8];
        if let Some(part) = bytes.get_mut(..(width as usize).min(8))
            && self.before.before(address, part)
        {
            return u64::from_le_bytes(bytes);
        }
        integer(memory, address, width)
    }

    #[inline(never)]
    fn at_depth<M: Memory>(&self, index: u32, base: u64, memory: &mut M, depth: u8) -> u64 {
        if depth > NESTING {
            return 0;
        }
        let mut inner = |index: u32| self.at_depth(index, base, memory, depth + 1);
        match self.table.expr(index).unwrap_or(Expr::Unknown) {
            Expr::Const(value) => value,
            Expr::Arg { arg, width } => truncate(self.argument(arg), width),
            Expr::Ret => self.ret,
            Expr::Deref { arg, width } => integer(memory, self.argument(arg), width),
            Expr::DerefBefore { arg, width } => self.was(self.argument(arg), width, memory),
            Expr::Field { offset, width } => integer(memory, base.wrapping_add(offset.into()), width),
            Expr::FieldBefore { offset, width } => self.was(base.wrapping_add(offset.into()), width, memory),
            Expr::Mul(one, other) => inner(one).saturating_mul(inner(other)),
            Expr::Min(one, other) => inner(one).min(inner(other)),
            Expr::Add(one, other) => inner(one).saturating_add(inner(other)),
            Expr::And(one, mask) => inner(one) & mask,
            Expr::Shr(one, bits) => inner(one).checked_shr(u32::try_from(bits).unwrap_or(64)).unwrap_or(0),
            Expr::DivUp(one, divisor) => inner(one).div_ceil(divisor.max(1)),
            Expr::Pair(one, other) => inner(one) << 32 | inner(other) & 0xffff_ffff,
            Expr::Total { arg, count } => {
                let vectors = self.argument(arg);
                let count = vector_count(Some(inner(count)));
                (0..count).fold(0, |total: u64, element| {
                    let length = integer(memory, vectors.wrapping_add(16 * element + 8), 8);
                    total.saturating_add(length)
                })
            }
            Expr::Unknown => 0,
        }
    }
}

/// The value of an expression over arguments alone, as it is now; 0 for [`NONE`].
pub fn evaluate<M: Memory>(table: &Table<'_>, index: u32, args: &[u64; 6], memory: &mut M) -> u64 {
    Scope { table, args, ret: 0, before: &NoBefore }.value(index, 0, memory).unwrap_or(0)
}

/// Whether a call with these arguments can have given `ret`, by the expression of its call for the greatest result.
#[inline(always)]
pub fn can_give<M: Memory>(table: &Table<'_>, most: u32, args: &[u64; 6], ret: i64, memory: &mut M) -> bool {
    most == NONE || failed(ret) || ret.cast_unsigned() <= evaluate(table, most, args, memory)
}

/// Whether a new descriptor is closed on exec, by the expression of its call that says so.
pub fn closed_on_exec<M: Memory>(table: &Table<'_>, index: u32, args: &[u64; 6], memory: &mut M) -> bool {
    evaluate(table, index, args, memory) != 0
}
