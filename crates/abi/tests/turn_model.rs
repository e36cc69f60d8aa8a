//! The turn among the leader's threads, passed on by agents and by the monitor, under every interleaving that matters
//! (`loom`; see `ring_model.rs`):
//!
//! ```text
//! RUSTFLAGS="--cfg loom" cargo test -p stretto-abi --release --test turn_model
//! ```
//!
//! What agents do stands in `turn.rs` of the agent, what the monitor does in `tracer/turns.rs` and `tracer/lending.rs`.
//! Followers are not here: they have no part in it.
#![cfg(loom)]

#[path = "protocol/sync.rs"]
#[allow(dead_code, unused_imports)]
mod sync;
mod turns;

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use loom::model::Builder;
use loom::thread;

use turns::{Call, World};

/// Lets each thread make its calls. Threads are interrupted so often.
fn check(bound: usize, threads: &'static [&'static [Call]]) {
    let executions = Arc::new(AtomicU64::new(0));
    let counter = Arc::clone(&executions);
    let mut builder = Builder::new();
    builder.preemption_bound = Some(bound);
    builder.max_branches = 10_000;
    builder.check(move || {
        counter.fetch_add(1, Ordering::Relaxed);
        let world = Arc::new(World::new(threads.len()));
        let others: Vec<_> = (1..threads.len())
            .map(|own| {
                let world = Arc::clone(&world);
                thread::spawn(move || world.live(own, threads[own]))
            })
            .collect();
        world.live(0, threads[0]);
        others.into_iter().for_each(|other| other.join().unwrap());
    });
    println!("{} executions", executions.load(Ordering::Relaxed));
}

#[test]
fn two_agents_pass_the_turn_on() {
    check(3, &[&[Call::Waits, Call::Waits], &[Call::Waits]]);
}

#[test]
fn an_agent_that_does_not_wait_lets_others_have_it() {
    check(3, &[&[Call::Quick, Call::Quick], &[Call::Waits]]);
}

#[test]
fn the_monitor_takes_it_back_for_a_thread_there() {
    check(3, &[&[Call::Waits, Call::Waits], &[Call::Monitored]]);
}

#[test]
fn a_call_that_waits_for_a_thread_in_the_monitor_ends() {
    check(3, &[&[Call::UntilAnother, Call::Waits], &[Call::Monitored, Call::Wakes]]);
}

#[test]
fn a_call_that_waits_for_a_thread_in_an_agent_ends() {
    check(3, &[&[Call::UntilAnother], &[Call::Waits, Call::Wakes]]);
}

#[test]
fn an_agent_that_sleeps_is_woken_by_the_one_that_passes_the_turn_on() {
    check(3, &[&[Call::Waits, Call::UntilAnother], &[Call::Waits, Call::Wakes]]);
}

#[test]
fn one_of_three_ends_while_another_sleeps() {
    check(2, &[&[Call::Waits, Call::UntilAnother], &[Call::Monitored], &[Call::Waits, Call::Wakes]]);
}

#[test]
fn what_the_monitor_approves_is_open_to_the_monitor() {
    check(3, &[&[Call::Approved, Call::Waits], &[Call::Monitored]]);
}

#[test]
fn three_threads_in_both_places() {
    check(2, &[&[Call::Waits], &[Call::Waits], &[Call::Monitored]]);
}
