//! The files that are mapped in a variant, and their symbols.

use std::collections::HashMap;
use std::sync::Arc;

use object::{Object, ObjectSection, ObjectSegment, ObjectSymbol, SymbolKind};

use super::Frame;
use crate::layout::maps::{self, Mapping};

/// Larger files are not read: a report must not take minutes.
const MAX_FILE: u64 = 64 << 20;

/// A mapped ELF file: what unwinding and naming need of it.
#[derive(Debug)]
pub struct Module {
    name: String,
    /// Start, size and name of functions, by start.
    symbols: Vec<(u64, u64, String)>,
    /// Address and content of `.eh_frame`.
    pub eh_frame: (u64, Vec<u8>),
    /// Address and content of `.eh_frame_hdr`.
    pub eh_frame_hdr: (u64, Vec<u8>),
    /// File offset, size and address of each loaded segment.
    segments: Vec<(u64, u64, u64)>,
}

impl Module {
    fn load(path: &str) -> Option<Self> {
        if std::fs::metadata(path)
            .ok()
            .filter(std::fs::Metadata::is_file)?
            .len()
            > MAX_FILE
        {
            return None;
        }
        let bytes = std::fs::read(path).ok()?;
        let file = object::File::parse(&*bytes).ok()?;
        let section = |name: &str| {
            file.section_by_name(name)
                .and_then(|section| {
                    section
                        .data()
                        .ok()
                        .map(|data| (section.address(), data.to_vec()))
                })
                .unwrap_or_default()
        };
        let mut symbols: Vec<_> = file
            .symbols()
            .chain(file.dynamic_symbols())
            .filter(|symbol| symbol.kind() == SymbolKind::Text && symbol.address() != 0)
            .filter_map(|symbol| {
                Some((
                    symbol.address(),
                    symbol.size(),
                    symbol.name().ok()?.to_owned(),
                ))
            })
            .collect();
        symbols.sort();
        Some(Self {
            name: path.to_owned(),
            symbols,
            eh_frame: section(".eh_frame"),
            eh_frame_hdr: section(".eh_frame_hdr"),
            segments: file
                .segments()
                .map(|segment| {
                    (
                        segment.file_range().0,
                        segment.file_range().1,
                        segment.address(),
                    )
                })
                .collect(),
        })
    }

    /// The function that holds this address of the file.
    fn symbol(&self, address: u64) -> Option<(&str, u64)> {
        let before = self
            .symbols
            .partition_point(|(start, ..)| *start <= address);
        let (start, size, name) = self.symbols.get(before.checked_sub(1)?)?;
        let offset = address - start;
        (offset < (*size).max(1)).then_some((name.as_str(), offset))
    }
}

/// All mapped files of a variant, each read when it is first needed.
#[derive(Debug)]
pub struct Modules {
    mappings: Vec<Mapping>,
    loaded: HashMap<String, Option<Arc<Module>>>,
}

impl Modules {
    /// From the text of `/proc/PID/maps`.
    #[must_use]
    pub fn new(maps: &str) -> Self {
        Self {
            mappings: maps::parse(maps),
            loaded: HashMap::new(),
        }
    }

    /// The file mapped at `address`, and the address in the file's own terms.
    pub fn locate(&mut self, address: u64) -> Option<(Arc<Module>, u64)> {
        let mapping = self
            .mappings
            .iter()
            .find(|mapping| (mapping.start..mapping.end).contains(&address))?;
        if !mapping.name.starts_with('/') {
            return None;
        }
        let name = mapping.name.clone();
        let offset = mapping.offset.wrapping_add(address - mapping.start);
        let module = self
            .loaded
            .entry(name.clone())
            .or_insert_with(|| Module::load(&name).map(Arc::new))
            .clone()?;
        let &(start, _, at) = module.segments.iter().find(|(start, size, _)| {
            let first = *start & !0xfff;
            (first..start.wrapping_add(*size).wrapping_add(0xfff)).contains(&offset)
                && (*start..start.wrapping_add(*size)).contains(&offset)
        })?;
        Some((module, at.wrapping_add(offset - start)))
    }

    /// A frame at `address`; a return address is looked up one byte before, inside the call.
    pub fn describe(&mut self, address: u64, exact: bool) -> Frame {
        let mut frame = Frame {
            address,
            module: None,
            offset: None,
            symbol: None,
            symbol_offset: None,
        };
        if let Some((module, own)) = self.locate(address) {
            frame.module = Some(module.name.clone());
            frame.offset = Some(own);
            let inside = if exact { own } else { own.wrapping_sub(1) };
            if let Some((name, offset)) = module.symbol(inside) {
                frame.symbol = Some(name.to_owned());
                frame.symbol_offset = Some(offset + (own - inside));
            }
        } else if let Some(mapping) = self
            .mappings
            .iter()
            .find(|mapping| (mapping.start..mapping.end).contains(&address))
        {
            frame.module = Some(mapping.name.clone()).filter(|name| !name.is_empty());
        }
        frame
    }
}
