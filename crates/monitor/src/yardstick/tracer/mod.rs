//! A bare tracer: it does the least that any monitor based on ptrace must do to let several processes share the
//! calls of one, and nothing else.
//!
//! Each variant is stopped by the same seccomp filter as a real variant, with its own tracer thread on the same CPU.

mod meeting;
mod variant;

use std::io;

use super::board::Board;
use super::fork_unsafe::fork;
use super::plain::Plain;
use super::{Kind, each};
use crate::schedule_unsafe::pin_thread;
use meeting::Meeting;
use variant::Tracer;

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
pub fn tracer(kind: Kind, variants: usize, iterations: u64) -> io::Result<f64> {
    traced(kind, variants, iterations, Work::Replicate)
}

/// Nanoseconds per call at whose entry the variants meet, and no more.
///
/// # Errors
/// As [`tracer`].
pub fn stop_only(kind: Kind, variants: usize, iterations: u64) -> io::Result<f64> {
    traced(kind, variants, iterations, Work::Meet)
}

fn traced(kind: Kind, variants: usize, iterations: u64, work: Work) -> io::Result<f64> {
    let board = Board::new()?;
    let meeting = Meeting::new(variants, kind.bytes());
    each(variants, iterations, |index, cpu| {
        let presence = meeting.enter();
        if let Some(cpu) = cpu {
            pin_thread(cpu);
        }
        let child = fork(&board, index, cpu, iterations, &mut Plain::new(kind, true)?)?;
        let own = vec![0; kind.bytes()];
        Tracer { meeting: &meeting, index, kind, work, own }.run(&child, || board.go(index))?;
        presence.in_order();
        Ok(())
    })?;
    board.nanoseconds(iterations)
}

#[cfg(test)]
mod tests {
    use super::super::native;
    use super::*;
    use crate::MAX_VARIANTS;

    /// The least of several: whatever else runs only adds.
    fn least(measure: impl Fn() -> io::Result<f64>) -> f64 {
        (0..5).map(|_| measure().unwrap()).fold(f64::INFINITY, f64::min)
    }

    #[test]
    fn tracing_costs_more_than_the_call() {
        for kind in ["getpid", "read", "write", "read64k", "write64k"].map(|name| name.parse().unwrap()) {
            let native = least(|| native(kind, 2000));
            let met = least(|| stop_only(kind, 2, 500));
            let replicated = least(|| tracer(kind, 2, 500));
            assert!(native > 10.0, "{kind:?}: {native} ns");
            assert!(met > native, "{kind:?}: {met} ns, native {native} ns");
            assert!(replicated > native, "{kind:?}: {replicated} ns, native {native} ns");
        }
    }

    #[test]
    fn any_number_of_variants() {
        for variants in [1, 3, MAX_VARIANTS] {
            assert!(tracer(Kind::Read(4096), variants, 50).unwrap() > 0.0);
        }
        for variants in [0, MAX_VARIANTS + 1] {
            let refused = tracer(Kind::Getpid, variants, 50).unwrap_err();
            assert_eq!(refused.kind(), io::ErrorKind::InvalidInput);
        }
    }
}
