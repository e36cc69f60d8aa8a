//! Two processes that write to one word in turns.

use std::io;
use std::sync::atomic::{AtomicU64, Ordering};

use super::board::Board;
use super::each;
use super::fork_unsafe::{Turns, fork};

const DISMISSED: u64 = u64::MAX;

/// One of the two.
struct Player<'l> {
    /// Whose turn it is, or [`DISMISSED`].
    line: &'l AtomicU64,
    index: u64,
    /// What it does until it is its turn.
    wait: fn(),
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
                _ => (self.wait)(),
            }
        }
        let other = 1 - self.index;
        self.line.compare_exchange(self.index, other, Ordering::AcqRel, Ordering::Relaxed).is_ok()
    }
}

/// Nanoseconds from one turn to the next of the same player. `place` says on which CPU a player is, which would be on
/// this.
///
/// # Errors
/// Where processes can't be forked, and if one dies.
pub fn take_turns(
    iterations: u64,
    wait: fn(),
    place: impl Fn(Option<usize>) -> Option<usize> + Sync,
) -> io::Result<f64> {
    let (board, other) = (Board::new()?, Board::new()?);
    let line = &other.slot(0).go;
    each(2, iterations, |index, cpu| {
        let mut player = Player { line, index: index as u64, wait };
        let end = fork(&board, index, place(cpu), iterations, &mut player).and_then(|child| {
            board.go(index);
            child.wait()
        });
        if end.is_err() {
            line.store(DISMISSED, Ordering::Release);
        }
        end
    })?;
    board.nanoseconds(iterations)
}
