//! Builds the agent's blob, checks what may be checked before it runs, and flattens it.
//!
//! The blob is no dependency in cargo's sense: it is another program, with other flags, that the monitor carries as
//! bytes. `rustc` builds it from the same sources that the workspace checks and tests (`crates/agent`).

mod calls;
mod check;
mod stack;

use std::env;
use std::fmt::Write as _;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use object::{Object, ObjectSection, ObjectSymbol};

/// Labels that the monitor has to know.
const LABELS: [&str; 12] = [
    "entry",
    "pass",
    "gate_check",
    "gate_after",
    "gate_cancel",
    "copy_vectors",
    "copy_begin",
    "copy_end",
    "compare_wide",
    "compare_tail",
    "compare_byte",
    "compare_end",
];

fn main() {
    let crates = Path::new(env!("CARGO_MANIFEST_DIR")).join("..");
    for part in ["abi/src", "semantics/src", "agent/src", "agent/blob"] {
        println!("cargo::rerun-if-changed={}", crates.join(part).display());
    }
    println!("cargo::rerun-if-changed=build");
    let out = PathBuf::from(env::var_os("OUT_DIR").expect("cargo sets OUT_DIR"));
    let blob = build(&crates, &out);
    let bytes = fs::read(&blob).expect("the blob was just written");
    let file = object::File::parse(&*bytes).expect("the linker writes ELF files");
    let image = flatten(&file);
    let text = &image.bytes[..image.text];
    check::instructions(text, ["gate_after", "gate_elsewhere"].map(|name| label(&file, name)));
    let stack = stack(&file, text);
    fs::write(out.join("agent.bin"), &image.bytes).expect("OUT_DIR is writable");
    fs::write(out.join("agent.rs"), constants(&file, &image, stack)).expect("OUT_DIR is writable");
}

/// Compiles and links the blob.
fn build(crates: &Path, out: &Path) -> PathBuf {
    library(out, "stretto_abi", &crates.join("abi/src/lib.rs"), &[]);
    library(out, "stretto_semantics", &crates.join("semantics/src/lib.rs"), &["stretto_abi"]);
    library(out, "stretto_agent", &crates.join("agent/src/lib.rs"), &["stretto_abi", "stretto_semantics"]);
    let blob = out.join("agent.elf");
    let script = format!("link-arg=-Wl,-T,{}", crates.join("agent/blob/agent.ld").display());
    let mut rustc = rustc(out, "agent", &crates.join("agent/blob/main.rs"), &["stretto_agent"]);
    rustc.args(["--crate-type", "bin", "-C", "lto=fat", "-C", "default-linker-libraries=no"]);
    for flag in ["-nostdlib", "-nostartfiles", "-static-pie", "-Wl,--build-id=none,-z,noexecstack,-z,norelro"]
    {
        rustc.arg("-C").arg(format!("link-arg={flag}"));
    }
    run(rustc.arg("-C").arg(script).arg("-o").arg(&blob));
    blob
}

fn library(out: &Path, name: &str, source: &Path, needs: &[&str]) {
    let mut rustc = rustc(out, name, source, needs);
    run(rustc.args(["--crate-type", "rlib"]).arg("-o").arg(out.join(format!("lib{name}.rlib"))));
}

/// What all parts share: optimised, position-independent, for every x86-64 processor.
fn rustc(out: &Path, name: &str, source: &Path, needs: &[&str]) -> Command {
    let mut rustc = Command::new(env::var_os("RUSTC").unwrap_or_else(|| "rustc".into()));
    // Cargo's flags are meant for other code.
    rustc.env_remove("RUSTFLAGS").env_remove("CARGO_ENCODED_RUSTFLAGS");
    rustc.args(["--edition", "2024", "--target", "x86_64-unknown-linux-gnu", "--cap-lints", "allow"]);
    for flag in ["opt-level=3", "panic=abort", "relocation-model=pie", "codegen-units=1", "target-cpu=x86-64"]
    {
        rustc.args(["-C", flag]);
    }
    // Jumps through tables would hide from `stack` where the code goes on.
    rustc.args(["-C", "llvm-args=-min-jump-table-entries=1000000"]);
    rustc.arg("--crate-name").arg(name).arg("-L").arg(out);
    for need in needs {
        rustc.arg("--extern").arg(format!("{need}={}", out.join(format!("lib{need}.rlib")).display()));
    }
    rustc.arg(source);
    rustc
}

fn run(command: &mut Command) {
    let done = command.output().expect("rustc can be started");
    assert!(done.status.success(), "{command:?}:\n{}", String::from_utf8_lossy(&done.stderr));
}

/// The blob as it will lie in memory.
struct Image {
    bytes: Vec<u8>,
    /// Bytes of text, from the beginning.
    text: usize,
}

fn flatten(file: &object::File<'_>) -> Image {
    let mut bytes = Vec::new();
    let mut text = 0;
    for section in file.sections() {
        let object::SectionFlags::Elf { sh_flags } = section.flags() else { continue };
        if sh_flags & u64::from(object::elf::SHF_ALLOC) == 0 {
            continue;
        }
        let data = section.data().expect("sections of the blob have data");
        let at = usize::try_from(section.address()).expect("the blob begins at 0");
        bytes.resize(bytes.len().max(at + data.len()), 0);
        bytes[at..at + data.len()].copy_from_slice(data);
        if sh_flags & u64::from(object::elf::SHF_EXECINSTR) != 0 {
            text = text.max(at + data.len());
        }
    }
    Image { bytes, text }
}

/// Where a label lies.
fn label(file: &object::File<'_>, name: &str) -> u64 {
    let name = format!("stretto_{name}");
    file.symbols()
        .find(|symbol| symbol.name() == Ok(&name))
        .unwrap_or_else(|| panic!("the blob has no label {name}"))
        .address()
}

/// Relative relocations: place and addend. Others can't be.
fn relocations(file: &object::File<'_>) -> Vec<(u64, i64)> {
    let Some(section) = file.section_by_name(".rela.dyn") else { return Vec::new() };
    let data = section.data().expect("relocations can be read");
    let (words, _) = data.as_chunks();
    let (entries, _) = words.as_chunks();
    entries
        .iter()
        .map(|entry| {
            let [place, kind, addend] = entry.map(u64::from_le_bytes);
            assert_eq!(kind, object::elf::R_X86_64_RELATIVE.into(), "only relative relocations");
            (place, addend.cast_signed())
        })
        .collect()
}

/// Functions that recur and count how deep they are (`stretto_semantics::RECURSION`), as their symbols have them.
const COUNTING: [&str; 3] = ["8compound", "8at_depth", "5shape4flat"];

/// Bytes of stack that the agent needs at most. Addresses that stand in data are those of functions.
fn stack(file: &object::File<'_>, text: &[u8]) -> u64 {
    let addends = relocations(file).into_iter().filter_map(|(_, addend)| u64::try_from(addend).ok());
    let in_data: Vec<u64> = addends.filter(|addend| *addend < text.len() as u64).collect();
    let counts =
        |name: &str| name.contains("stretto_semantics") && COUNTING.iter().any(|one| name.contains(one));
    let counting: Vec<u64> = file
        .symbols()
        .filter(|symbol| symbol.name().is_ok_and(counts))
        .map(|symbol| symbol.address())
        .collect();
    let code = stack::Code::new(text, &in_data, label(file, "gate"));
    let need = |way_in| {
        let entry = label(file, way_in);
        calls::Calls::new(&code, entry, &counting, stretto_semantics::RECURSION)?.need(entry)
    };
    let needs =
        ["entry", "pass"].map(|way_in| need(way_in).unwrap_or_else(|why| panic!("the agent's stack: {why}")));
    needs.into_iter().max().unwrap_or(0)
}

fn constants(file: &object::File<'_>, image: &Image, stack: u64) -> String {
    let mut text = String::new();
    let _ = writeln!(text, "/// Bytes of text.\npub const TEXT: u64 = {:#x};", image.text);
    let _ = writeln!(text, "/// Bytes of stack that it needs at most.\npub const STACK: u64 = {stack};");
    for name in LABELS {
        let _ = writeln!(text, "pub const {}: u64 = {:#x};", name.to_uppercase(), label(file, name));
    }
    let _ = writeln!(text, "/// Places that hold addresses, and what is added to the agent's own there.");
    let _ = writeln!(text, "pub const RELOCATIONS: &[(u64, i64)] = &{:?};", relocations(file));
    text
}
