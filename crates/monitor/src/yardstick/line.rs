//! How far apart two CPUs are: a cache line goes to the other one and back.
//!
//! All that variants tell each other takes this way, so the figures of [`super::ring`] and of tier 2 depend on it. On a
//! virtual machine it may change from one minute to the next, when the host moves a CPU (50 and 390 ns, measured).

use std::io;

use super::players::take_turns;
use crate::schedule_unsafe::cpus;

/// Nanoseconds there and back between the first two CPUs. `None`: there is only one.
///
/// # Errors
/// Where processes can't be forked, and if one dies.
pub fn line(iterations: u64) -> io::Result<Option<f64>> {
    if cpus().len() < 2 {
        return Ok(None);
    }
    let nanoseconds = take_turns(iterations, std::hint::spin_loop, |own| own)?;
    Ok(Some(nanoseconds))
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
