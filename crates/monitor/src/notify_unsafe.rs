//! Calls of variants that the kernel asks about (seccomp_unotify(2)): a thread waits in its call for an answer, without
//! stopping for its tracer.

use std::io;
use std::os::fd::{AsRawFd, FromRawFd, OwnedFd};

use stretto_abi::context::{CANCELLED, ELSEWHERE, NOT_YET};
use stretto_tracee::{INTERRUPTED, Sleeper};

/// Whoever is woken runs on the CPU of who wakes it: both have nothing else to do
/// (`SECCOMP_USER_NOTIF_FD_SYNC_WAKE_UP`, include/uapi/linux/seccomp.h, Linux 6.6).
const WAKE_HERE: u64 = 1;

const NOBODY: i64 = -(libc::ENOENT as i64);

/// A thread that waits for an answer.
#[derive(Clone, Copy, Debug)]
pub struct Asked {
    id: u64,
    pub tid: i32,
    pub nr: u64,
    pub args: [u64; 6],
}

/// What it is told.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Answer {
    /// The kernel makes the call.
    Passes,
    /// Not before all followers have agreed: the agent waits for them, and asks again.
    NotYet,
    /// Not at the gate: the thread is sent back, and then brings the call to its tracer as from anywhere else.
    NotNow,
    /// It stops for its tracer, as with a call from anywhere else.
    Elsewhere,
}

/// Where a variant's filter asks.
#[derive(Debug)]
pub struct Notifications(OwnedFd);

impl Notifications {
    /// Whether they can be taken over from who installs a filter: the container may forbid that.
    #[must_use]
    pub fn are_there() -> bool {
        // SAFETY: no pointers.
        let own = owned(unsafe { libc::syscall(libc::SYS_pidfd_open, libc::getpid(), 0) });
        own.and_then(|own| descriptor_of(&own, own.as_raw_fd())).is_ok()
    }

    /// What process `pid`, which this one traces, holds as `descriptor`.
    ///
    /// # Errors
    /// If it is gone.
    pub fn of(pid: i32, descriptor: i32) -> io::Result<Self> {
        // SAFETY: no pointers.
        let process = owned(unsafe { libc::syscall(libc::SYS_pidfd_open, pid, 0) })?;
        let this = Self(descriptor_of(&process, descriptor)?);
        // SAFETY: no pointers. Kernels that can't leave it.
        unsafe { libc::ioctl(this.0.as_raw_fd(), libc::SECCOMP_IOCTL_NOTIF_SET_FLAGS, WAKE_HERE) };
        Ok(this)
    }

    /// Waits for the next thread that asks. `None`: nobody will, or `sleeper` has been called.
    ///
    /// # Errors
    /// What the kernel answers.
    pub fn next(&self, sleeper: &Sleeper) -> io::Result<Option<Asked>> {
        loop {
            // SAFETY: integers only, for which 0 is a value.
            let mut notification: libc::seccomp_notif = unsafe { std::mem::zeroed() };
            let place = &raw mut notification as u64;
            let descriptor = u64::try_from(self.0.as_raw_fd()).unwrap_or(u64::MAX);
            let arguments = [descriptor, libc::SECCOMP_IOCTL_NOTIF_RECV, place];
            // SAFETY: the kernel fills a live structure.
            match unsafe { sleeper.wait_in(libc::SYS_ioctl, arguments) } {
                0 => {
                    let libc::seccomp_notif { id, pid, data, .. } = notification;
                    #[allow(clippy::cast_sign_loss)] // numbers of calls
                    let asked = Asked { id, tid: pid.cast_signed(), nr: data.nr as u64, args: data.args };
                    return Ok(Some(asked));
                }
                INTERRUPTED if sleeper.called() => return Ok(None),
                INTERRUPTED => {}
                // Who asked has been killed or interrupted meanwhile; or all are gone (since Linux 6.11).
                NOBODY if self.are_all_gone(0) => return Ok(None),
                NOBODY => {}
                error => return Err(io::Error::from_raw_os_error(i32::try_from(-error).unwrap_or(0))),
            }
        }
    }

    /// Whether nobody is left that could ask. Waits for that for so many milliseconds; below 0: for ever.
    fn are_all_gone(&self, milliseconds: i32) -> bool {
        let mut one = libc::pollfd { fd: self.0.as_raw_fd(), events: 0, revents: 0 };
        // SAFETY: one live structure.
        unsafe { libc::poll(&raw mut one, 1, milliseconds) };
        one.revents & libc::POLLHUP != 0
    }

    /// Answers; who is gone needs no answer.
    pub fn answer(&self, asked: &Asked, answer: Answer) {
        #[allow(clippy::cast_possible_truncation)] // one bit
        let (val, flags) = match answer {
            Answer::Passes => (0, libc::SECCOMP_USER_NOTIF_FLAG_CONTINUE as u32),
            Answer::NotYet => (NOT_YET, 0),
            Answer::NotNow => (CANCELLED, 0),
            Answer::Elsewhere => ((ELSEWHERE | asked.nr).cast_signed(), 0),
        };
        let mut answer = libc::seccomp_notif_resp { id: asked.id, val, error: 0, flags };
        let request = libc::SECCOMP_IOCTL_NOTIF_SEND;
        // SAFETY: the kernel reads a live structure.
        while unsafe { libc::ioctl(self.0.as_raw_fd(), request, &raw mut answer) } < 0
            && io::Error::last_os_error().raw_os_error() == Some(libc::EINTR)
        {}
    }
}

/// A copy of a process' descriptor (pidfd_getfd(2)).
fn descriptor_of(process: &OwnedFd, descriptor: i32) -> io::Result<OwnedFd> {
    // SAFETY: no pointers.
    owned(unsafe { libc::syscall(libc::SYS_pidfd_getfd, process.as_raw_fd(), descriptor, 0) })
}

/// Takes a descriptor that a system call has given to this process alone.
fn owned(result: i64) -> io::Result<OwnedFd> {
    match i32::try_from(result) {
        // SAFETY: as the caller says.
        Ok(descriptor) if descriptor >= 0 => Ok(unsafe { OwnedFd::from_raw_fd(descriptor) }),
        _ => Err(io::Error::last_os_error()),
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;
    use std::thread;

    use stretto_tracee::install_wake_handler;

    use super::*;

    /// Where a filter of this thread asks that lets everything pass, so it never asks. `None`: there is a listener already.
    fn silent() -> Option<Notifications> {
        let mut pass = libc::sock_filter { code: 6, jt: 0, jf: 0, k: libc::SECCOMP_RET_ALLOW };
        let program = libc::sock_fprog { len: 1, filter: &raw mut pass };
        let flags = libc::SECCOMP_FILTER_FLAG_NEW_LISTENER;
        // SAFETY: the program is live; it concerns this thread only, which ends with the test.
        unsafe {
            libc::prctl(libc::PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0);
            let number =
                libc::syscall(libc::SYS_seccomp, libc::SECCOMP_SET_MODE_FILTER, flags, &raw const program);
            match owned(number) {
                Ok(listener) => Some(Notifications(listener)),
                Err(error) if error.raw_os_error() == Some(libc::EBUSY) => None,
                Err(error) => panic!("no listener: {error}"),
            }
        }
    }

    #[test]
    fn who_waits_for_questions_ends_when_it_is_called() {
        install_wake_handler();
        let Some(notifications) = silent() else { return };
        let (notifications, sleeper) = (Arc::new(notifications), Arc::new(Sleeper::default()));
        let (of_thread, called) = (Arc::clone(&notifications), Arc::clone(&sleeper));
        let thread = thread::spawn(move || {
            called.adopt();
            of_thread.next(&called).expect("no error").is_none()
        });
        sleeper.wake();
        assert!(thread.join().expect("no panic"));
    }

    #[test]
    fn it_is_seen_that_nobody_is_left_to_ask() {
        let Some(notifications) = thread::spawn(silent).join().expect("no panic") else { return };
        assert!(notifications.are_all_gone(-1));
    }
}
