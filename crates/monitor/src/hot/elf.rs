//! What an ELF file says of itself: its build-id, and where its functions begin and end. Only what is needed is read.

use std::fmt;
use std::fs::File;
use std::os::unix::fs::FileExt;

use object::LittleEndian;
use object::elf::{FileHeader64, PF_X, PT_GNU_EH_FRAME, PT_LOAD, PT_NOTE, ProgramHeader64};
use object::read::elf::{FileHeader, ProgramHeader};
use stretto_patcher::{LOOK_AHEAD, begins};

/// ELF header and program headers are in the first page of what linkers write.
const HEADERS: usize = 4096;
/// Notes and search tables that are longer are not believed.
const NOTES: usize = 64 << 10;
const TABLE: usize = 16 << 20;
/// In functions that are longer nobody looks for a site.
const FUNCTION: u64 = 64 << 10;
/// NT_GNU_BUILD_ID, include/uapi/linux/elf.h.
const BUILD_ID: u32 = 3;

/// What tells one build of an image from every other.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct BuildId(Vec<u8>);

impl BuildId {
    /// Linkers write 8 (xxhash) to 32 bytes (sha256); what is shorter may not be unique.
    #[must_use]
    pub fn new(bytes: &[u8]) -> Option<Self> {
        (8..=64).contains(&bytes.len()).then(|| Self(bytes.to_vec()))
    }
}

impl fmt::Display for BuildId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.iter().try_for_each(|byte| write!(f, "{byte:02x}"))
    }
}

/// An ELF file for x86-64.
pub struct Elf<'f> {
    file: &'f File,
    segments: Vec<ProgramHeader64<LittleEndian>>,
}

impl<'f> Elf<'f> {
    /// `None`: it is none.
    pub fn new(file: &'f File) -> Option<Self> {
        let headers = read(file, 0, HEADERS)?;
        let header = FileHeader64::<LittleEndian>::parse(&*headers).ok()?;
        let segments = header.program_headers(LittleEndian, &*headers).ok()?.to_vec();
        Some(Self { file, segments })
    }

    fn of_kind(&self, kind: u32) -> impl Iterator<Item = &ProgramHeader64<LittleEndian>> {
        self.segments.iter().filter(move |segment| segment.p_type(LittleEndian) == kind)
    }

    /// The build-id that the linker has given it.
    pub fn build_id(&self) -> Option<BuildId> {
        self.of_kind(PT_NOTE).find_map(|segment| {
            let length = usize::try_from(segment.p_filesz(LittleEndian)).ok()?.min(NOTES);
            build_id(&read(self.file, segment.p_offset(LittleEndian), length)?)
        })
    }

    /// Of these offsets, those at which a `syscall` stands that is an instruction of a function.
    pub fn verified(&self, offsets: impl IntoIterator<Item = u64>) -> Vec<u64> {
        let Some(functions) = Functions::of(self) else { return Vec::new() };
        offsets.into_iter().filter(|offset| self.holds(&functions, *offset).is_some()).collect()
    }

    fn holds(&self, functions: &Functions, offset: u64) -> Option<()> {
        let code = |segment: &&ProgramHeader64<LittleEndian>| {
            let inside = offset.wrapping_sub(segment.p_offset(LittleEndian));
            segment.p_flags(LittleEndian) & PF_X != 0 && inside < segment.p_filesz(LittleEndian)
        };
        let segment = self.of_kind(PT_LOAD).find(code)?;
        let distance = segment.p_vaddr(LittleEndian).wrapping_sub(segment.p_offset(LittleEndian));
        let start = functions.start(self, offset.wrapping_add(distance))?.wrapping_sub(distance);
        let before = offset.checked_sub(start).filter(|before| *before < FUNCTION)?;
        let before = usize::try_from(before).ok()?;
        let code = read(self.file, start, before + LOOK_AHEAD)?;
        (code.get(before..before + 2)? == [0x0f, 0x05] && begins(&code, before)).then_some(())
    }

    /// Bytes of the image at an address of its own.
    fn at(&self, address: u64, length: usize) -> Option<Vec<u8>> {
        self.of_kind(PT_LOAD).find_map(|segment| {
            let inside = address.wrapping_sub(segment.p_vaddr(LittleEndian));
            let there = inside < segment.p_filesz(LittleEndian);
            there.then(|| read(self.file, segment.p_offset(LittleEndian).wrapping_add(inside), length))?
        })
    }
}

/// Where functions begin, as the search table for unwinding says (Linux Standard Base, "The .eh_frame_hdr section"), in
/// the only encoding that linkers write: pairs of 32-bit distances from the table's own address, in order.
struct Functions {
    base: u64,
    rows: Vec<u8>,
}

/// The encodings of `.eh_frame_hdr`: pcrel sdata4, udata4, datarel sdata4.
const ENCODINGS: [u8; 4] = [1, 0x1b, 0x03, 0x3b];

impl Functions {
    fn of(elf: &Elf<'_>) -> Option<Self> {
        let segment = elf.of_kind(PT_GNU_EH_FRAME).next()?;
        let length = usize::try_from(segment.p_filesz(LittleEndian)).ok()?.min(TABLE);
        let bytes = read(elf.file, segment.p_offset(LittleEndian), length)?;
        let rows = bytes.get(12..)?.to_vec();
        bytes.starts_with(&ENCODINGS).then(|| Self { base: segment.p_vaddr(LittleEndian), rows })
    }

    /// Where the function begins that `address` lies in. Its entry must say so too: there may be code without one
    /// between two functions.
    fn start(&self, elf: &Elf<'_>, address: u64) -> Option<u64> {
        let (rows, _) = self.rows.as_chunks::<8>();
        let count = rows.partition_point(|row| self.place(row) <= address);
        let row = rows.get(count.checked_sub(1)?)?;
        let [start, entry] = [self.place(row), self.place(&row[4..])];
        // Length, distance of the common part, then where the code begins, from here, and its length.
        let entry_bytes = elf.at(entry, 16)?;
        let code_at = entry.wrapping_add(8).wrapping_add_signed(signed(entry_bytes.get(8..)?));
        let length = u64::from(signed(entry_bytes.get(12..)?).cast_unsigned() as u32);
        (code_at == start && address.wrapping_sub(start) < length).then_some(start)
    }

    fn place(&self, bytes: &[u8]) -> u64 {
        self.base.wrapping_add_signed(signed(bytes))
    }
}

/// The 32-bit number that `bytes` begins with.
fn signed(bytes: &[u8]) -> i64 {
    bytes.first_chunk().map_or(0, |bytes| i32::from_le_bytes(*bytes).into())
}

/// The first build-id in the notes of a segment (elf(5)): lengths of name and content, type, both padded to 4 bytes.
fn build_id(mut notes: &[u8]) -> Option<BuildId> {
    loop {
        let (head, rest) = notes.split_first_chunk::<12>()?;
        let word = |at: usize| signed(&head[at..]).cast_unsigned() as u32;
        let [name, content] = [word(0), word(4)].map(|length| length as usize);
        let (at, behind) = (name.next_multiple_of(4), content.next_multiple_of(4));
        if word(8) == BUILD_ID && rest.get(..name)? == b"GNU\0" {
            return BuildId::new(rest.get(at..at.checked_add(content)?)?);
        }
        notes = rest.get(at.checked_add(behind)?..)?;
    }
}

/// Up to `length` bytes of a file; fewer if it ends.
fn read(file: &File, offset: u64, length: usize) -> Option<Vec<u8>> {
    let mut bytes = vec![0; length];
    let mut done = 0;
    while done < length {
        match file.read_at(&mut bytes[done..], offset.checked_add(done as u64)?).ok()? {
            0 => break,
            got => done += got,
        }
    }
    bytes.truncate(done);
    Some(bytes)
}

#[cfg(test)]
mod tests {
    use super::{BuildId, Elf, build_id};

    fn note(kind: u32, name: &[u8], content: &[u8]) -> Vec<u8> {
        let words = [name.len() as u32, content.len() as u32, kind];
        let mut bytes: Vec<u8> = words.into_iter().flat_map(u32::to_le_bytes).collect();
        for part in [name, content] {
            bytes.extend(part);
            bytes.resize(bytes.len().next_multiple_of(4), 0);
        }
        bytes
    }

    #[test]
    fn a_build_id_is_found_behind_other_notes() {
        let notes =
            [note(1, b"GNU\0", &[0; 16]), note(3, b"Go\0", b"x"), note(3, b"GNU\0", &[0x5a; 20])].concat();
        assert_eq!(build_id(&notes).map(|id| id.to_string()), Some("5a".repeat(20)));
    }

    #[test]
    fn short_or_cut_notes_are_none() {
        let whole = note(3, b"GNU\0", &[0x5a; 20]);
        assert!((0..whole.len()).all(|length| build_id(&whole[..length]).is_none()));
        assert!(build_id(&note(3, b"GNU\0", &[1; 7])).is_none());
        assert!(build_id(&note(u32::MAX, &[0xff; 4], &[])).is_none());
        assert!(build_id(&[0xff; 64]).is_none());
        assert!(BuildId::new(&[1; 65]).is_none());
    }

    #[test]
    fn only_instructions_of_functions_are_verified() {
        let path = std::fs::read_to_string("/proc/self/maps").expect("our own maps");
        let path =
            path.lines().find_map(|line| line.split_once('/').filter(|(_, name)| name.contains("libc.so")));
        let file = std::fs::File::open(format!("/{}", path.expect("a libc").1)).expect("a readable libc");
        let elf = Elf::new(&file).expect("an ELF file");
        assert!(elf.build_id().is_some());
        let bytes = super::read(&file, 0, 16 << 20).expect("all of it");
        let candidates = (0..bytes.len() - 1).filter(|&at| bytes[at..at + 2] == [0x0f, 0x05]);
        let candidates: Vec<u64> = candidates.map(|at| at as u64).collect();
        let verified = elf.verified(candidates.iter().copied());
        assert!(
            verified.len() > 100 && verified.len() < candidates.len().min(super::super::format::MOST),
            "{} of {}",
            verified.len(),
            candidates.len()
        );
        assert!(elf.verified(candidates.iter().map(|at| at + 1).chain([0, u64::MAX])).is_empty());
    }
}
