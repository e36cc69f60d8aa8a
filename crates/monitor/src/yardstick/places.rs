//! What it costs that variants share a CPU: two processes change places on it.
//!
//! Followers on one CPU both have to ask for a call in lockstep before it is made, and have to know the result of the one
//! before: they change places at least once a call, whatever else it costs.

use std::io;

use super::placement;
use super::players::take_turns;

/// Nanoseconds until the other process runs, when one lets it (sched_yield(2)).
///
/// # Errors
/// Where processes can't be forked, and if one dies.
pub fn change_of_places(iterations: u64) -> io::Result<f64> {
    let cpu = placement(1).cpu(0);
    // There and back are two.
    Ok(take_turns(iterations, std::thread::yield_now, |_| cpu)? / 2.0)
}

#[cfg(test)]
mod tests {
    use super::change_of_places;

    #[test]
    fn a_change_of_places_takes_a_system_call_at_least() {
        let time = change_of_places(10_000).unwrap();
        assert!(time > 50.0, "{time} ns");
    }
}
