//! Turns a `syscall` instruction in running code into a jump to a stub, so that an agent in the same process
//! serves the call and nobody has to stop.
//!
//! A `syscall` has two bytes, a `jmp rel32` five, so the jump also covers what follows. The instructions that
//! begin in these five bytes are *displaced*: the stub holds relocated copies of them. Nobody can tell
//! whether the program jumps to a displaced instruction, but the stub can be put where the byte that now
//! stands at each such place is an opcode that traps on its own (*trap-constrained displacement*). A thread
//! that comes there (by a computed jump, or because it was blocked in the call when the site was patched)
//! traps, and the monitor sends it to the copy.
//!
//! [`site`] looks at the code and says whether it can be patched, [`Site::chunks`] and [`Site::place`] say
//! where the stub may stand, [`Site::patch`] makes the bytes, and [`Patch`] translates places of the program
//! to places in the stub and back. There is no I/O here: who calls this reads and writes the memory, and
//! keeps these rules:
//!
//! - Of two sites so near that the window of one covers the other, only one may be patched: [`site`] refuses
//!   what it sees to be so, but it must be given the program's bytes, not those of a patch.
//! - The call must be one that returns. What follows exit(2) or rt_sigreturn(2) need not be an instruction,
//!   so that it is not certain where the next ones begin.
//! - Where other threads may execute the code, it is written in [`Steps`], and after each of them every processor
//!   that may execute it is made to forget what it has fetched.
//! - Some of the trapping opcodes are I/O instructions, which trap only if the process has no I/O permissions
//!   (ioperm(2), iopl(2)).
//! - A window must not reach into a restartable sequence (rseq(2)), nor into memory that others see.
#![forbid(unsafe_code)]

mod boundary;
mod displaced;
mod patch;
mod placement;
mod refusal;
mod relocate;
mod site;
mod steps;
mod stub;

pub use boundary::begins;
pub use patch::Patch;
pub use refusal::Refusal;
pub use site::{Site, site};
pub use steps::{Steps, Write, whole};
pub use stub::{DONE, TRACED};

/// How many bytes from the site on [`site`] looks at at most: the last displaced instruction begins at offset
/// 4 or earlier and has at most 15 bytes.
pub const LOOK_AHEAD: usize = 32;

/// Length of `jmp rel32`.
pub(crate) const JUMP: usize = 5;
/// Length of `syscall`.
pub(crate) const SYSCALL: usize = 2;
