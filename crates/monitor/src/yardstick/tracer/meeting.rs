//! Where the tracers meet: sequence numbers in shared memory, one cache line each.

use std::io;
use std::sync::RwLock;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};

/// Looks at a number before giving the CPU away: about what a stop of the other variant takes.
const SPINS: u32 = 10_000;

/// A number of its own cache lines (two: the neighbour is fetched along).
#[derive(Debug, Default)]
#[repr(align(128))]
struct Number(AtomicU64);

/// Shared by the tracers of one measurement. Calls are numbered from 1.
#[derive(Debug)]
pub struct Meeting {
    /// The last call that each variant has arrived at; a follower's arrival includes its agreement.
    arrived: Vec<Number>,
    /// The last call whose result is out.
    published: Number,
    result: Number,
    /// The leader's data, for followers to compare with or to take over.
    pub data: RwLock<Vec<u8>>,
    failed: AtomicBool,
    spins: u32,
}

/// A tracer at work; if it ends otherwise than [`Presence::in_order`], nobody waits for it in vain.
#[derive(Debug)]
pub struct Presence<'a>(&'a Meeting);

impl Drop for Presence<'_> {
    fn drop(&mut self) {
        self.0.failed.store(true, Ordering::Relaxed);
    }
}

impl Presence<'_> {
    /// The work is done.
    pub fn in_order(self) {
        std::mem::forget(self);
    }
}

impl Meeting {
    pub fn new(variants: usize, bytes: usize) -> Self {
        Self {
            arrived: std::iter::repeat_with(Number::default).take(variants).collect(),
            published: Number::default(),
            result: Number::default(),
            data: RwLock::new(vec![0; bytes]),
            failed: AtomicBool::new(false),
            // On a CPU that variants share, spinning keeps the other from arriving.
            spins: if variants > crate::schedule_unsafe::cpus().len() { 0 } else { SPINS },
        }
    }

    pub fn enter(&self) -> Presence<'_> {
        Presence(self)
    }

    fn wait(&self, number: &Number, call: u64) -> io::Result<()> {
        let mut spins = 0;
        while number.0.load(Ordering::Acquire) < call {
            if spins < self.spins {
                spins += 1;
                std::hint::spin_loop();
            } else if self.failed.load(Ordering::Relaxed) {
                return Err(io::Error::other("another variant's tracer has ended"));
            } else {
                std::thread::yield_now();
            }
        }
        Ok(())
    }

    pub fn arrive(&self, variant: usize, call: u64) {
        self.arrived[variant].0.store(call, Ordering::Release);
    }

    pub fn wait_for_leader(&self, call: u64) -> io::Result<()> {
        self.wait(&self.arrived[0], call)
    }

    pub fn wait_for_followers(&self, call: u64) -> io::Result<()> {
        self.arrived[1..].iter().try_for_each(|number| self.wait(number, call))
    }

    pub fn publish(&self, call: u64, result: u64) {
        self.result.0.store(result, Ordering::Relaxed);
        self.published.0.store(call, Ordering::Release);
    }

    pub fn wait_for_result(&self, call: u64) -> io::Result<u64> {
        self.wait(&self.published, call)?;
        Ok(self.result.0.load(Ordering::Relaxed))
    }
}
