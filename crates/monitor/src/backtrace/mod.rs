//! Back-traces of stopped threads, for reports: who asked for what.
//!
//! Pure functions over the text of `/proc/PID/maps`, a way to read memory and the files that are mapped. Files
//! and memory belong to a program under attack, so nothing here may panic or take long.

mod modules;
mod unwind;

use modules::Modules;

/// One frame, innermost first.
#[derive(Clone, Debug, serde::Serialize)]
pub struct Frame {
    pub address: u64,
    /// The mapped file.
    pub module: Option<String>,
    /// Address in the file's own terms.
    pub offset: Option<u64>,
    pub symbol: Option<String>,
    pub symbol_offset: Option<u64>,
}

/// The registers that unwinding begins with.
#[derive(Clone, Copy, Debug, Default)]
pub struct Registers {
    pub rip: u64,
    pub rsp: u64,
    pub rbp: u64,
    pub rbx: u64,
    pub r12: u64,
    pub r13: u64,
    pub r14: u64,
    pub r15: u64,
}

/// The call chain of a thread, at most `limit` frames. `read` reads the variant's memory and returns how many
/// bytes it got.
pub fn backtrace(
    maps: &str,
    registers: &Registers,
    read: &mut dyn FnMut(u64, &mut [u8]) -> usize,
    limit: usize,
) -> Vec<Frame> {
    let mut modules = Modules::new(maps);
    let mut frames = Vec::new();
    let mut now = *registers;
    while frames.len() < limit && now.rip != 0 {
        let outermost = frames.is_empty();
        frames.push(modules.describe(now.rip, outermost));
        match unwind::caller(&mut modules, &now, outermost, read) {
            Some(next) if next.rsp > now.rsp || outermost && next.rsp == now.rsp => now = next,
            _ => break,
        }
    }
    frames
}
