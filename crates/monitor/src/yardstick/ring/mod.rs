//! A bare ring: processes that exchange the records of the real ring, by its own protocol (`stretto_abi::ring`), with
//! no monitor, no filter and no descriptions.
//!
//! A record holds as many bytes as the agent's: the arguments, what is written, what was read, six registers for
//! reports. The leader executes from the record's bytes, the followers compare their own with them.

mod follower;
mod futex_unsafe;
mod leader;
mod payload_unsafe;
mod seat;
mod variant;

use std::io;
use std::str::FromStr;

use stretto_abi::ring::Ring;

use super::board::Board;
use super::fork_unsafe::fork;
use super::shared_unsafe::Shared;
use super::{Kind, each, placement};
use variant::Variant;

/// When the leader executes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Mode {
    /// When every follower has agreed.
    Lockstep,
    /// At once.
    Ahead,
}

impl FromStr for Mode {
    type Err = io::Error;

    fn from_str(name: &str) -> io::Result<Self> {
        match name {
            "lockstep" => Ok(Self::Lockstep),
            "ahead" => Ok(Self::Ahead),
            _ => Err(io::Error::new(io::ErrorKind::InvalidInput, format!("no such mode: {name:?}"))),
        }
    }
}

/// Nanoseconds per replicated call, as the leader measures it.
///
/// # Errors
/// Where processes can't be forked, and if a variant dies.
pub fn ring(kind: Kind, mode: Mode, variants: usize, iterations: u64) -> io::Result<f64> {
    let board = Board::new()?;
    let ring = Shared::<Ring>::new()?;
    let placement = placement(variants);
    each(variants, iterations, |index, cpu| {
        // On a CPU that variants share, spinning keeps the other from arriving.
        let crowded = placement.neighbours(index) != 0;
        let end = Variant::new(&ring, kind, mode, index, variants, crowded).and_then(|mut variant| {
            let child = fork(&board, index, cpu, iterations, &mut variant)?;
            board.go(index);
            child.wait()
        });
        if end.is_err() {
            seat::dismiss(&ring);
        }
        end
    })?;
    board.nanoseconds(iterations)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::MAX_VARIANTS;

    const MODES: [Mode; 2] = [Mode::Lockstep, Mode::Ahead];

    #[test]
    fn all_kinds_in_both_modes() {
        for kind in ["getpid", "read", "write", "read64k", "write64k"].map(|name| name.parse().unwrap()) {
            for mode in MODES {
                let time = ring(kind, mode, 2, 20_000).unwrap();
                assert!(time > 10.0, "{kind:?} {mode:?}: {time} ns");
            }
        }
    }

    #[test]
    fn any_number_of_variants() {
        for mode in MODES {
            for variants in [1, 3, MAX_VARIANTS] {
                assert!(ring(Kind::Write(4096), mode, variants, 500).unwrap() > 0.0);
            }
            for (variants, iterations) in [(0, 50), (MAX_VARIANTS + 1, 50), (2, 0)] {
                let refused = ring(Kind::Getpid, mode, variants, iterations).unwrap_err();
                assert_eq!(refused.kind(), io::ErrorKind::InvalidInput);
            }
        }
    }

    #[test]
    fn modes_have_names() {
        assert_eq!(["lockstep", "ahead"].map(|name| name.parse::<Mode>().unwrap()), MODES);
        assert!("monitored".parse::<Mode>().is_err());
    }
}
