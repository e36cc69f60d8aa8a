//! The calls that led to where a variant stands, from its registers, its maps and its memory.
//!
//! Everything that is read here may have been made by an attacker: files, memory, registers. Nothing is trusted,
//! sizes and times are limited, and what can't be found out is left out.

mod cfi;
mod modules;
mod symbols;
mod unwind;

use std::time::Duration;

use crate::clock_unsafe::Moment;
use modules::{Modules, Place};
use unwind::{Frame as Unwound, Step};

/// No back-trace is worth more time than this, whatever the files contain.
const TIME: Duration = Duration::from_secs(1);

/// One line of a back-trace.
#[derive(Clone, Debug, PartialEq, Eq, serde::Serialize)]
pub struct Frame {
    /// Where it goes on: the instruction pointer, or a return address.
    pub address: u64,
    /// Path of the mapped file, `[vdso]`, `[stack]`.
    pub module: Option<String>,
    /// The same place as an address inside the module's file, as `addr2line` and `objdump` take it; where the
    /// file is not ELF, the offset in it.
    pub offset: Option<u64>,
    /// The function, as the symbol table spells it.
    pub symbol: Option<String>,
    /// How far into the function.
    pub symbol_offset: Option<u64>,
}

/// The registers that a back-trace starts from: those that calls preserve.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
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

/// Reads memory at an address; returns how many bytes came.
pub type Read<'a> = dyn FnMut(u64, &mut [u8]) -> usize + 'a;

/// At most `limit` frames, innermost first. `maps` is the text of `/proc/PID/maps`; files are opened by the
/// paths in it, if they are still the mapped ones.
pub fn backtrace(maps: &str, registers: &Registers, read: &mut Read<'_>, limit: usize) -> Vec<Frame> {
    let deadline = Moment::roughly_now() + TIME;
    let mut modules = Modules::new(maps);
    let mut state = Unwound::new(registers);
    // A return address may be the first one of the next function (after a call that never returns), so callers
    // are looked up one byte before it. An interrupted instruction is looked up exactly.
    let mut exact = true;
    let mut frames = Vec::new();
    while frames.len() < limit && Moment::roughly_now() < deadline {
        let pc = state.pc();
        let place = modules.place(if exact { pc } else { pc.wrapping_sub(1) }, read);
        frames.push(describe(pc, &place));
        let step = if place.executable {
            step(&modules, &place, &state, read, deadline)
        } else if frames.len() == 1 {
            unwind::from_bad_call(&state, read).map_or(Step::End, Step::Caller)
        } else {
            Step::End
        };
        let (next, interrupted) = match step {
            Step::Caller(next) => (next, false),
            Step::Interrupted(next) => (next, true),
            Step::End | Step::Unknown => break,
        };
        let grows = next.sp() > state.sp() || interrupted;
        let bad_call = !place.executable && !modules.executable(next.pc());
        if next.pc() == 0 || !grows || bad_call {
            break;
        }
        (state, exact) = (next, interrupted);
    }
    frames
}

/// The next frame by the most reliable means that knows it.
fn step(modules: &Modules, place: &Place, state: &Unwound, read: &mut Read<'_>, deadline: Moment) -> Step {
    if let Some(image) = &place.image {
        let step = cfi::step(image, place.address, state, read, deadline);
        if !matches!(step, Step::Unknown) {
            return step;
        }
    }
    if let Some(interrupted) = unwind::from_signal_frame(state, read) {
        return Step::Interrupted(interrupted);
    }
    match unwind::from_frame_pointer(state, read) {
        Some(caller) if modules.executable(caller.pc()) => Step::Caller(caller),
        _ => Step::Unknown,
    }
}

fn describe(pc: u64, place: &Place) -> Frame {
    let symbol = place.image.as_ref().and_then(|image| symbols::find(image, place.address));
    let back = pc.wrapping_sub(place.runtime);
    Frame {
        address: pc,
        module: place.name.clone(),
        offset: place.name.is_some().then(|| place.address.wrapping_add(back)),
        symbol_offset: symbol
            .as_ref()
            .map(|symbol| place.address.wrapping_add(back).wrapping_sub(symbol.address)),
        symbol: symbol.map(|symbol| symbol.name),
    }
}

#[cfg(test)]
mod tests;
