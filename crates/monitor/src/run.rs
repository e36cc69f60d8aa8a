//! One run, from the plan to the outcome.

use std::os::unix::ffi::OsStrExt;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, mpsc};
use std::thread;

use serde_json::json;
use stretto_abi::table::{Table, TableError};
use stretto_tracee::{Error, install_wake_handler, seize};

use crate::agent::Agents;
use crate::approval::{self, Questions};
use crate::clock_unsafe;
use crate::config::Config;
use crate::deaf::Deaf;
use crate::events::{Events, Listener};
use crate::hot::HotSites;
use crate::lock;
use crate::mailbox::Decision;
use crate::notify_unsafe::Notifications;
use crate::placement::Placement;
use crate::program;
use crate::schedule_unsafe::{ShortSlices, come_first, pin_thread};
use crate::session::{Ending, Session};
use crate::signals_unsafe::{self, Forwarder, News};
use crate::spawn_unsafe::Launch;
use crate::taskset::TaskSet;
use crate::tracer::{Answering, Tracer, dump_monitor};

/// Exit code of a run that a divergence has ended.
pub const DIVERGED: i32 = 86;
/// Exit code of a run that could not begin or go on.
pub const FAILED: i32 = 125;

/// How a run ended.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Outcome {
    Exited(i32),
    Signalled(i32),
    Divergence,
    /// Exit code and one line.
    Failed(i32, String),
}

/// The outcome with everything that was noticed.
#[derive(Clone, Debug)]
pub struct Report {
    pub outcome: Outcome,
    /// JSON documents.
    pub divergences: Vec<String>,
    /// A JSON object.
    pub statistics: String,
}

impl Report {
    fn failed(code: i32, message: String) -> Self {
        Self { outcome: Outcome::Failed(code, message), divergences: Vec::new(), statistics: "{}".to_owned() }
    }

    /// The exit code to pass on.
    #[must_use]
    pub fn exit_code(&self) -> i32 {
        match self.outcome {
            Outcome::Exited(status) => status,
            Outcome::Signalled(signal) => 128 + signal,
            Outcome::Divergence => DIVERGED,
            Outcome::Failed(code, _) => code,
        }
    }
}

/// Runs a program as the plan says, until it has ended.
#[must_use]
pub fn run(config: Config, listener: Option<Listener>) -> Report {
    if let Err(error) = Table::new(&config.table) {
        let message = match error {
            TableError::Version(version) => format!("the system-call table has version {version}"),
            _ => "the system-call table is damaged".to_owned(),
        };
        return Report::failed(FAILED, message);
    }
    let slices = ShortSlices::begin();
    let placement = &Placement::new(config.variants, config.pin, slices.are_there());
    let agents = match agents(&config, placement) {
        Ok(agents) => agents,
        Err(error) => return Report::failed(FAILED, format!("the agents can't be prepared: {error}")),
    };
    let launches = match launches(&config, agents.as_ref(), placement) {
        Ok(launches) => launches,
        Err(error) => return Report::failed(error.exit_code(), error.to_string()),
    };
    let events = match Events::new(config.log.as_deref(), listener) {
        Ok(events) => events,
        Err(error) => {
            let path = config.log.as_deref().unwrap_or(std::path::Path::new(""));
            return Report::failed(FAILED, format!("{}: {error}", path.display()));
        }
    };
    let forwarder = Forwarder::new();
    let session = Session::new(config, agents, events, signals_unsafe::random(), forwarder.thread());
    let command: Vec<_> =
        session.config.argv.iter().map(|word| String::from_utf8_lossy(word).into_owned()).collect();
    session.events.event("start", json!({"command": command, "variants": session.config.variants}));
    install_wake_handler();
    let set = session.new_set(None);
    let running = &AtomicUsize::new(launches.len());
    thread::scope(|scope| {
        let (sender, questions) = mpsc::channel();
        if session.agents.is_some() {
            let session = &session;
            let body = move || answer(session, placement, &questions);
            if let Err(error) = thread::Builder::new().name("answers".to_owned()).spawn_scoped(scope, body) {
                session.fail(format!("nobody can answer agents: {error}"));
            }
        }
        let mut sender = Some(sender);
        for (variant, launch) in launches.iter().enumerate() {
            let (session, set, sender) = (&session, &set, sender.take());
            let body = move || {
                signals_unsafe::block_all();
                trace(session, set, variant, (launch, sender), placement);
                running.fetch_sub(1, Ordering::AcqRel);
                signals_unsafe::wake(session.waker);
            };
            let name = format!("variant {variant}");
            if let Err(error) = thread::Builder::new().name(name).spawn_scoped(scope, body) {
                session.fail(format!("variant {variant} can't be traced: {error}"));
                running.fetch_sub(1, Ordering::AcqRel);
            }
        }
        let mut deaf = Deaf::new(session.config.variants);
        while running.load(Ordering::Acquire) > 0 {
            watch(&session, &set, &forwarder, &mut deaf);
        }
    });
    conclude(&session)
}

/// The agents, if the policy has any call checked in the process.
fn agents(config: &Config, placement: &Placement) -> std::io::Result<Option<Agents>> {
    let Some(policy) = config.policy.as_deref().filter(|policy| policy.iter().any(|mode| *mode != 0)) else {
        return Ok(None);
    };
    let mut random = signals_unsafe::random;
    let patch_after = config.patch_after;
    Agents::new(&config.table, policy, placement, patch_after, &mut random).map(Some)
}

fn launches(
    config: &Config,
    agents: Option<&Agents>,
    placement: &Placement,
) -> Result<Vec<Launch>, program::ProgramError> {
    let search = config
        .env
        .iter()
        .find_map(|entry| entry.strip_prefix(b"PATH="))
        .unwrap_or(b"/usr/local/bin:/usr/bin:/bin");
    let name = config.argv.first().map_or(&b""[..], Vec::as_slice);
    let binary = |variant: usize| {
        let own = config.variant_paths.iter().find(|(of, _)| *of == variant);
        program::find(own.map_or(name, |(_, path)| path), search)
    };
    let leaders = binary(0)?;
    let asks = agents.is_some() && Notifications::are_there();
    (0..config.variants)
        .map(|variant| {
            let own = binary(variant)?;
            let own = Some(own.as_os_str().as_bytes()).filter(|own| *own != leaders.as_os_str().as_bytes());
            let mut launch = Launch::new(leaders.as_os_str().as_bytes(), own, &config.argv, &config.env);
            launch.follower = variant != 0;
            if let Some(agents) = agents {
                let program = agents.image(variant).program.clone();
                launch.program = if asks { program } else { program.without_asking() };
            }
            launch.cpu = placement.cpu(variant);
            Ok(launch)
        })
        .collect()
}

/// One variant, from fork to the end of its last process.
fn trace(
    session: &Session,
    set: &Arc<TaskSet>,
    variant: usize,
    (launch, questions): (&Launch, Option<mpsc::Sender<Questions>>),
    placement: &Placement,
) {
    let Some(table) = session.table() else { return };
    if let Some(cpu) = launch.cpu {
        pin_thread(cpu);
    }
    let child = match launch.fork() {
        Ok(child) => child,
        Err(error) => return session.fail(format!("variant {variant} can't be started: {error}")),
    };
    if let Err(error) = seize(child.pid) {
        let hint = match error {
            Error::Os { errno: libc::EPERM, .. } => " (ptrace is forbidden here; see `stretto doctor`)",
            _ => "",
        };
        return session.fail(format!("variant {variant} can't be traced: {error}{hint}"));
    }
    let mut tracer = Tracer::new(session, table, variant, placement);
    tracer.own_binary = launch.own_binary();
    tracer.answering = questions.map(|questions| Answering { asking: launch.asking(), questions });
    tracer.adopt_root(set, child.pid);
    if child.go().is_err() {
        return session.fail(format!("variant {variant} died before it began"));
    }
    session.phase("spawn");
    clock_unsafe::give_up_time_stamps();
    come_first();
    tracer.run();
}

/// Answers for the leader, on its CPU: one of the two always waits for the other.
fn answer(session: &Session, placement: &Placement, questions: &mpsc::Receiver<Questions>) {
    signals_unsafe::block_all();
    if let Some(cpu) = placement.cpu(0) {
        pin_thread(cpu);
    }
    clock_unsafe::give_up_time_stamps();
    come_first();
    if let Ok(questions) = questions.recv() {
        approval::answer(session, &questions);
    }
}

/// Forwards signals and lets time pass, once.
fn watch(session: &Session, set: &TaskSet, forwarder: &Forwarder, deaf: &mut Deaf) {
    let wanted = session.ticks_wanted.load(Ordering::Acquire) > 0;
    let patience = if wanted { 10 } else { 250 };
    match forwarder.wait(patience) {
        News::Signal(signal) => {
            let leader = set.tid(0);
            if leader != 0 && !set.leader_gone.load(Ordering::Acquire) {
                signals_unsafe::send(leader, signal);
            } else if matches!(signal, libc::SIGTERM | libc::SIGINT | libc::SIGHUP | libc::SIGQUIT) {
                session.kill_all();
            }
        }
        News::Nothing => {
            if session.job.lags_behind() {
                signals_unsafe::send(set.tid(0), libc::SIGCONT);
            }
            for mailbox in &session.mailboxes {
                mailbox.post(0, Decision::Tick);
            }
            deaf.look(session);
        }
        News::Dump => {
            dump_monitor();
            for mailbox in &session.mailboxes {
                mailbox.post(0, Decision::Dump);
            }
        }
        News::Woken => session.job.follow(),
    }
}

fn conclude(session: &Session) -> Report {
    let divergences = lock(&session.divergences).clone();
    let ending = *lock(&session.ending);
    let errno = session.exec_error.load(Ordering::Acquire);
    let failure = lock(&session.failure).take();
    let outcome = if let Some(message) = failure {
        Outcome::Failed(if errno == libc::ENOEXEC { 126 } else { FAILED }, message)
    } else if errno != 0 {
        let name = session.config.argv.first().map(|word| String::from_utf8_lossy(word).into_owned());
        let error = std::io::Error::from_raw_os_error(errno);
        let code = if errno == libc::ENOENT { 127 } else { 126 };
        Outcome::Failed(code, format!("{}: {error}", name.unwrap_or_default()))
    } else if session.killed.load(Ordering::Acquire) && !divergences.is_empty() {
        Outcome::Divergence
    } else {
        match ending {
            Some(Ending::Exited(_)) if !session.begun.load(Ordering::Acquire) => Outcome::Failed(
                FAILED,
                "the seccomp filter can't be installed here; see `stretto doctor`".to_owned(),
            ),
            Some(Ending::Exited(status)) => Outcome::Exited(status),
            Some(Ending::Signalled(signal)) => Outcome::Signalled(signal),
            None => Outcome::Failed(FAILED, "the program vanished".to_owned()),
        }
    };
    let phases: Vec<_> =
        lock(&session.phases).iter().map(|(name, ms)| json!({"name": name, "ms": ms})).collect();
    let statistics = json!({
        "calls": session.statistics.calls.load(Ordering::Relaxed),
        "signals": session.statistics.signals.load(Ordering::Relaxed),
        "tasks": session.statistics.tasks.load(Ordering::Relaxed),
        "processes": session.statistics.processes.load(Ordering::Relaxed),
        "in_process": session.statistics.in_process.load(Ordering::Relaxed),
        "approved": session.statistics.approved.load(Ordering::Relaxed),
        "approved_stops": session.statistics.approved_stops.load(Ordering::Relaxed),
        "patched": session.statistics.patched.load(Ordering::Relaxed),
        "from_memory": session.statistics.from_memory.load(Ordering::Relaxed),
        "hot_sites": session.hot_sites.as_ref().map(HotSites::conclude),
        "restored": session.statistics.restored.load(Ordering::Relaxed),
        "refused_sites": &*lock(&session.refused_sites),
        "seconds": session.events.time(),
        "phases": phases,
        "warnings": session.events.warnings(),
    });
    session.events.event("end", json!({"outcome": format!("{outcome:?}"), "statistics": &statistics}));
    Report { outcome, divergences, statistics: statistics.to_string() }
}
