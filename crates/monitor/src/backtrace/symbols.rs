//! The function that an address of an ELF file belongs to.

use std::cmp::Reverse;

use object::LittleEndian;
use object::elf::{FileHeader64, SHT_DYNSYM, SHT_SYMTAB, STB_GLOBAL, STT_FUNC, STT_GNU_IFUNC, Sym64};
use object::read::elf::{FileHeader, SectionHeader, SectionTable, Sym, SymbolTable};

/// Longer names are cut.
const NAME: usize = 512;
/// Functions that share an address or lie in each other, at most.
const ALIASES: usize = 64;

type Header = FileHeader64<LittleEndian>;

/// A function.
#[derive(Debug)]
pub struct Symbol {
    pub name: String,
    /// Its address in the file.
    pub address: u64,
}

/// The function that contains `address`, from `.symtab`, else from `.dynsym`.
pub fn find(image: &[u8], address: u64) -> Option<Symbol> {
    let sections = Header::parse(image).ok()?.sections(LittleEndian, image).ok()?;
    [SHT_SYMTAB, SHT_DYNSYM].into_iter().find_map(|kind| {
        let symbols = sections.symbols(LittleEndian, image, kind).ok()?;
        nearest(&sections, &symbols, address)
    })
}

/// Of several names for one address, the one that programs use: global, without underscores in front.
fn nearest(
    sections: &SectionTable<'_, Header>,
    symbols: &SymbolTable<'_, Header>,
    address: u64,
) -> Option<Symbol> {
    let candidates = symbols.iter().filter(|symbol| contains(sections, symbol, address));
    let best = candidates.take(ALIASES).max_by_key(|symbol| {
        let name = symbols.symbol_name(LittleEndian, symbol).unwrap_or_default();
        let underscores = name.iter().take_while(|&&byte| byte == b'_').count();
        let global = symbol.st_bind() == STB_GLOBAL;
        (symbol.st_value(LittleEndian), global, Reverse(underscores))
    })?;
    let name = symbols.symbol_name(LittleEndian, best).ok()?;
    let name = String::from_utf8_lossy(&name[..name.len().min(NAME)]).into_owned();
    Some(Symbol { name, address: best.st_value(LittleEndian) })
}

/// Functions written in assembler may have no size: they are taken to reach to the end of their section.
fn contains(sections: &SectionTable<'_, Header>, symbol: &Sym64<LittleEndian>, address: u64) -> bool {
    let start = symbol.st_value(LittleEndian);
    let section = usize::from(symbol.st_shndx(LittleEndian));
    let function = matches!(symbol.st_type(), STT_FUNC | STT_GNU_IFUNC);
    if !function || section == 0 || address < start {
        return false;
    }
    let size = symbol.st_size(LittleEndian);
    if size > 0 {
        return address - start < size;
    }
    sections.section(object::SectionIndex(section)).is_ok_and(|section| {
        let from = section.sh_addr(LittleEndian);
        let to = from.saturating_add(section.sh_size(LittleEndian));
        (from..to).contains(&start) && (from..to).contains(&address)
    })
}
