//! The binary form of the system-call descriptions.
//!
//! `python/stretto/syscalls/compile.py` writes it, this module reads it in place. All integers are
//! little-endian, all records have a fixed size, an absent index is [`NONE`].
//!
//! ```text
//! header  (80 bytes)  magic "STRETTO\0", version u32; for each section its first byte and its number of records, u32
//!                     each, in this order: index, calls, subrows, nodes, fields, cases, exprs, bytes of strings; 0
//! index   u32 each    system-call number -> row in calls, or NONE
//! calls   96 bytes    one described call or sub-command
//! subrows 16 bytes    value u64, call u32, zero u32; sorted by value within one parent
//! nodes   20 bytes    types of arguments and of memory
//! fields  16 bytes    offset u32, node u32, name u32, direction u32 (0 = that of the enclosing pointer)
//! cases   16 bytes    value u64, node u32, zero u32; a case NONE-valued node is "nothing to look at"
//! exprs   16 bytes    op u32, a u32, b u64
//! strings             NUL-ended UTF-8, named by byte offset; offset 0 is the empty string
//! ```

mod call;
pub mod category;
mod types;

pub use call::{
    BLOCKS, CallRow, GIVES_NO_MEMORY, MAY_SIGNAL, Mechanism, PARTIAL, ResultKind, Row, STARTS_TASK,
    TAKES_NO_MEMORY, Who,
};
pub use types::{DIR_IN, DIR_OUT, Expr, Field, Kind, NODE_MADE_FD, NODE_ON_ERROR, Node};

/// First eight bytes of a table.
pub const MAGIC: [u8; 8] = *b"STRETTO\0";
/// Bumped whenever a record changes its meaning.
pub const VERSION: u32 = 3;
/// An index that points nowhere.
pub const NONE: u32 = u32::MAX;

const HEADER: usize = 80;
const INDEX: usize = 4;
const CALL: usize = 96;
const SUBROW: usize = 16;
const NODE: usize = 20;
const FIELD: usize = 16;
const CASE: usize = 16;
const EXPR: usize = 16;

/// Why a table can't be used.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum TableError {
    /// Not a table at all.
    Magic,
    /// Made by another version of the compiler.
    Version(u32),
    /// The sections don't fit in the file.
    Size,
}

/// A table, read in place.
#[derive(Clone, Copy, Debug)]
pub struct Table<'t> {
    bytes: &'t [u8],
    header: &'t [u8; HEADER],
}

const SECTIONS: [usize; 8] = [INDEX, CALL, SUBROW, NODE, FIELD, CASE, EXPR, 1];

fn u32_at(bytes: &[u8], at: usize) -> u32 {
    match bytes.get(at..at + 4) {
        Some(slice) => u32::from_le_bytes([slice[0], slice[1], slice[2], slice[3]]),
        None => NONE,
    }
}

fn u64_at(bytes: &[u8], at: usize) -> u64 {
    u64::from(u32_at(bytes, at)) | u64::from(u32_at(bytes, at + 4)) << 32
}

/// A word of a record of known size: no bounds are left to be checked when it runs, with every call in every variant.
#[inline(always)]
fn word_of<const SIZE: usize>(record: &[u8; SIZE], at: usize) -> u32 {
    // As one piece: byte by byte, the compiler may keep the bytes apart.
    record.get(at..).and_then(<[u8]>::first_chunk).map_or(NONE, |word| u32::from_le_bytes(*word))
}

impl<'t> Table<'t> {
    /// Checks the header and the section sizes.
    ///
    /// # Errors
    /// Every [`TableError`].
    pub fn new(bytes: &'t [u8]) -> Result<Self, TableError> {
        let table = Self::checked_before(bytes).filter(|table| table.header[..8] == MAGIC);
        let table = table.ok_or(TableError::Magic)?;
        let version = word_of(table.header, 8);
        if version != VERSION {
            return Err(TableError::Version(version));
        }
        let mut at = HEADER;
        for (section, size) in SECTIONS.into_iter().enumerate() {
            let size = table.count(section).checked_mul(size).ok_or(TableError::Size)?;
            if table.start(section) != at {
                return Err(TableError::Size);
            }
            at = at.checked_add(size).ok_or(TableError::Size)?;
        }
        if at > bytes.len() { Err(TableError::Size) } else { Ok(table) }
    }

    /// A table that [`Self::new`] has accepted before, which takes time. Of another, some records are missing or
    /// make no sense. `None`: it has no header.
    #[must_use]
    pub fn checked_before(bytes: &'t [u8]) -> Option<Self> {
        Some(Self { bytes, header: bytes.first_chunk()? })
    }

    /// The first byte of a section.
    fn start(&self, section: usize) -> usize {
        word_of(self.header, 12 + 8 * section) as usize
    }

    /// The number of records of a section.
    fn count(&self, section: usize) -> usize {
        word_of(self.header, 16 + 8 * section) as usize
    }

    fn record(&self, section: usize, index: u32) -> Option<usize> {
        let index = index as usize;
        (index < self.count(section)).then(|| self.start(section) + index * SECTIONS[section])
    }

    /// The bytes of a record.
    #[inline(always)]
    fn bytes_of<const SIZE: usize>(&self, section: usize, index: u32) -> Option<&'t [u8; SIZE]> {
        let at = self.record(section, index)?;
        self.bytes.get(at..at + SIZE)?.first_chunk()
    }

    /// The row of a system-call number.
    #[must_use]
    pub fn by_number(&self, nr: u64) -> Option<CallRow> {
        self.row_of(nr).map(Row::decoded)
    }

    /// The row of a system-call number, in place.
    #[must_use]
    pub fn row_of(&self, nr: u64) -> Option<Row<'t>> {
        let record = self.bytes_of::<INDEX>(0, u32::try_from(nr).ok()?)?;
        self.row(u32::from_le_bytes(*record))
    }

    /// The number of rows, sub-commands included.
    #[must_use]
    pub fn rows(&self) -> u32 {
        u32::try_from(self.count(1)).unwrap_or(NONE)
    }

    /// Row `row`, if there is one.
    #[must_use]
    pub fn call(&self, row: u32) -> Option<CallRow> {
        self.row(row).map(Row::decoded)
    }

    fn row(&self, index: u32) -> Option<Row<'t>> {
        Some(Row { index, record: self.bytes_of(1, index)? })
    }

    /// One more than the highest number that may be described.
    #[must_use]
    pub fn numbers(&self) -> u32 {
        u32::try_from(self.count(0)).unwrap_or(0)
    }

    /// The sub-commands of `parent`, with the values that select them.
    pub fn sub_calls(&self, parent: &CallRow) -> impl Iterator<Item = (u64, CallRow)> + '_ {
        (parent.sub_first..parent.sub_first.saturating_add(parent.sub_count)).filter_map(|index| {
            let at = self.record(2, index)?;
            Some((u64_at(self.bytes, at), self.call(u32_at(self.bytes, at + 8))?))
        })
    }

    /// The sub-command of `parent` that `value` selects.
    #[must_use]
    pub fn sub_row(&self, parent: &Row<'_>, value: u64) -> Option<Row<'t>> {
        let (mut low, count) = parent.sub_rows();
        let mut high = low.checked_add(count)?;
        while low < high {
            let middle = low + (high - low) / 2;
            let at = self.record(2, middle)?;
            match u64_at(self.bytes, at).cmp(&value) {
                core::cmp::Ordering::Less => low = middle + 1,
                core::cmp::Ordering::Greater => high = middle,
                core::cmp::Ordering::Equal => return self.row(u32_at(self.bytes, at + 8)),
            }
        }
        None
    }

    /// Node `index`.
    #[must_use]
    #[inline(always)]
    pub fn node(&self, index: u32) -> Option<Node> {
        let record = self.bytes_of::<NODE>(3, index)?;
        Some(Node {
            kind: Kind::from_u8(record[0]),
            dir: record[1],
            width: record[2],
            flags: record[3],
            a: word_of(record, 4),
            b: word_of(record, 8),
            c: word_of(record, 12),
            display: word_of(record, 16),
        })
    }

    /// Field `index`.
    #[must_use]
    pub fn field(&self, index: u32) -> Option<Field> {
        let at = self.record(4, index)?;
        Some(Field {
            offset: u32_at(self.bytes, at),
            node: u32_at(self.bytes, at + 4),
            name: u32_at(self.bytes, at + 8),
            dir: self.bytes[at + 12],
        })
    }

    /// The node of the case with this value, among the cases of a `Switch` node.
    #[must_use]
    pub fn case(&self, switch: &Node, value: u64) -> Option<u32> {
        (switch.a..switch.a.checked_add(switch.c)?).find_map(|index| {
            let at = self.record(5, index)?;
            (u64_at(self.bytes, at) == value).then(|| u32_at(self.bytes, at + 8))
        })
    }

    /// Expression `index`.
    #[must_use]
    #[inline(always)]
    pub fn expr(&self, index: u32) -> Option<Expr> {
        let record = self.bytes_of::<EXPR>(6, index)?;
        let (op, a) = (word_of(record, 0), word_of(record, 4));
        let b = u64::from(word_of(record, 8)) | u64::from(word_of(record, 12)) << 32;
        #[allow(clippy::cast_possible_truncation)]
        // a second operand that is an index or width is small
        let small = b as u32;
        Some(match op {
            0 => Expr::Const(b),
            1 => Expr::Arg { arg: a, width: small },
            2 => Expr::Ret,
            3 => Expr::Deref { arg: a, width: small },
            4 => Expr::DerefBefore { arg: a, width: small },
            5 => Expr::Field { offset: a, width: small },
            6 => Expr::FieldBefore { offset: a, width: small },
            7 => Expr::Mul(a, small),
            8 => Expr::Min(a, small),
            9 => Expr::Add(a, small),
            10 => Expr::And(a, b),
            11 => Expr::Shr(a, b),
            12 => Expr::DivUp(a, b),
            13 => Expr::Pair(a, small),
            14 => Expr::Total { arg: a, count: small },
            _ => Expr::Unknown,
        })
    }

    /// The string at `offset`; empty if there is none or it is not UTF-8.
    #[must_use]
    pub fn string(&self, offset: u32) -> &'t str {
        let Some(at) = self.record(7, offset) else {
            return "";
        };
        let tail = self.bytes.get(at..self.start(7) + self.count(7)).unwrap_or(&[]);
        let end = tail.iter().position(|&byte| byte == 0).unwrap_or(tail.len());
        core::str::from_utf8(&tail[..end]).unwrap_or("")
    }
}
