//! Which displacements of the jump have trapping opcodes where they must be.

use crate::JUMP;

/// Opcodes of one byte that trap whatever follows, in ascending order. `int3` raises #BP; `insb` to `outsd`,
/// `in` and `out`, `hlt`, `cli` and `sti` raise #GP in ring 3 without I/O permissions (Intel SDM volume 2).
/// Invalid opcodes are left out: hypervisors intercept #UD, and it is slow.
pub(crate) const TRAPPING: [u8; 16] =
    [0x6c, 0x6d, 0x6e, 0x6f, 0xcc, 0xe4, 0xe5, 0xe6, 0xe7, 0xec, 0xed, 0xee, 0xef, 0xf4, 0xfa, 0xfb];

/// The condition on `rel32`: which of its bytes must trap.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Condition {
    /// From the least significant byte, which is byte 1 of the jump, to the most significant.
    trapping: [bool; 4],
}

impl Condition {
    /// `constrained`: which bytes of the jump must trap. Byte 0 is its opcode.
    pub fn new(constrained: [bool; JUMP]) -> Self {
        Self { trapping: [constrained[1], constrained[2], constrained[3], constrained[4]] }
    }

    /// Whether the jump may have this displacement.
    pub fn holds(&self, rel: i32) -> bool {
        let bytes = rel.to_le_bytes();
        (0..4).all(|index| self.allows(index, bytes[index]))
    }

    /// The smallest displacement from `rel` on that the jump may have.
    ///
    /// It shares its upper bytes with `rel`, the next one is greater, and those below are as small as they
    /// may be. The more bytes it shares the smaller it is, so these are tried first.
    pub fn next(&self, rel: i32) -> Option<i32> {
        if self.holds(rel) {
            return Some(rel);
        }
        let bytes = rel.to_le_bytes();
        for index in 0..4 {
            let shared = (index + 1..4).all(|upper| self.allows(upper, bytes[upper]));
            if !shared {
                continue;
            }
            let Some(greater) = self.smallest_above(index, bytes[index]) else { continue };
            let mut found = bytes;
            found[index] = greater;
            for (below, byte) in found.iter_mut().enumerate().take(index) {
                *byte = if self.trapping[below] { TRAPPING[0] } else { 0 };
            }
            return Some(i32::from_le_bytes(found));
        }
        None
    }

    fn allows(&self, index: usize, byte: u8) -> bool {
        !self.trapping[index] || TRAPPING.contains(&byte)
    }

    /// The top byte has the sign: its order is that of i8.
    fn smallest_above(&self, index: usize, byte: u8) -> Option<u8> {
        let key = |byte: u8| if index == 3 { byte ^ 0x80 } else { byte };
        if !self.trapping[index] {
            return key(byte).checked_add(1).map(key);
        }
        TRAPPING.into_iter().filter(|&opcode| key(opcode) > key(byte)).min_by_key(|&opcode| key(opcode))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn opcodes_are_in_order() {
        assert!(TRAPPING.is_sorted());
    }

    /// Against the definition, tried one by one.
    #[test]
    fn next_is_the_smallest() {
        for mask in 0..16 {
            let condition = Condition { trapping: std::array::from_fn(|bit| mask >> bit & 1 == 1) };
            for start in [i32::MIN, -0x3334_0001, -0x1000_0000, -0x400, -1, 0, 1, 0x6b6b_6b6b, 0x6f6f_0000] {
                let found = condition.next(start).expect("positive ones exist");
                assert!(found >= start && condition.holds(found));
                let between = (start..found).take(100_000).chain((start..found).rev().take(100_000));
                assert_eq!(between.into_iter().find(|&rel| condition.holds(rel)), None, "{mask:x} {start:x}");
            }
        }
    }

    #[test]
    fn nothing_above_the_last() {
        let condition = Condition { trapping: [true; 4] };
        assert_eq!(condition.next(0x6ffb_fbfc), None);
        assert_eq!(condition.next(i32::MIN), Some(i32::from_le_bytes([0x6c, 0x6c, 0x6c, 0xcc])));
    }
}
