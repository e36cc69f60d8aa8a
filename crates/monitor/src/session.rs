//! What all tracer threads of a run share.

use std::collections::{BTreeMap, HashMap};
use std::sync::atomic::{AtomicBool, AtomicI32, AtomicU32, AtomicU64, Ordering};
use std::sync::{Arc, Mutex};

use stretto_abi::table::Table;

use crate::agent::Agents;
use crate::config::Config;
use crate::events::Events;
use crate::hot::HotSites;
use crate::job::Job;
use crate::lock;
use crate::mailbox::{Decision, Mailbox};
use crate::padded::Padded;
use crate::taskset::TaskSet;

/// Counters of a run.
#[derive(Debug, Default)]
pub struct Statistics {
    pub calls: AtomicU64,
    pub signals: AtomicU64,
    /// Threads, the first ones of processes among them.
    pub tasks: AtomicU64,
    pub processes: AtomicU64,
    /// Calls that agents have made without the monitor; counted when a ring ends.
    pub in_process: AtomicU64,
    /// Calls among them that the monitor has let pass.
    pub approved: AtomicU64,
    /// Those among them that stopped for that, since the kernel does not ask here.
    pub approved_stops: AtomicU64,
    /// Sites that have been patched in the leader.
    pub patched: AtomicU64,
    /// Sites that have been patched in the leader because earlier runs had found them hot.
    pub from_memory: AtomicU64,
    /// Patches that have been taken back in the leader.
    pub restored: AtomicU64,
}

/// How the root process ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Ending {
    Exited(i32),
    Signalled(i32),
}

/// A run.
#[derive(Debug)]
pub struct Session {
    pub config: Config,
    /// The agents in the variants, if the policy wants any.
    pub agents: Option<Agents>,
    /// Which sites were hot in earlier runs, if that is to be remembered.
    pub hot_sites: Option<HotSites>,
    pub events: Events,
    pub statistics: Padded<Statistics>,
    pub mailboxes: Vec<Mailbox>,
    /// Bit per variant that still takes part. Read by all with every call, hardly ever written.
    active: Padded<AtomicU32>,
    next_set: AtomicU32,
    sets: Mutex<HashMap<u32, Arc<TaskSet>>>,
    by_leader: Mutex<HashMap<i32, Arc<TaskSet>>>,
    pub divergences: Mutex<Vec<String>>,
    /// A divergence has ended the run.
    pub killed: AtomicBool,
    pub ending: Mutex<Option<Ending>>,
    /// Error number of a failed first exec.
    pub exec_error: AtomicI32,
    /// The first exec has succeeded.
    pub begun: AtomicBool,
    /// How many sites could not be patched, by reason.
    pub refused_sites: Mutex<BTreeMap<String, u64>>,
    /// First internal failure, one line.
    pub failure: Mutex<Option<String>>,
    /// Milliseconds and names of the phases of start-up.
    pub phases: Mutex<Vec<(&'static str, f64)>>,
    /// The CPUs that Stretto was given, as sched_getaffinity(2) tells them.
    pub cpus: Vec<u8>,
    /// Random number from which layouts are made.
    pub seed: u64,
    /// How many tasks wait for time to pass (deferred signals).
    pub ticks_wanted: AtomicU32,
    pub job: Job,
    /// For tests: a thread is stepped, see `tracer::injection`.
    pub stepping: AtomicBool,
    /// The thread that lets time pass, see `signals_unsafe::wake`.
    pub waker: i32,
}

impl Session {
    /// A run that has not started.
    #[must_use]
    pub fn new(config: Config, agents: Option<Agents>, events: Events, seed: u64, waker: i32) -> Self {
        let variants = config.variants;
        let hot_sites = config.hot_sites.clone().filter(|_| agents.is_some()).map(HotSites::new);
        Self {
            config,
            agents,
            hot_sites,
            events,
            statistics: Padded::default(),
            mailboxes: (0..variants).map(|_| Mailbox::default()).collect(),
            active: Padded(AtomicU32::new((1 << variants) - 1)),
            next_set: AtomicU32::new(1),
            sets: Mutex::default(),
            by_leader: Mutex::default(),
            divergences: Mutex::default(),
            killed: AtomicBool::new(false),
            ending: Mutex::default(),
            exec_error: AtomicI32::new(0),
            begun: AtomicBool::new(false),
            refused_sites: Mutex::default(),
            failure: Mutex::default(),
            phases: Mutex::default(),
            cpus: crate::schedule_unsafe::affinity(),
            seed,
            ticks_wanted: AtomicU32::new(0),
            job: Job::default(),
            stepping: AtomicBool::new(false),
            waker,
        }
    }

    /// The descriptions. The table was checked before the run, so this can't fail then.
    #[must_use]
    pub fn table(&self) -> Option<Table<'_>> {
        Table::new(&self.config.table).ok()
    }

    /// The variants that still take part, leader first.
    pub fn active(&self) -> impl Iterator<Item = usize> + Clone + use<> {
        let mask = self.active.load(Ordering::Acquire);
        (0..self.config.variants).filter(move |variant| mask & 1 << variant != 0)
    }

    /// The followers that still take part.
    pub fn followers(&self) -> impl Iterator<Item = usize> + Clone + use<> {
        self.active().filter(|&variant| variant != 0)
    }

    /// Whether a variant's processes are to end: the run is over, at least for it.
    #[must_use]
    pub fn has_done_with(&self, variant: usize) -> bool {
        let over = || !self.config.wait_for_orphans && lock(&self.ending).is_some();
        self.killed.load(Ordering::Acquire) || !self.active().any(|other| other == variant) || over()
    }

    /// Makes a set for threads that are about to be born, in an existing process or as its first.
    pub fn new_set(&self, process: Option<u32>) -> Arc<TaskSet> {
        let id = self.next_set.fetch_add(1, Ordering::Relaxed);
        let set = Arc::new(TaskSet::new(id, process.unwrap_or(id)));
        lock(&self.sets).insert(set.id, Arc::clone(&set));
        self.statistics.tasks.fetch_add(1, Ordering::Relaxed);
        if process.is_none() {
            self.statistics.processes.fetch_add(1, Ordering::Relaxed);
        }
        set
    }

    /// Notes the leader's thread of a set, by which waits find it.
    pub fn name_leader(&self, set: &Arc<TaskSet>, tid: i32) {
        set.set_tid(0, tid);
        lock(&self.by_leader).insert(tid, Arc::clone(set));
    }

    /// The set of a leader's thread, alive or not yet waited for.
    #[must_use]
    pub fn set_of_leader(&self, tid: i32) -> Option<Arc<TaskSet>> {
        lock(&self.by_leader).get(&tid).cloned()
    }

    /// Forgets a leader's thread id that has been waited for.
    pub fn forget_leader(&self, tid: i32) {
        lock(&self.by_leader).remove(&tid);
    }

    /// Forgets a set, all of whose threads are gone.
    pub fn remove_set(&self, set: &TaskSet) {
        lock(&self.sets).remove(&set.id);
    }

    /// Whether the leader's thread of a set lives.
    #[must_use]
    pub fn is_alive(&self, set: u32) -> bool {
        lock(&self.sets).get(&set).is_some_and(|set| !set.leader_gone.load(Ordering::Acquire))
    }

    /// All sets with a living thread.
    #[must_use]
    pub fn all_sets(&self) -> Vec<Arc<TaskSet>> {
        lock(&self.sets).values().cloned().collect()
    }

    /// Posts a decision to one variant.
    pub fn post(&self, variant: usize, set: &TaskSet, decision: Decision) {
        self.mailboxes[variant].post(set.id, decision);
    }

    /// Posts a decision to every active variant. The leader's comes last: what the leader then tells the
    /// followers must not overtake it (the poster may lose its CPU between two posts).
    pub fn post_all(&self, set: &TaskSet, decision: &Decision) {
        self.post_followers(set, decision);
        self.post(0, set, decision.clone());
    }

    /// Posts a decision to every active follower.
    pub fn post_followers(&self, set: &TaskSet, decision: &Decision) {
        for variant in self.followers() {
            self.post(variant, set, decision.clone());
        }
    }

    /// Drops `variant` from the run: its processes end, nobody waits for it.
    pub fn drop_variant(&self, variant: usize) {
        self.active.fetch_and(!(1 << variant), Ordering::AcqRel);
        self.mailboxes[variant].post(0, Decision::Drop);
        self.mailboxes[0].post(0, Decision::Recheck);
    }

    /// Ends every process of the run.
    pub fn kill_all(&self) {
        self.killed.store(true, Ordering::Release);
        for mailbox in &self.mailboxes {
            mailbox.post(0, Decision::Drop);
        }
    }

    /// Ends the run because the monitor itself has failed.
    pub fn fail(&self, message: String) {
        lock(&self.failure).get_or_insert(message);
        self.kill_all();
    }

    /// Notes how long a phase of start-up took until now.
    pub fn phase(&self, name: &'static str) {
        lock(&self.phases).push((name, self.events.time() * 1000.0));
    }
}
