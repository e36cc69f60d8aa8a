//! How far a thread is on its way out, as the kernel tells (proc_pid_stat(5)).

use std::time::Duration;

/// PF_EXITING, include/linux/sched.h.
const EXITING: u64 = 4;
/// An end takes some 50 us; this is long enough for a busy machine.
const LOOKS: u32 = 2000;
const PAUSE: Duration = Duration::from_micros(20);

/// Whether a thread is on its way out and may have closed its files, or is gone.
pub(super) fn is_ending(tid: i32) -> bool {
    let flags = behind_name(tid).split_whitespace().nth(6).and_then(|flags| flags.parse().ok());
    flags.is_none_or(|flags: u64| flags & EXITING != 0)
}

/// Waits until a thread that has called exit has ended: whoever joins it may look at its memory then.
pub(super) fn await_end(tid: i32) {
    for _ in 0..LOOKS {
        if matches!(behind_name(tid).split_whitespace().next(), None | Some("Z")) {
            return;
        }
        std::thread::sleep(PAUSE);
    }
}

/// The fields behind the name, which may hold anything; empty if the thread is gone.
fn behind_name(tid: i32) -> String {
    let text = std::fs::read_to_string(format!("/proc/{tid}/stat")).unwrap_or_default();
    text.rsplit(')').next().unwrap_or_default().to_owned()
}
