//! Patched programs do what they do natively: random windows are executed both ways, from the same registers,
//! flags, vectors and memory, and everything is compared.

mod cpu_unsafe;
mod generate;
mod instructions;
mod memory_unsafe;
mod rng;
mod state;
mod traps_unsafe;
mod trial;

use cpu_unsafe::Machine;
use instructions::Instructions;
use rng::Rng;
use trial::{Calls, Counts, Trial};

/// Executes `windows` windows that are accepted. The seed of each comes from that of all, which is printed;
/// the variable `PATCHER_SEED` sets it.
fn campaign(windows: u32, seed: u64) {
    let seed =
        std::env::var("PATCHER_SEED").map_or(seed, |text| text.parse().expect("PATCHER_SEED is a number"));
    println!("PATCHER_SEED={seed}");
    let mut seeds = Rng::new(seed);
    let mut machine = Machine::new(&mut seeds);
    let (known, calls, mut counts) = (Instructions::of_this_processor(), Calls::new(), Counts::default());
    while counts.accepted < windows {
        let own = seeds.next();
        let mut rng = Rng::new(own);
        match Trial::new(&mut rng, &mut machine, &known, &calls) {
            Ok(mut trial) => {
                if let Some(difference) = trial.run(&mut rng, &mut counts) {
                    panic!("window {}, {own:#x}: {difference}\n{}", counts.accepted, trial.describe());
                }
            }
            Err(refusal) => {
                let text = refusal.to_string();
                let reason = text.split_once(": ").map_or(text.as_str(), |(_, reason)| reason);
                *counts.refused.entry(reason.to_owned()).or_default() += 1;
            }
        }
    }
    println!("{counts:#?}");
    // Otherwise this tests less than it seems to.
    let refused: u32 = counts.refused.values().sum();
    assert!(refused < windows / 2 && counts.boundaries > windows && counts.redirected > windows);
    assert!(counts.restored > 0 && counts.faults > windows / 100 && counts.traces > windows / 16);
}

#[test]
fn random_windows() {
    campaign(2_000, 1);
}

#[test]
#[ignore = "takes minutes"]
fn many_random_windows() {
    let now = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH);
    campaign(100_000, now.expect("after 1970").as_nanos() as u64);
}
