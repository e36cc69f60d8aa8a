//! What stands in a stub.
//!
//! ```text
//!  +0  lea rcx, [rip+8]        the link: the agent finds its way out relative to it
//!  +7  jmp qword ptr gs:[8]    to the agent
//! +15  traced: syscall         the slow way out: the monitor does the call
//! +17  movabs rcx, site+2      what the kernel leaves there (Intel SDM, SYSCALL)
//! +27  done:                   the fast way out; the copies of the displaced instructions
//!      jmp                     to the first instruction that is not displaced; not after the end of the flow
//! ```

use crate::displaced::Window;
use crate::relocate::distance;
use crate::{JUMP, Refusal, SYSCALL};

/// Offset of the `syscall` in a stub; also what the link register (RCX) points to when the agent is entered.
pub const TRACED: u64 = 15;
/// Offset of the place where a stub goes on when the agent has done the call.
pub const DONE: u64 = 27;

/// From the stub to `syscall`, which is included.
const ENTRY: [u8; 17] = [
    0x48, 0x8d, 0x0d, 0x08, 0x00, 0x00, 0x00, // lea rcx, [rip+8]
    0x65, 0xff, 0x24, 0x25, 0x08, 0x00, 0x00, 0x00, // jmp qword ptr gs:[8]
    0x0f, 0x05, // syscall
];

/// A stub, and what its places stand for.
#[derive(Debug)]
pub(crate) struct Stub {
    pub bytes: Vec<u8>,
    /// (address in the stub, where the program would be natively), ascending in the first. Each is good up to
    /// the next one.
    pub native: Vec<(u64, u64)>,
    /// (address of a displaced instruction, address of its copy).
    pub copies: Vec<(u64, u64)>,
}

/// How many bytes the stub has.
pub(crate) fn length(window: &Window) -> usize {
    let copies: usize = window.displaced.iter().map(|one| one.kind.copy_length(one.bytes.len())).sum();
    DONE as usize + copies + if window.ends_flow { 0 } else { JUMP }
}

/// Writes the stub for the site at `address`.
pub(crate) fn build(address: u64, window: &Window, stub: u64) -> Result<Stub, Refusal> {
    let after_call = address + SYSCALL as u64;
    let mut bytes = ENTRY.to_vec();
    bytes.extend([0x48, 0xb9]); // movabs rcx
    bytes.extend(after_call.to_le_bytes());
    let mut native = vec![(stub, address), (stub + ENTRY.len() as u64, after_call)];

    let copies = copies(address, window, stub);
    for (displaced, &(at, copy)) in window.displaced.iter().zip(&copies) {
        let inner = window.inner_target(address, displaced).map(|index| copies[index].1);
        let steps = displaced.kind.emit(at, &displaced.bytes, copy, inner, &mut bytes)?;
        native.extend(steps.iter().map(|step| (copy + step.offset as u64, step.native)));
    }
    if !window.ends_flow {
        let back = address + window.length as u64;
        let jump = stub + bytes.len() as u64;
        native.push((jump, back));
        bytes.push(0xe9);
        bytes.extend(distance(jump + JUMP as u64, back).ok_or(Refusal::OutOfReach { at: back })?);
    }
    debug_assert_eq!(bytes.len(), length(window));
    Ok(Stub { bytes, native, copies })
}

/// Where the copies are. Their lengths do not depend on the place.
fn copies(address: u64, window: &Window, stub: u64) -> Vec<(u64, u64)> {
    let mut copy = stub + DONE;
    let mut copies = Vec::new();
    for displaced in &window.displaced {
        copies.push((address + displaced.offset as u64, copy));
        copy += displaced.kind.copy_length(displaced.bytes.len()) as u64;
    }
    copies
}
