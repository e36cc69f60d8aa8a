//! What arguments and memory are made of.

/// Directions, as bits.
pub const DIR_IN: u8 = 1;
pub const DIR_OUT: u8 = 2;

/// Out-data is also valid when the call failed (nanosleep's remainder).
pub const NODE_ON_ERROR: u8 = 1;
/// The integer in out-data is the number of a descriptor that the call has made.
pub const NODE_MADE_FD: u8 = 2;

/// What a node says about a register or about memory.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(u8)]
pub enum Kind {
    /// Integer of `width` bytes, compared.
    Int = 0,
    /// `width` bytes that nobody looks at (padding, unused argument).
    Ignore = 1,
    /// 8-byte address in the variant; compared after canonicalisation.
    Address = 2,
    /// 8 bytes of the program's own that may be an address (epoll data); canonicalised both ways.
    Opaque = 3,
    /// 8-byte pointer to node `a`, direction `dir` (0: only whether it is NULL counts).
    Ptr = 4,
    /// `b` = expression: that many bytes.
    Bytes = 5,
    /// NUL-ended string.
    CStr = 6,
    /// Vector of pointers to NUL-ended strings, NULL-ended.
    CStrVec = 7,
    /// `a` = first field, `b` = number of fields, `c` = size in bytes.
    Struct = 8,
    /// `a` = element node, `b` = expression for the count, `c` = stride in bytes.
    Array = 9,
    /// Array of `struct iovec`: `b` = expression for the count, `c` = expression for the bytes that are
    /// spread over it (NONE: all).
    Iovec = 10,
    /// `a` = first case, `b` = expression for the selector, `c` = number of cases. No case: nothing.
    Switch = 11,
    /// Socket control data (a list of `cmsghdr`), `b` = expression for the length.
    Control = 12,
}

impl Kind {
    pub(super) fn from_u8(value: u8) -> Self {
        match value {
            0 => Self::Int,
            2 => Self::Address,
            3 => Self::Opaque,
            4 => Self::Ptr,
            5 => Self::Bytes,
            6 => Self::CStr,
            7 => Self::CStrVec,
            8 => Self::Struct,
            9 => Self::Array,
            10 => Self::Iovec,
            11 => Self::Switch,
            12 => Self::Control,
            _ => Self::Ignore,
        }
    }
}

/// How a length, count or selector is computed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Expr {
    /// The number itself.
    Const(u64),
    /// Argument `arg`, truncated to `width` bytes.
    Arg {
        arg: u32,
        width: u32,
    },
    /// The call's result; 0 before the call and after an error.
    Ret,
    /// The `width`-byte integer that argument `arg` points at; after the call: as it is then.
    Deref {
        arg: u32,
        width: u32,
    },
    /// The same, as it was before the call.
    DerefBefore {
        arg: u32,
        width: u32,
    },
    /// The `width`-byte integer at `offset` of the enclosing structure; after the call: as it is then.
    Field {
        offset: u32,
        width: u32,
    },
    /// The same, as it was before the call.
    FieldBefore {
        offset: u32,
        width: u32,
    },
    /// Product, least, sum of two expressions (indices).
    Mul(u32, u32),
    Min(u32, u32),
    Add(u32, u32),
    /// Bitwise and, shift right of expression `0` by the constant `1`.
    And(u32, u64),
    Shr(u32, u64),
    /// Expression `0` divided by the constant `1`, rounded up.
    DivUp(u32, u64),
    /// Expression `0` shifted left by 32, or-ed with expression `1` (level and option of a socket option).
    Pair(u32, u32),
    /// The bytes of the `struct iovec`s that argument `arg` points at, as many as expression `count` says.
    Total {
        arg: u32,
        count: u32,
    },
    /// A table of a newer version.
    Unknown,
}

/// A type.
#[derive(Clone, Copy, Debug)]
pub struct Node {
    pub kind: Kind,
    pub dir: u8,
    pub width: u8,
    pub flags: u8,
    pub a: u32,
    pub b: u32,
    pub c: u32,
    /// String offset: how to print it (`Fd`, `Mode`, name of a set of flags).
    pub display: u32,
}

/// A field of a structure.
#[derive(Clone, Copy, Debug)]
pub struct Field {
    pub offset: u32,
    pub node: u32,
    pub name: u32,
    /// Direction, 0 = inherited.
    pub dir: u8,
}
