//! The next frame as the call frame information of the code (`.eh_frame`) tells it.

use gimli::{
    BaseAddresses, CfaRule, CieOrFde, EhFrame, Encoding, EndianSlice, Evaluation, EvaluationResult, Format,
    FrameDescriptionEntry, LittleEndian, Location, Register, RegisterRule, UnwindContext, UnwindExpression,
    UnwindSection, UnwindTableRow, Value,
};
use object::elf::{FileHeader64, PT_GNU_EH_FRAME, PT_LOAD};
use object::read::elf::{FileHeader, ProgramHeader, SectionHeader};

use super::Read;
use super::modules::segments;
use super::unwind::{self, Frame, Step, number};
use crate::clock_unsafe::Moment;

/// Entries longer than this are not believed: the largest functions need a few KiB.
const ENTRY: usize = 64 << 10;
/// Operations of one expression; real ones have about ten.
const OPERATIONS: u32 = 1000;
const ENCODING: Encoding = Encoding { format: Format::Dwarf32, version: 4, address_size: 8 };

type Slice<'a> = EndianSlice<'a, LittleEndian>;
type Description<'a> = FrameDescriptionEntry<Slice<'a>>;
type Row = UnwindTableRow<usize>;

/// The frame below `frame`, which stands at `address` of the file `image`.
pub fn step(image: &[u8], address: u64, frame: &Frame, read: &mut Read<'_>, deadline: Moment) -> Step {
    found(image, address, frame, read, deadline).unwrap_or(Step::Unknown)
}

fn found(image: &[u8], address: u64, frame: &Frame, read: &mut Read<'_>, deadline: Moment) -> Option<Step> {
    let tables = Tables::of(image)?;
    let description = tables.description(address, deadline)?;
    if description.entry_len() > ENTRY || description.cie().entry_len() > ENTRY {
        return None;
    }
    let mut context = UnwindContext::new();
    let row =
        description.unwind_info_for_address(&tables.eh_frame, &tables.bases, &mut context, address).ok()?;
    let mut rules = Rules { tables: &tables, row, frame, read };
    let cfa = rules.canonical_frame_address()?;
    if row.register(Register(number_of(number::RIP))) == RegisterRule::Undefined {
        return Some(Step::End);
    }
    let mut next = Frame::default();
    for index in 0..number::COUNT {
        next.registers[index] = rules.register(index, cfa);
    }
    next.registers[number::RIP]?;
    Some(if description.is_signal_trampoline() { Step::Interrupted(next) } else { Step::Caller(next) })
}

/// `.eh_frame` and its search table.
struct Tables<'a> {
    eh_frame: EhFrame<Slice<'a>>,
    bases: BaseAddresses,
    start: u64,
    search: Option<Search<'a>>,
}

/// The sorted table in `.eh_frame_hdr` (Linux Standard Base, "The .eh_frame_hdr section"), in the only encoding
/// that linkers write: pairs of 32-bit distances from the section's start.
struct Search<'a> {
    start: u64,
    rows: &'a [[u8; 8]],
}

impl<'a> Tables<'a> {
    fn of(image: &'a [u8]) -> Option<Self> {
        let (start, bytes, search) = by_segment(image).or_else(|| by_section(image))?;
        let bases = BaseAddresses::default().set_eh_frame(start);
        Some(Self { eh_frame: EhFrame::new(bytes, LittleEndian), bases, start, search })
    }

    fn description(&self, address: u64, deadline: Moment) -> Option<Description<'a>> {
        let Some(search) = &self.search else {
            return self.linear(address, deadline);
        };
        let offset = search.find(address)?.checked_sub(self.start)?;
        let offset = usize::try_from(offset).ok()?.into();
        let entry = self.eh_frame.fde_from_offset(&self.bases, offset, EhFrame::cie_from_offset).ok()?;
        entry.contains(address).then_some(entry)
    }

    fn linear(&self, address: u64, deadline: Moment) -> Option<Description<'a>> {
        let mut entries = self.eh_frame.entries(&self.bases);
        while let Some(entry) = entries.next().ok()? {
            if Moment::roughly_now() > deadline {
                return None;
            }
            let CieOrFde::Fde(partial) = entry else {
                continue;
            };
            let entry = partial.parse(EhFrame::cie_from_offset).ok()?;
            if entry.contains(address) {
                return Some(entry);
            }
        }
        None
    }
}

impl Search<'_> {
    /// The address of the last entry that begins at or before `address`.
    fn find(&self, address: u64) -> Option<u64> {
        let distance = |bytes: &[u8]| {
            let bytes = <[u8; 4]>::try_from(bytes).unwrap_or_default();
            self.start.wrapping_add_signed(i64::from(i32::from_le_bytes(bytes)))
        };
        let after = self.rows.partition_point(|row| distance(&row[..4]) <= address);
        self.rows.get(after.checked_sub(1)?).map(|row| distance(&row[4..]))
    }
}

type Found<'a> = (u64, &'a [u8], Option<Search<'a>>);

/// By the program headers, which stripped files and the vDSO have too.
fn by_segment(image: &[u8]) -> Option<Found<'_>> {
    const POINTER: u8 = 0x1b; // pcrel | sdata4
    const COUNT: u8 = 0x03; // udata4
    const TABLE: u8 = 0x3b; // datarel | sdata4
    let endian = object::LittleEndian;
    let segments = segments(image)?;
    let header = segments.iter().find(|segment| segment.p_type(endian) == PT_GNU_EH_FRAME)?;
    let bytes = header.data(endian, image).ok()?;
    let start = header.p_vaddr(endian);
    if bytes.get(..2)? != [1, POINTER] {
        return None;
    }
    let pointer = i32::from_le_bytes(bytes.get(4..8)?.try_into().ok()?);
    let eh_frame = start.wrapping_add(4).wrapping_add_signed(pointer.into());
    let data = segments.iter().filter(|segment| segment.p_type(endian) == PT_LOAD).find_map(|segment| {
        let offset = eh_frame.checked_sub(segment.p_vaddr(endian))?;
        segment.data(endian, image).ok()?.get(usize::try_from(offset).ok()?..)
    })?;
    let search = (bytes.get(2..4)? == [COUNT, TABLE]).then(|| {
        let count = bytes.get(8..12).and_then(|bytes| bytes.try_into().ok()).map_or(0, u32::from_le_bytes);
        let rows = bytes.get(12..).unwrap_or_default().as_chunks().0;
        Search { start, rows: &rows[..rows.len().min(count as usize)] }
    });
    Some((eh_frame, data, search))
}

fn by_section(image: &[u8]) -> Option<Found<'_>> {
    let endian = object::LittleEndian;
    let sections = FileHeader64::<object::LittleEndian>::parse(image).ok()?.sections(endian, image).ok()?;
    let (_, section) = sections.section_by_name(endian, b".eh_frame")?;
    Some((section.sh_addr(endian), section.data(endian, image).ok()?, None))
}

#[allow(clippy::cast_possible_truncation)] // below number::COUNT
const fn number_of(index: usize) -> u16 {
    index as u16
}

/// The rules for one address, applied to one frame.
struct Rules<'a, 'r> {
    tables: &'a Tables<'a>,
    row: &'a Row,
    frame: &'a Frame,
    read: &'a mut Read<'r>,
}

impl Rules<'_, '_> {
    fn canonical_frame_address(&mut self) -> Option<u64> {
        match self.row.cfa() {
            CfaRule::RegisterAndOffset { register, offset } => {
                Some(self.known(*register)?.wrapping_add_signed(*offset))
            }
            CfaRule::Expression(expression) => self.evaluate(expression, None),
        }
    }

    fn known(&self, register: Register) -> Option<u64> {
        *self.frame.registers.get(usize::from(register.0))?
    }

    /// The caller's value of a register. A register without a rule keeps its value if calls preserve it (System
    /// V ABI for AMD64, 3.2.1), and the stack pointer is by definition the canonical frame address.
    fn register(&mut self, index: usize, cfa: u64) -> Option<u64> {
        let register = Register(number_of(index));
        match self.row.register(register) {
            RegisterRule::Undefined => match index {
                number::RSP => Some(cfa),
                number::RBX | number::RBP | number::R12..=number::R15 => self.known(register),
                _ => None,
            },
            RegisterRule::SameValue => self.known(register),
            RegisterRule::Offset(offset) => unwind::word(self.read, cfa.wrapping_add_signed(offset)),
            RegisterRule::ValOffset(offset) => Some(cfa.wrapping_add_signed(offset)),
            RegisterRule::Register(other) => self.known(other),
            RegisterRule::Expression(expression) => {
                let address = self.evaluate(&expression, Some(cfa))?;
                unwind::word(self.read, address)
            }
            RegisterRule::ValExpression(expression) => self.evaluate(&expression, Some(cfa)),
            _ => None,
        }
    }

    /// Evaluates an expression; one for a register begins with the canonical frame address on its stack.
    fn evaluate(&mut self, expression: &UnwindExpression<usize>, cfa: Option<u64>) -> Option<u64> {
        let mut evaluation: Evaluation<Slice<'_>> =
            expression.get(&self.tables.eh_frame).ok()?.evaluation(ENCODING);
        evaluation.set_max_iterations(OPERATIONS);
        if let Some(cfa) = cfa {
            evaluation.set_initial_value(cfa);
        }
        let mut state = evaluation.evaluate().ok()?;
        loop {
            state = match state {
                EvaluationResult::Complete => break,
                EvaluationResult::RequiresMemory { address, size, space: None, base_type } => {
                    let mut bytes = [0; 8];
                    let wanted = bytes.get_mut(..usize::from(size)).filter(|_| base_type.0 == 0)?;
                    let length = wanted.len();
                    (self.read(address, wanted) == length).then_some(())?;
                    evaluation.resume_with_memory(Value::Generic(u64::from_le_bytes(bytes))).ok()?
                }
                EvaluationResult::RequiresRegister { register, base_type } if base_type.0 == 0 => {
                    let value = self.known(register)?;
                    evaluation.resume_with_register(Value::Generic(value)).ok()?
                }
                _ => return None,
            };
        }
        match evaluation.result().as_slice() {
            [piece] => match piece.location {
                Location::Address { address } => Some(address),
                Location::Value { value: Value::Generic(value) } => Some(value),
                _ => None,
            },
            _ => None,
        }
    }

    fn read(&mut self, address: u64, bytes: &mut [u8]) -> usize {
        (self.read)(address, bytes)
    }
}
