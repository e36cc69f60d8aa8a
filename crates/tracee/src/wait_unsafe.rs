//! What tracees report: to whoever waits for any of them, or for one.

use std::cell::RefCell;
use std::collections::VecDeque;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use crate::{Error, Event, INTERRUPTED, Sleeper, Stop, Stopped};

const NO_CHILD: i64 = -(libc::ECHILD as i64);
const ANY: i32 = libc::__WALL | libc::__WNOTHREAD;

thread_local! {
    /// What other tracees of this thread have reported while it waited for one.
    static OTHERS: RefCell<VecDeque<(Stopped, Event)>> = const { RefCell::new(VecDeque::new()) };
    static AWAITED: Arc<Awaited> = Arc::default();
}

/// For which one of its tracees a thread waits in [`wait_for`]: it can't be told anything meanwhile.
#[derive(Debug, Default)]
pub struct Awaited {
    /// How many waits there have been, then the id, 0 if it does not wait.
    word: AtomicU64,
}

impl Awaited {
    /// That of the calling thread.
    #[must_use]
    pub fn by_this_thread() -> Arc<Self> {
        AWAITED.with(Arc::clone)
    }

    /// The tracee that is waited for, and the number of that wait.
    #[must_use]
    pub fn now(&self) -> Option<(i32, u32)> {
        let word = self.word.load(Ordering::Relaxed);
        #[allow(clippy::cast_possible_truncation)] // its halves
        let (tid, wait) = (word as i32, (word >> 32) as u32);
        (tid != 0).then_some((tid, wait))
    }

    fn begin(&self, tid: i32) {
        let waits = (self.word.load(Ordering::Relaxed) >> 32).wrapping_add(1);
        self.word.store(waits << 32 | u64::from(tid.cast_unsigned()), Ordering::Relaxed);
    }

    fn end(&self) {
        self.word.fetch_and(!u64::from(u32::MAX), Ordering::Relaxed);
    }
}

/// The next event of any tracee of this thread. `sleeper` given: blocks until there is one or a message comes;
/// otherwise only looks. `Ok(None)`: no event now.
///
/// # Errors
/// [`Error::Gone`] when there are no tracees left.
pub fn wait(sleeper: Option<&Sleeper>) -> Result<Option<(Stopped, Event)>, Error> {
    if let Some(earlier) = OTHERS.with_borrow_mut(VecDeque::pop_front) {
        return Ok(Some(earlier));
    }
    let Some(sleeper) = sleeper else { return news_of(-1, libc::WNOHANG) };
    let mut status = 0;
    let arguments = [u64::MAX, &raw mut status as u64, u64::from(ANY.cast_unsigned())];
    // SAFETY: the status is live, no rusage is asked for.
    let answer = unsafe { sleeper.wait_in(libc::SYS_wait4, arguments) };
    event(answer, status)
}

/// The next event of one tracee; blocks, and says so ([`Awaited`]). What others report meanwhile is kept for [`wait`]: the end of a process's first
/// thread is reported when that of all others has been taken (`kernel/exit.c`, `delay_group_leader`).
///
/// # Errors
/// [`Error::Gone`] if it was not a tracee any more.
pub fn wait_for(tid: i32) -> Result<(Stopped, Event), Error> {
    AWAITED.with(|awaited| awaited.begin(tid));
    let outcome = next_of(tid);
    AWAITED.with(|awaited| awaited.end());
    outcome
}

fn next_of(tid: i32) -> Result<(Stopped, Event), Error> {
    let mut news = OTHERS.with_borrow_mut(|others| {
        others.iter().position(|(other, _)| other.tid() == tid).and_then(|index| others.remove(index))
    });
    // Whose process another of its threads has replaced is gone without a report (ptrace(2), execve). Where nobody has
    // reported, nor has that thread: the kernel would tell of it now.
    if news.is_none() && !OTHERS.with_borrow(VecDeque::is_empty) {
        news = news_of(tid, libc::WNOHANG)?;
    }
    loop {
        match news {
            // Another thread has its id now.
            Some((stopped, event @ Event::Stopped(Stop::Exec))) if stopped.tid() == tid => {
                OTHERS.with_borrow_mut(|others| {
                    others.retain(|(other, _)| other.tid() != stopped.tid());
                    others.push_back((stopped, event));
                });
                return Err(Error::Gone);
            }
            Some((stopped, event)) if stopped.tid() == tid => return Ok((stopped, event)),
            Some(other) => {
                OTHERS.with_borrow_mut(|others| others.push_back(other));
                news = news_of(tid, libc::WNOHANG)?;
            }
            None => news = news_of(-1, 0)?,
        }
    }
}

/// The next event of `tid`, or of any tracee (-1). `Ok(None)`: none now, or a signal came.
fn news_of(tid: i32, flags: i32) -> Result<Option<(Stopped, Event)>, Error> {
    let mut status = 0;
    // SAFETY: `status` is live, no rusage is asked for.
    let answer = unsafe { libc::waitpid(tid, &raw mut status, ANY | flags) };
    if answer < 0 {
        let errno = std::io::Error::last_os_error().raw_os_error().unwrap_or(0);
        return event(-i64::from(errno), status);
    }
    event(answer.into(), status)
}

/// What the kernel has answered.
fn event(answer: i64, status: i32) -> Result<Option<(Stopped, Event)>, Error> {
    match answer {
        0 | INTERRUPTED => Ok(None),
        NO_CHILD => Err(Error::Gone),
        negative if negative < 0 => {
            Err(Error::Os { call: "wait4", errno: i32::try_from(-negative).unwrap_or(0) })
        }
        tid => Ok(Some((Stopped::new(i32::try_from(tid).unwrap_or(0)), Event::decode(status)))),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    extern "C" fn pause_for_ever(_: *mut libc::c_void) -> i32 {
        loop {
            // SAFETY: no pointers.
            unsafe { libc::pause() };
        }
    }

    /// A process with two threads that do nothing, both traced by this one.
    fn two_threads() -> (i32, i32) {
        let mut begin = [0; 2];
        let mut stack = vec![0_u8; 64 << 10];
        // SAFETY: an array of two descriptors.
        assert_eq!(unsafe { libc::pipe2(begin.as_mut_ptr(), libc::O_CLOEXEC) }, 0);
        // SAFETY: the child makes only calls that are safe behind a fork.
        let first = unsafe { libc::fork() };
        if first == 0 {
            let flags = libc::CLONE_VM | libc::CLONE_THREAD | libc::CLONE_SIGHAND;
            // SAFETY: the stack is the child's own copy, and lives as long as it does.
            unsafe {
                libc::read(begin[0], (&raw mut begin).cast(), 1);
                let top = stack.as_mut_ptr().add(stack.len()).cast();
                libc::clone(pause_for_ever, top, flags, std::ptr::null_mut());
            }
            pause_for_ever(std::ptr::null_mut());
        }
        crate::seize(first).expect("a child can be traced");
        // SAFETY: one byte of a live array.
        assert_eq!(unsafe { libc::write(begin[1], (&raw const begin).cast(), 1) }, 1);
        let (stopped, _) = wait_for(first).expect("it clones");
        let second = i32::try_from(stopped.event_message().expect("the thread's id")).expect("an id");
        stopped.resume(crate::Resume::Continue, 0).expect("it is there");
        let (stopped, _) = wait_for(second).expect("it begins");
        stopped.resume(crate::Resume::Continue, 0).expect("it is there");
        (first, second)
    }

    #[test]
    fn the_end_of_a_first_thread_is_seen_before_those_of_others_are_taken() {
        let (first, second) = two_threads();
        crate::kill_thread(first, first, libc::SIGKILL).expect("it is there");
        let killed = Event::Signalled(libc::SIGKILL);
        assert_eq!(wait_for(first).expect("it was there").1, killed);
        let (other, event) = wait(None).expect("it was there").expect("it has been reported");
        assert_eq!((other.tid(), event), (second, killed));
        assert!(matches!(wait_for(first), Err(Error::Gone)));
    }
}
