//! How far apart two CPUs are: a cache line goes to the other one and back.
//!
//! All that variants tell each other takes this way, so the figures of [`super::ring`] and of tier 2 depend on it. On a
//! virtual machine it may change from one minute to the next, when the host moves a CPU (50 and 390 ns, measured).

use std::io;
use std::sync::atomic::{AtomicU64, Ordering};

use super::board::Board;
use super::each;
use super::fork_unsafe::{Turns, fork};
use crate::schedule_unsafe::cpus;

const DISMISSED: u64 = u64::MAX;

/// One of the two that write to the line in turns.
struct Player<'l> {
    /// Whose turn it is, or [`DISMISSED`].
    line: &'l AtomicU64,
    index: u64,
}

impl Turns for Player<'_> {
    fn prepare(&mut self) -> bool {
        true
    }

    fn turn(&mut self) -> bool {
        loop {
            match self.line.load(Ordering::Acquire) {
                DISMISSED => return false,
                turn if turn == self.index => break,
                _ => std::hint::spin_loop(),
            }
        }
        let other = 1 - self.index;
        self.line.compare_exchange(self.index, other, Ordering::AcqRel, Ordering::Relaxed).is_ok()
    }
}

/// Nanoseconds there and back between the first two CPUs. `None`: there is only one.
///
/// # Errors
/// Where processes can't be forked, and if one dies.
pub fn line(iterations: u64) -> io::Result<Option<f64>> {
    if cpus().len() < 2 {
        return Ok(None);
    }
    let (board, other) = (Board::new()?, Board::new()?);
    let line = &other.slot(0).go;
    each(2, iterations, |index, cpu| {
        let end = fork(&board, index, cpu, iterations, &mut Player { line, index: index as u64 }).and_then(
            |child| {
                board.go(index);
                child.wait()
            },
        );
        if end.is_err() {
            line.store(DISMISSED, Ordering::Release);
        }
        end
    })?;
    board.nanoseconds(iterations).map(Some)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn there_and_back() {
        match line(10_000).unwrap() {
            Some(time) => assert!(time > 5.0, "{time} ns"),
            None => assert_eq!(cpus().len(), 1),
        }
        assert_eq!(line(0).unwrap_err().kind(), io::ErrorKind::InvalidInput);
    }
}
