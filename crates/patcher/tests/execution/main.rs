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
        match Trial::random(&mut rng, &mut machine, &known, &calls) {
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
    assert!(counts.branches > windows / 16 && counts.rip_relative > windows / 32);
    assert!(
        counts.restored > 0
            && counts.faults > windows / 100
            && counts.returns > windows / 2
            && counts.traces > windows / 16
    );
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

/// Bytes behind a system call, and the offsets from it at which instructions begin.
const GIVEN: [(&[u8], &[usize]); 9] = [
    (&[0x48, 0x3d, 0x00, 0xf0, 0xff, 0xff, 0x77, 0x00], &[2]), // cmp rax, -4096; ja
    (&[0x48, 0x3d, 0x01, 0xf0, 0xff, 0xff, 0x73, 0x00], &[2]), // cmp rax, -4095; jae
    (&[0x3d, 0x00, 0xf0, 0xff, 0xff], &[2]),                   // cmp eax, -4096
    (&[0xc3, 0x0f, 0x1f, 0x84, 0, 0, 0, 0, 0], &[2]),          // ret; nop dword ptr [rax+rax]
    (&[0xff, 0xcb, 0x75, 0xfc], &[2, 4]),                      // dec ebx; jnz to it
    (&[0xff, 0xcb, 0x75, 0xfa], &[2, 4]),                      // dec ebx; jnz to the call
    (&[0xe2, 0x00, 0xe1, 0x00, 0xe0, 0x00], &[2, 4]),          // loop; loope; loopne
    (&[0x31, 0xc9, 0xe3, 0x01, 0x90], &[2, 4]),                // xor ecx, ecx; jrcxz; nop
    (&[0x50, 0x9c, 0x58, 0x59], &[2, 3, 4]),                   // push rax; pushf; pop rax; pop rcx
];

#[test]
fn given_windows() {
    let mut rng = Rng::new(2);
    let (mut machine, calls, mut counts) = (Machine::new(&mut rng), Calls::new(), Counts::default());
    for (follows, starts) in GIVEN {
        for _ in 0..32 {
            let trial = Trial::given(&mut rng, &mut machine, &calls, follows, starts);
            let mut trial = trial.unwrap_or_else(|refusal| panic!("{follows:02x?}: {refusal}"));
            if let Some(difference) = trial.run(&mut rng, &mut counts) {
                panic!("{follows:02x?}: {difference}\n{}", trial.describe());
            }
        }
    }
}

#[test]
fn calls_leave_address_and_flags() {
    let mut rng = Rng::new(3);
    let (mut machine, calls) = (Machine::new(&mut rng), Calls::new());
    for _ in 0..100 {
        let trial = Trial::given(&mut rng, &mut machine, &calls, &[0x90; 4], &[2, 3, 4]);
        assert_eq!(trial.expect("nops are accepted").leaves_address_and_flags(), [true; 3]);
    }
}
