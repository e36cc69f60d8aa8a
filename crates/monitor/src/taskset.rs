//! A set of corresponding threads, one per variant, and their rendezvous.

use std::collections::VecDeque;
use std::sync::{Arc, Mutex};

use stretto_abi::table::CallRow;
use stretto_semantics::{Lookup, Part};
use stretto_tracee::{Registers, SignalInfo, arguments};

use crate::agent::record::last_calls;
use crate::agent::ring_memory::RingMemory;
use crate::clock_unsafe::Moment;
use crate::config::MAX_VARIANTS;
use crate::lag::Lag;
use crate::lock;
use crate::padded::Padded;

/// What a thread has come to.
#[derive(Clone, Debug)]
pub enum Arrival {
    Call(CallArrival),
    /// A fault of its own making.
    Fault {
        info: SignalInfo,
        registers: Registers,
    },
    /// `rdtsc` or `rdtscp`, `length` bytes long.
    Timestamp {
        registers: Registers,
        length: u64,
        /// Leader only: a signal that waits to be delivered first.
        deliver: Option<Box<SignalInfo>>,
    },
    /// The agent has made a call, and a signal is due behind it; the registers are those to go on with.
    Point {
        registers: Registers,
        /// Leader only: the signal.
        deliver: Option<Box<SignalInfo>>,
    },
}

impl Arrival {
    /// The registers at the stop.
    #[must_use]
    pub fn registers(&self) -> &Registers {
        match self {
            Self::Call(call) => &call.registers,
            Self::Fault { registers, .. }
            | Self::Timestamp { registers, .. }
            | Self::Point { registers, .. } => registers,
        }
    }

    /// The registers as the program would see them there: a stub is where its site is.
    #[must_use]
    pub fn program_registers(&self) -> Registers {
        match self {
            Self::Call(call) => Registers { rip: call.program_rip, ..call.registers },
            other => *other.registers(),
        }
    }
}

/// What the table says about a call.
#[derive(Clone, Copy, Debug)]
pub enum Meaning {
    Known(CallRow),
    UnknownNumber,
    UnknownCommand(CallRow, u64),
}

impl From<Lookup> for Meaning {
    fn from(found: Lookup) -> Self {
        match found {
            Lookup::Known(row) => Self::Known(row),
            Lookup::UnknownNumber => Self::UnknownNumber,
            Lookup::UnknownCommand(parent, value) => Self::UnknownCommand(parent, value),
        }
    }
}

/// What a call that the agent has made has given.
#[derive(Clone, Debug)]
pub struct Done {
    pub result: i64,
    /// As `semantics::collect` writes them; `None`: there was no room for them.
    pub outputs: Option<Vec<u8>>,
}

/// A system call at its entry.
#[derive(Clone, Debug)]
pub struct CallArrival {
    pub registers: Registers,
    pub meaning: Meaning,
    pub inputs: Inputs,
    /// Leader only: a signal that waits to be delivered first.
    pub deliver: Option<Box<SignalInfo>>,
    /// Where the program is, when it came through a stub; else the `rip` of `registers`.
    pub program_rip: u64,
    /// Leader only: the agent has made the call already.
    pub done: Option<Done>,
}

impl CallArrival {
    /// The number.
    #[must_use]
    pub fn nr(&self) -> u64 {
        number(&self.registers)
    }

    /// The six arguments.
    #[must_use]
    pub fn args(&self) -> [u64; 6] {
        arguments(&self.registers)
    }

    /// The row, if the call is described.
    #[must_use]
    pub fn row(&self) -> Option<&CallRow> {
        match &self.meaning {
            Meaning::Known(row) => Some(row),
            _ => None,
        }
    }

    /// Whether it installs a filter that asks, of which a process may have one: the monitor's (seccomp(2)).
    #[must_use]
    pub fn makes_listener(&self) -> bool {
        let flags = self.args()[1] & libc::SECCOMP_FILTER_FLAG_NEW_LISTENER;
        self.nr() == libc::SYS_seccomp.cast_unsigned() && flags != 0
    }
}

/// The gathered inputs of a call.
#[derive(Clone, Debug, Default)]
pub struct Inputs {
    pub bytes: Vec<u8>,
    /// Each part with the offset of its first byte.
    pub parts: Vec<(Part, usize)>,
    /// Memory that the kernel may overwrite: address and content.
    pub before: Vec<(u64, Vec<u8>)>,
    /// Where digests stand for memory, in order.
    pub digests: Vec<Digests>,
    /// There is more, which nobody has looked at.
    pub excessive: bool,
}

/// Bytes of [`Inputs::bytes`] that are digests.
#[derive(Clone, Copy, Debug)]
pub struct Digests {
    pub start: usize,
    pub end: usize,
}

/// One line of a variant's history.
#[derive(Clone, Copy, Debug)]
pub struct HistoryEntry {
    pub nr: u64,
    pub args: [u64; 6],
    pub result: Option<i64>,
    /// How often the thread had met the others in the monitor.
    pub epoch: u32,
}

/// How many calls a report shows of each variant.
pub const HISTORY: usize = 64;

/// The calls of one thread, oldest first.
#[derive(Debug, Default)]
pub struct History {
    entries: VecDeque<HistoryEntry>,
    /// How often the thread has met the others in the monitor, see `stretto_abi::ring`.
    pub epoch: u32,
}

impl History {
    /// Notes a call at its entry.
    pub fn enter(&mut self, nr: u64, args: [u64; 6]) {
        if self.entries.len() == HISTORY {
            self.entries.pop_front();
        }
        self.entries.push_back(HistoryEntry { nr, args, result: None, epoch: self.epoch });
    }

    /// Notes its result.
    pub fn leave(&mut self, result: i64) {
        if let Some(last) = self.entries.back_mut() {
            last.result = Some(result);
        }
    }

    /// All entries.
    #[must_use]
    pub fn entries(&self) -> Vec<HistoryEntry> {
        self.entries.iter().copied().collect()
    }
}

/// What a rendezvous collects. Guarded by the set's lock.
#[derive(Debug, Default)]
pub struct Meeting {
    pub arrivals: [Option<Arc<Arrival>>; MAX_VARIANTS],
    /// Results of a call that every variant carries out, and who has given one.
    pub results: [Option<u64>; MAX_VARIANTS],
    /// The call whose results are being collected.
    pub each: Option<CallRow>,
    /// How long the first arrival or the first result of this round has waited for the others.
    pub lag: Option<Lag>,
    /// How often each variant has arrived, see `stretto_abi::ring`.
    pub slow: [u32; MAX_VARIANTS],
    /// Where the agents of these threads meet, once there is a reason.
    pub ring: Option<Arc<RingMemory>>,
    /// By variant that waits in the ring: how far it had got, and since when it waits.
    pub idle: [Option<(u64, Moment)>; MAX_VARIANTS],
}

impl Meeting {
    /// Whether `variant` is where the others wait for it.
    #[must_use]
    pub fn has_come(&self, variant: usize) -> bool {
        match self.each {
            Some(_) => self.results[variant].is_some(),
            None => self.arrivals[variant].is_some(),
        }
    }
}

/// A set of corresponding threads.
#[derive(Debug)]
pub struct TaskSet {
    pub id: u32,
    /// The set of the first threads of the processes that these threads belong to.
    pub process: u32,
    /// Thread ids, 0 = not yet born; index = variant. They stay when the thread has ended: its parent has yet to
    /// wait for it.
    pub tids: [std::sync::atomic::AtomicI32; MAX_VARIANTS],
    pub meeting: Padded<Mutex<Meeting>>,
    pub history: [Padded<Mutex<History>>; MAX_VARIANTS],
    /// Bit per variant whose thread has been born and has not ended.
    pub alive: std::sync::atomic::AtomicU32,
    /// Followers (bits) that have taken a signal which the leader took outside any rendezvous.
    pub taken: std::sync::atomic::AtomicU32,
    /// The file that the leader's thread is about to execute by its descriptor, open in the monitor: the leader's
    /// exec may close the descriptor before followers get to it.
    pub program: Mutex<Option<std::fs::File>>,
    /// The leader's thread has ended.
    pub leader_gone: std::sync::atomic::AtomicBool,
}

impl TaskSet {
    /// A set whose threads are not known yet.
    #[must_use]
    pub fn new(id: u32, process: u32) -> Self {
        Self {
            id,
            process,
            tids: Default::default(),
            meeting: Padded::default(),
            history: Default::default(),
            alive: 0.into(),
            taken: 0.into(),
            program: Mutex::default(),
            leader_gone: false.into(),
        }
    }

    /// The thread id in `variant`.
    #[must_use]
    pub fn tid(&self, variant: usize) -> i32 {
        self.tids[variant].load(std::sync::atomic::Ordering::Acquire)
    }

    /// Names the thread in `variant`.
    pub fn set_tid(&self, variant: usize, tid: i32) {
        self.tids[variant].store(tid, std::sync::atomic::Ordering::Release);
        self.alive.fetch_or(1 << variant, std::sync::atomic::Ordering::AcqRel);
    }

    /// Notes that the thread in `variant` has ended; true if no variant has one any more.
    pub fn set_dead(&self, variant: usize) -> bool {
        let bit = 1 << variant;
        self.alive.fetch_and(!bit, std::sync::atomic::Ordering::AcqRel) & !bit == 0
    }

    /// The calls of `variant` so far.
    #[must_use]
    pub fn history_of(&self, variant: usize) -> Vec<HistoryEntry> {
        lock(&self.history[variant]).entries()
    }

    /// The same with those that its agent has made: a record of the ring comes before the stop that ends its epoch.
    #[must_use]
    pub fn whole_history_of(&self, variant: usize, ring: Option<&RingMemory>) -> Vec<HistoryEntry> {
        let records = ring.map(|ring| last_calls(ring, variant, HISTORY)).unwrap_or_default();
        let mut all: Vec<(bool, HistoryEntry)> = records
            .into_iter()
            .rev()
            .map(|(head, args)| {
                let (nr, epoch) = (head.nr.into(), head.epoch);
                (false, HistoryEntry { nr, args, result: Some(head.result), epoch })
            })
            .collect();
        all.extend(self.history_of(variant).into_iter().map(|entry| (true, entry)));
        all.sort_by_key(|(stopped, entry)| (entry.epoch, *stopped));
        let skip = all.len().saturating_sub(HISTORY);
        all.into_iter().skip(skip).map(|(_, entry)| entry).collect()
    }
}

/// The number of the call that is entered: the kernel looks at 32 bits (arch/x86/entry/syscall_64.c).
#[must_use]
pub fn number(registers: &Registers) -> u64 {
    registers.orig_rax & 0xffff_ffff
}
