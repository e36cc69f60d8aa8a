//! The function that an address of an ELF file belongs to.

use std::cmp::Reverse;

use object::LittleEndian;
use object::elf::{
    FileHeader64, SHN_UNDEF, SHT_DYNSYM, SHT_SYMTAB, STB_LOCAL, STT_FUNC, STT_GNU_IFUNC, Sym64,
};
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

/// Of several names for one address, the one that programs use: not local, without underscores in front.
fn nearest(
    sections: &SectionTable<'_, Header>,
    symbols: &SymbolTable<'_, Header>,
    address: u64,
) -> Option<Symbol> {
    let start = |symbol: &&Sym64<LittleEndian>| symbol.st_value(LittleEndian);
    let before = || symbols.iter().filter(|symbol| is_function(symbol) && start(symbol) <= address);
    let last = before().map(|symbol| start(&symbol)).max()?;
    let reaches = |symbol: &&Sym64<LittleEndian>| match symbol.st_size(LittleEndian) {
        0 => start(symbol) == last && same_section(sections, symbol, address),
        size => address - start(symbol) < size,
    };
    let best = before().filter(reaches).take(ALIASES).max_by_key(|symbol| {
        let name = symbols.symbol_name(LittleEndian, symbol).unwrap_or_default();
        let underscores = name.iter().take_while(|&&byte| byte == b'_').count();
        (start(symbol), symbol.st_bind() != STB_LOCAL, Reverse(underscores))
    })?;
    let name = symbols.symbol_name(LittleEndian, best).ok()?;
    let name = String::from_utf8_lossy(&name[..name.len().min(NAME)]).into_owned();
    Some(Symbol { name, address: start(&best) })
}

fn is_function(symbol: &Sym64<LittleEndian>) -> bool {
    matches!(symbol.st_type(), STT_FUNC | STT_GNU_IFUNC) && symbol.st_shndx(LittleEndian) != SHN_UNDEF
}

/// Functions written in assembler may have no size: they are taken to reach to the next function, or to the end
/// of their section.
fn same_section(sections: &SectionTable<'_, Header>, symbol: &Sym64<LittleEndian>, address: u64) -> bool {
    let index = object::SectionIndex(symbol.st_shndx(LittleEndian).into());
    sections.section(index).is_ok_and(|section| {
        let from = section.sh_addr(LittleEndian);
        let to = from.saturating_add(section.sh_size(LittleEndian));
        (from..to).contains(&symbol.st_value(LittleEndian)) && (from..to).contains(&address)
    })
}
