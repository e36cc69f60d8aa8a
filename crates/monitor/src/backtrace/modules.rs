//! Which file, and which address in it, an address of the process belongs to.
//!
//! The address in the file is derived from the mapping's file offset alone, so it holds for images that have
//! been moved from where the kernel put them.

use std::collections::HashMap;
use std::fs::OpenOptions;
use std::io::Read as _;
use std::os::unix::fs::{MetadataExt, OpenOptionsExt};
use std::rc::Rc;

use object::LittleEndian;
use object::elf::{FileHeader64, PF_X, PT_LOAD, ProgramHeader64};
use object::read::elf::{FileHeader, ProgramHeader};

use super::Read;

/// Larger files are not looked into.
const FILE: u64 = 64 << 20;
/// All files of one back-trace together.
const ALL: u64 = 256 << 20;
const PAGE: u64 = 4096;

#[derive(Debug)]
struct Mapping {
    start: u64,
    end: u64,
    offset: u64,
    inode: u64,
    executable: bool,
    name: String,
}

/// The mappings of a process, and the images that were needed so far.
#[derive(Debug)]
pub struct Modules {
    mappings: Vec<Mapping>,
    images: HashMap<String, Rc<Vec<u8>>>,
    budget: u64,
}

/// Where an address lies.
#[derive(Debug)]
pub struct Place {
    /// The address that was asked for.
    pub runtime: u64,
    /// Nothing for unnamed memory and for what is not mapped.
    pub name: Option<String>,
    pub executable: bool,
    /// The address inside the file, or the offset if the file is not ELF.
    pub address: u64,
    /// The ELF file, if it is one that can be read.
    pub image: Option<Rc<Vec<u8>>>,
}

impl Modules {
    /// `maps` is the text of `/proc/PID/maps` (proc_pid_maps(5)); lines that can't be read are left out.
    pub fn new(maps: &str) -> Self {
        Self { mappings: maps.lines().filter_map(mapping).collect(), images: HashMap::new(), budget: ALL }
    }

    fn find(&self, address: u64) -> Option<usize> {
        self.mappings.iter().position(|mapping| (mapping.start..mapping.end).contains(&address))
    }

    /// Whether code can run at `address`.
    pub fn executable(&self, address: u64) -> bool {
        self.find(address).is_some_and(|index| self.mappings[index].executable)
    }

    /// Looks `address` up; the file is read if code can run there.
    pub fn place(&mut self, address: u64, read: &mut Read<'_>) -> Place {
        let nowhere = Place { runtime: address, name: None, executable: false, address, image: None };
        let Some(index) = self.find(address) else {
            return nowhere;
        };
        let image = self.image(index, read);
        let mapping = &self.mappings[index];
        let distance =
            image.as_ref().and_then(|image| distance(image, mapping.offset)).filter(|_| mapping.executable);
        let offset = (address - mapping.start).wrapping_add(mapping.offset);
        Place {
            name: (!mapping.name.is_empty()).then(|| mapping.name.clone()),
            executable: mapping.executable,
            address: offset.wrapping_add(distance.unwrap_or(0)),
            image: image.filter(|_| distance.is_some()),
            ..nowhere
        }
    }

    fn image(&mut self, index: usize, read: &mut Read<'_>) -> Option<Rc<Vec<u8>>> {
        let mapping = &self.mappings[index];
        if !mapping.executable || mapping.name.is_empty() {
            return None;
        }
        if let Some(image) = self.images.get(&mapping.name) {
            return Some(Rc::clone(image));
        }
        let name = mapping.name.clone();
        let limit = FILE.min(self.budget);
        let image = from_file(mapping, limit).unwrap_or_else(|| self.assemble(&name, limit, read));
        self.budget = self.budget.saturating_sub(image.len() as u64);
        let image = Rc::new(image);
        self.images.insert(name, Rc::clone(&image));
        Some(image)
    }

    /// What of a file is mapped, each part at its offset: enough to unwind through the vDSO and through files
    /// that have been deleted or replaced.
    fn assemble(&self, name: &str, limit: u64, read: &mut Read<'_>) -> Vec<u8> {
        let mut image = Vec::new();
        for mapping in self.mappings.iter().filter(|mapping| mapping.name == name) {
            let end = mapping.offset.saturating_add(mapping.end - mapping.start);
            let (Ok(from), Ok(to)) = (usize::try_from(mapping.offset), usize::try_from(end)) else {
                continue;
            };
            if end > limit {
                continue;
            }
            if image.len() < to {
                image.resize(to, 0);
            }
            read(mapping.start, &mut image[from..to]);
        }
        image
    }
}

fn mapping(line: &str) -> Option<Mapping> {
    let mut words = line.splitn(6, ' ');
    let (start, end) = words.next()?.split_once('-')?;
    let permissions = words.next()?;
    let offset = words.next()?;
    let inode = words.nth(1)?;
    let (start, end) = (u64::from_str_radix(start, 16).ok()?, u64::from_str_radix(end, 16).ok()?);
    (start < end).then_some(())?;
    Some(Mapping {
        start,
        end,
        offset: u64::from_str_radix(offset, 16).ok()?,
        inode: inode.parse().ok()?,
        executable: permissions.contains('x'),
        name: words.next().unwrap_or("").trim_start().to_owned(),
    })
}

/// The file that is mapped, if the path still leads to it. Anything that could block on opening (a FIFO put in
/// its place) is opened without waiting and then refused.
fn from_file(mapping: &Mapping, limit: u64) -> Option<Vec<u8>> {
    if !mapping.name.starts_with('/') {
        return None;
    }
    let flags = libc::O_NONBLOCK | libc::O_NOCTTY;
    let file = OpenOptions::new().read(true).custom_flags(flags).open(&mapping.name).ok()?;
    let facts = file.metadata().ok()?;
    if !facts.is_file() || facts.ino() != mapping.inode || facts.len() > limit {
        return None;
    }
    let mut bytes = Vec::new();
    file.take(limit).read_to_end(&mut bytes).ok()?;
    Some(bytes)
}

/// The program headers of an ELF image.
pub fn segments(image: &[u8]) -> Option<&[ProgramHeader64<LittleEndian>]> {
    FileHeader64::<LittleEndian>::parse(image).ok()?.program_headers(LittleEndian, image).ok()
}

/// What to add to a file offset to get the address in the file, where the code at `offset` is concerned: that
/// of the executable segment whose pages contain it (the kernel maps whole pages).
fn distance(image: &[u8], offset: u64) -> Option<u64> {
    let of_code = |segment: &&ProgramHeader64<LittleEndian>| {
        segment.p_type(LittleEndian) == PT_LOAD && segment.p_flags(LittleEndian) & PF_X != 0
    };
    segments(image)?.iter().filter(of_code).find_map(|segment| {
        let start = segment.p_offset(LittleEndian);
        let end = start.saturating_add(segment.p_filesz(LittleEndian));
        let contains = start & !(PAGE - 1) <= offset && offset < end;
        contains.then(|| segment.p_vaddr(LittleEndian).wrapping_sub(start))
    })
}
