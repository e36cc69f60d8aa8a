//! Which CPUs threads run on, and for how long at a time.

use std::io;

/// How long a thread of a variant runs before the kernel looks whether it is another's turn.
const SLICE_NS: u64 = 120_000;
/// The shortest that can be asked for (`kernel/sched/syscalls.c`, `__setparam_fair`). Who is woken with a shorter slice
/// than that of whoever runs comes first (`kernel/sched/fair.c`, `PREEMPT_SHORT`): the monitor's threads.
const SHORTEST_NS: u64 = 100_000;

/// Short slices for the calling thread, and for whom it starts meanwhile, until this is dropped.
///
/// Who waits for another variant lets its neighbours run with sched_yield(2), and pays a slice for it
/// (`kernel/sched/fair.c`, `yield_task_fair`). With slices of the kernel's length (2.8 ms on two CPUs) variants beside a
/// program that computes get a third of what is theirs, with short ones all of it (decision 0006).
#[derive(Debug)]
pub struct ShortSlices {
    before: Option<libc::sched_attr>,
}

impl ShortSlices {
    /// Asks for them.
    #[must_use]
    pub fn begin() -> Self {
        Self { before: attributes().ok().filter(|before| shorten(*before, SLICE_NS)) }
    }

    /// Whether there are any: Linux before 6.12 does not have them, nor has a thread of another policy (sched(7)).
    #[must_use]
    pub fn are_there(&self) -> bool {
        self.before.is_some()
    }
}

/// Lets the calling thread come before variants when it is woken, if there are short slices.
pub fn come_first() {
    if let Some(before) = attributes().ok().filter(|before| before.sched_runtime == SLICE_NS) {
        shorten(before, SHORTEST_NS);
    }
}

/// How many nanoseconds at a time variants run; `None`: the kernel does not give short slices here.
#[must_use]
pub fn short_slices() -> Option<u64> {
    ShortSlices::begin().are_there().then_some(SLICE_NS)
}

impl Drop for ShortSlices {
    fn drop(&mut self) {
        if let Some(before) = self.before {
            // The kernel does not tell its own length from one that somebody has asked for: this one is asked for.
            let _ = set_attributes(&before);
        }
    }
}

/// Gives the calling thread, whose attributes these are, slices of `slice` nanoseconds.
fn shorten(before: libc::sched_attr, slice: u64) -> bool {
    // Flags: whom the thread starts would not inherit it (SCHED_FLAG_RESET_ON_FORK; the others are of other policies).
    let fair = matches!(before.sched_policy.cast_signed(), libc::SCHED_OTHER | libc::SCHED_BATCH);
    let wanted = libc::sched_attr { sched_runtime: slice, ..before };
    fair && before.sched_flags == 0
        && set_attributes(&wanted).is_ok()
        && attributes().is_ok_and(|now| now.sched_runtime == slice)
}

/// How the calling thread is scheduled.
fn attributes() -> io::Result<libc::sched_attr> {
    // SAFETY: integers only, for which 0 is a value.
    let mut attributes: libc::sched_attr = unsafe { std::mem::zeroed() };
    let size = size_of::<libc::sched_attr>();
    // SAFETY: the kernel writes at most `size` bytes to a live local.
    let outcome = unsafe { libc::syscall(libc::SYS_sched_getattr, 0, &raw mut attributes, size, 0) };
    if outcome == 0 { Ok(attributes) } else { Err(io::Error::last_os_error()) }
}

fn set_attributes(attributes: &libc::sched_attr) -> io::Result<()> {
    // SAFETY: the kernel reads a live structure, whose size stands in it.
    let outcome = unsafe { libc::syscall(libc::SYS_sched_setattr, 0, attributes, 0) };
    if outcome == 0 { Ok(()) } else { Err(io::Error::last_os_error()) }
}

/// Puts the calling thread on one CPU.
pub fn pin_thread(cpu: usize) {
    // SAFETY: `set` is a live local.
    unsafe {
        let mut set: libc::cpu_set_t = std::mem::zeroed();
        libc::CPU_SET(cpu, &mut set);
        libc::sched_setaffinity(0, size_of::<libc::cpu_set_t>(), &raw const set);
    }
}

/// The CPUs that this process may use, as bits.
#[must_use]
pub fn affinity() -> Vec<u8> {
    let mut mask = vec![0u8; size_of::<libc::cpu_set_t>()];
    // SAFETY: the kernel writes at most `mask.len()` bytes, which are as many as the set has.
    let got = unsafe { libc::syscall(libc::SYS_sched_getaffinity, 0, mask.len(), mask.as_mut_ptr()) };
    mask.truncate(usize::try_from(got).unwrap_or(0));
    mask
}

/// The CPUs that this process may use.
#[must_use]
pub fn cpus() -> Vec<usize> {
    // SAFETY: `set` is a live local that the kernel fills.
    unsafe {
        let mut set: libc::cpu_set_t = std::mem::zeroed();
        libc::sched_getaffinity(0, size_of::<libc::cpu_set_t>(), &raw mut set);
        (0..libc::CPU_SETSIZE as usize).filter(|&cpu| libc::CPU_ISSET(cpu, &set)).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::{SHORTEST_NS, SLICE_NS, ShortSlices, attributes, come_first};

    #[test]
    fn slices_are_short_for_a_while_and_for_whom_it_starts() {
        let before = attributes().unwrap().sched_runtime;
        let slices = ShortSlices::begin();
        let slice = || attributes().unwrap().sched_runtime;
        let inherited = std::thread::spawn(move || (slice(), come_first(), slice())).join().unwrap();
        assert_eq!(inherited == (SLICE_NS, (), SHORTEST_NS), slices.are_there());
        drop(slices);
        assert_eq!(attributes().unwrap().sched_runtime, before);
    }
}
