//! What the kernel tells of a thread in /proc: how far it is on its way out, and whether it gets a CPU.

use std::time::Duration;

use crate::clock_unsafe::Moment;

/// PF_EXITING, include/linux/sched.h.
const EXITING: u64 = 4;
const PAUSE: Duration = Duration::from_micros(20);

/// Whether a thread is on its way out and may have closed its files, or is gone.
pub fn is_ending(tid: i32) -> bool {
    let flags = behind_name(tid).split_whitespace().nth(6).and_then(|flags| flags.parse().ok());
    flags.is_none_or(|flags: u64| flags & EXITING != 0)
}

/// Waits until a thread that has called exit has ended: whoever joins it may look at its memory then.
/// That takes some 50 us, and as long as others keep the CPU; no longer than `most`.
pub fn await_end(tid: i32, most: Duration) {
    let since = Moment::roughly_now();
    while !has_ended(tid) && since.roughly_elapsed() < most {
        std::thread::sleep(PAUSE);
    }
}

/// Whether a thread has ended, or is gone.
pub fn has_ended(tid: i32) -> bool {
    matches!(behind_name(tid).split_whitespace().next(), None | Some("Z"))
}

/// How a thread has fared with the scheduler.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Scheduled {
    /// How long it has run.
    pub ran: Duration,
    /// How long it has waited for a CPU, until it was last given one.
    pub waited: Duration,
    /// It runs, or would if it were given one now.
    pub runnable: bool,
    /// It waits for something else; a thread that is stopped does not.
    pub sleeps: bool,
}

impl std::fmt::Display for Scheduled {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let (ran, waited) = (self.ran.as_secs_f64(), self.waited.as_secs_f64());
        let now = match self {
            Self { runnable: true, .. } => "runs or would",
            Self { sleeps: true, .. } => "sleeps",
            _ => "stands still",
        };
        write!(f, "ran {ran:.3} s, waited {waited:.3} s for a CPU, {now}")
    }
}

/// How a thread has fared; none if it is gone, or the kernel does not tell.
pub fn scheduled(tid: i32) -> Option<Scheduled> {
    // Nanoseconds on a CPU, then nanoseconds of waiting (Documentation/scheduler/sched-stats.rst).
    let text = std::fs::read_to_string(format!("/proc/{tid}/schedstat")).ok()?;
    let mut words = text.split_whitespace().map(|word| word.parse().ok());
    let (ran, waited) = (Duration::from_nanos(words.next()??), Duration::from_nanos(words.next()??));
    let fields = behind_name(tid);
    let state = fields.split_whitespace().next()?;
    Some(Scheduled { ran, waited, runnable: state == "R", sleeps: matches!(state, "S" | "D") })
}

/// The name of a thread of this process; empty if it is gone.
pub fn name_of_own(tid: i32) -> String {
    std::fs::read_to_string(format!("/proc/self/task/{tid}/comm")).unwrap_or_default().trim_end().to_owned()
}

/// The threads of this process but the one that asks.
pub fn other_own_threads() -> Vec<i32> {
    let id = |name: &std::ffi::OsStr| name.to_str()?.parse().ok();
    let own = std::fs::read_link("/proc/thread-self").ok().and_then(|path| id(path.file_name()?));
    let Ok(entries) = std::fs::read_dir("/proc/self/task") else { return Vec::new() };
    entries.filter_map(|entry| id(&entry.ok()?.file_name())).filter(|tid| Some(*tid) != own).collect()
}

/// The fields behind the name, which may hold anything (proc_pid_stat(5)); empty if the thread is gone.
fn behind_name(tid: i32) -> String {
    let text = std::fs::read_to_string(format!("/proc/{tid}/stat")).unwrap_or_default();
    text.rsplit(')').next().unwrap_or_default().to_owned()
}
