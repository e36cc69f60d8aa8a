//! A bare tracer as the yardstick for tier 1: it does the least that any monitor based on ptrace must do to let
//! several processes share the calls of one, and nothing else.
//!
//! Each variant is a forked loop of one system call, stopped by the same seccomp filter as a real variant, with
//! its own tracer thread on the same CPU. No descriptions, no policies, no signals, no processes: what a monitor
//! costs above this is its own doing.

mod meeting;
mod tracer;
mod variant_unsafe;

use std::io;
use std::str::FromStr;

use crate::MAX_VARIANTS;
use crate::spawn_unsafe::{cpus, pin_thread};
use meeting::Meeting;
use tracer::Tracer;
use variant_unsafe::{Board, Variant};

/// Size of what is read and written.
const BLOCK: usize = 4096;

/// The call that is measured.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    Getpid,
    /// 4 KiB of `/dev/zero`.
    Read,
    /// 4 KiB to `/dev/null`.
    Write,
}

impl Kind {
    fn nr(self) -> i64 {
        match self {
            Self::Getpid => libc::SYS_getpid,
            Self::Read => libc::SYS_read,
            Self::Write => libc::SYS_write,
        }
    }
}

impl FromStr for Kind {
    type Err = io::Error;

    fn from_str(name: &str) -> io::Result<Self> {
        match name {
            "getpid" => Ok(Self::Getpid),
            "read" => Ok(Self::Read),
            "write" => Ok(Self::Write),
            _ => Err(io::Error::new(io::ErrorKind::InvalidInput, format!("no such kind of call: {name:?}"))),
        }
    }
}

/// How much the tracers do.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Work {
    /// The leader makes the call, the followers get its result.
    Replicate,
    /// They meet at the entry; then every variant makes the call itself.
    Meet,
}

/// Nanoseconds per replicated call, as the leader measures it.
///
/// # Errors
/// Where processes can't be forked or traced, and if a variant dies.
pub fn bare(kind: Kind, variants: usize, iterations: u64) -> io::Result<f64> {
    traced(kind, variants, iterations, Work::Replicate)
}

/// Nanoseconds per call at whose entry the variants meet, and no more.
///
/// # Errors
/// As [`bare`].
pub fn bare_stop_only(kind: Kind, variants: usize, iterations: u64) -> io::Result<f64> {
    traced(kind, variants, iterations, Work::Meet)
}

/// Nanoseconds per call of the same loop without a tracer.
///
/// # Errors
/// Where processes can't be forked.
pub fn native(kind: Kind, iterations: u64) -> io::Result<f64> {
    let board = Board::new()?;
    let child = Variant { kind, iterations, cpu: cpu_of(0), traced: false }.fork(&board, 0)?;
    board.go(0);
    child.wait()?;
    board.nanoseconds(iterations)
}

/// Variant `v` and its tracer share a CPU: a stop then is a context switch and not a wake-up of another CPU.
fn cpu_of(variant: usize) -> Option<usize> {
    let cpus = cpus();
    cpus.get(variant % cpus.len().max(1)).copied()
}

fn traced(kind: Kind, variants: usize, iterations: u64, work: Work) -> io::Result<f64> {
    if !(1..=MAX_VARIANTS).contains(&variants) || iterations == 0 {
        let text = format!("needs 1 to {MAX_VARIANTS} variants and at least one iteration");
        return Err(io::Error::new(io::ErrorKind::InvalidInput, text));
    }
    let board = Board::new()?;
    let meeting = Meeting::new(variants);
    // Asked for once: a pinned thread sees only its own CPU, and new threads inherit that.
    let places: Vec<_> = (0..variants).map(cpu_of).collect();
    let trace = |index: usize| {
        let presence = meeting.enter();
        if let Some(cpu) = places[index] {
            pin_thread(cpu);
        }
        let variant = Variant { kind, iterations, cpu: places[index], traced: true };
        let child = variant.fork(&board, index)?;
        Tracer { meeting: &meeting, index, kind, work }.run(&child, || board.go(index))?;
        presence.in_order();
        Ok(())
    };
    std::thread::scope(|scope| {
        let trace = &trace;
        let tracers: Vec<_> = (0..variants).map(|index| scope.spawn(move || trace(index))).collect();
        // All are joined before the first error counts.
        let ends: Vec<io::Result<()>> = tracers.into_iter().map(join).collect();
        ends.into_iter().collect::<io::Result<()>>()
    })?;
    board.nanoseconds(iterations)
}

fn join(tracer: std::thread::ScopedJoinHandle<'_, io::Result<()>>) -> io::Result<()> {
    tracer.join().unwrap_or_else(|_| Err(io::Error::other("a tracer panicked")))
}

#[cfg(test)]
mod tests {
    use super::*;

    const KINDS: [Kind; 3] = [Kind::Getpid, Kind::Read, Kind::Write];

    #[test]
    fn tracing_costs_more_than_the_call() {
        for kind in KINDS {
            let native = native(kind, 2000).unwrap();
            let met = bare_stop_only(kind, 2, 500).unwrap();
            let replicated = bare(kind, 2, 500).unwrap();
            assert!(native > 10.0, "{kind:?}: {native} ns");
            assert!(met > native, "{kind:?}: {met} ns, native {native} ns");
            assert!(replicated > native, "{kind:?}: {replicated} ns, native {native} ns");
        }
    }

    #[test]
    fn any_number_of_variants() {
        for variants in [1, 3, MAX_VARIANTS] {
            assert!(bare(Kind::Read, variants, 50).unwrap() > 0.0);
        }
        for variants in [0, MAX_VARIANTS + 1] {
            assert_eq!(bare(Kind::Read, variants, 50).unwrap_err().kind(), io::ErrorKind::InvalidInput);
        }
    }

    #[test]
    fn kinds_have_names() {
        for (name, kind) in ["getpid", "read", "write"].into_iter().zip(KINDS) {
            assert_eq!(name.parse::<Kind>().unwrap(), kind);
        }
        assert!("open".parse::<Kind>().is_err());
    }
}
