//! Yardsticks: the least that replicating a call costs in each tier, measured by forked loops of one system call.
//!
//! [`tracer`] for tier 1: as many processes, each stopped at every call by a tracer that shares the leader's results
//! by the fewest requests possible. [`ring`] for tier 2: as many processes that exchange the records of the real
//! ring, with no monitor. No descriptions, no policies, no signals, no processes: what Stretto costs above them is
//! its own doing.

pub mod line;
pub mod places;
pub mod ring;
pub mod tracer;

mod board;
mod fork_unsafe;
mod kind;
mod plain;
mod players;
mod shared_unsafe;
mod target_unsafe;

use std::io;

use crate::MAX_VARIANTS;
use crate::placement::Placement;
use board::Board;
use fork_unsafe::fork;
use plain::Plain;

pub use kind::Kind;

/// Nanoseconds per call of the loop by itself.
///
/// # Errors
/// Where processes can't be forked.
pub fn native(kind: Kind, iterations: u64) -> io::Result<f64> {
    let board = Board::new()?;
    let child = fork(&board, 0, placement(1).cpu(0), iterations, &mut Plain::new(kind, false)?)?;
    board.go(0);
    child.wait()?;
    board.nanoseconds(iterations)
}

/// Variant `v`, and its tracer if it has one, have one CPU: a stop then is a context switch and not a wake-up of
/// another CPU.
fn placement(variants: usize) -> Placement {
    Placement::new(variants, true, false)
}

/// Runs `body` in a thread for each variant, with the variant's CPU. All end before the first error counts.
fn each(
    variants: usize,
    iterations: u64,
    body: impl Fn(usize, Option<usize>) -> io::Result<()> + Sync,
) -> io::Result<()> {
    if !(1..=MAX_VARIANTS).contains(&variants) || iterations == 0 {
        let text = format!("needs 1 to {MAX_VARIANTS} variants and at least one iteration");
        return Err(io::Error::new(io::ErrorKind::InvalidInput, text));
    }
    // Asked for once: a pinned thread sees only its own CPU, and new threads inherit that.
    let placement = placement(variants);
    let places: Vec<_> = (0..variants).map(|variant| placement.cpu(variant)).collect();
    std::thread::scope(|scope| {
        let body = &body;
        let threads: Vec<_> = (places.iter().enumerate())
            .map(|(variant, &place)| scope.spawn(move || body(variant, place)))
            .collect();
        let ends: Vec<io::Result<()>> = threads.into_iter().map(join).collect();
        ends.into_iter().collect()
    })
}

fn join(thread: std::thread::ScopedJoinHandle<'_, io::Result<()>>) -> io::Result<()> {
    thread.join().unwrap_or_else(|_| Err(io::Error::other("a thread of the yardstick panicked")))
}
