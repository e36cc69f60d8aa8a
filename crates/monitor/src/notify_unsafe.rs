//! Calls of variants that the kernel asks about (seccomp_unotify(2)): a thread waits in its call for an answer, without
//! stopping for its tracer.

use std::io;
use std::os::fd::{AsRawFd, FromRawFd, OwnedFd};
use std::os::unix::net::UnixStream;

use stretto_abi::context::{CANCELLED, ELSEWHERE, NOT_YET};

/// Whoever is woken runs on the CPU of who wakes it: both have nothing else to do
/// (`SECCOMP_USER_NOTIF_FD_SYNC_WAKE_UP`, include/uapi/linux/seccomp.h, Linux 6.6).
const WAKE_HERE: u64 = 1;

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

    /// Waits for the next thread that asks. `None`: nobody will, as the other end of `ended` has been closed.
    ///
    /// # Errors
    /// What the kernel answers.
    pub fn next(&self, ended: &UnixStream) -> io::Result<Option<Asked>> {
        loop {
            let mut ready = [self.0.as_raw_fd(), ended.as_raw_fd()].map(|fd| libc::pollfd {
                fd,
                events: libc::POLLIN,
                revents: 0,
            });
            // SAFETY: two live structures.
            if unsafe { libc::poll(ready.as_mut_ptr(), 2, -1) } < 0 {
                let error = io::Error::last_os_error();
                if error.raw_os_error() == Some(libc::EINTR) {
                    continue;
                }
                return Err(error);
            }
            if ready[1].revents != 0 {
                return Ok(None);
            }
            // The kernel may also say that it has been interrupted (kernel/seccomp.c, seccomp_notify_poll).
            if ready[0].revents & libc::POLLIN != 0
                && let Some(asked) = self.receive()?
            {
                return Ok(Some(asked));
            }
        }
    }

    /// Who asks now. `None`: it has been killed or interrupted meanwhile.
    fn receive(&self) -> io::Result<Option<Asked>> {
        // SAFETY: integers only, for which 0 is a value.
        let mut notification: libc::seccomp_notif = unsafe { std::mem::zeroed() };
        let request = libc::SECCOMP_IOCTL_NOTIF_RECV;
        // SAFETY: the kernel fills a live structure.
        if unsafe { libc::ioctl(self.0.as_raw_fd(), request, &raw mut notification) } == 0 {
            let libc::seccomp_notif { id, pid, data, .. } = notification;
            #[allow(clippy::cast_sign_loss)] // numbers of calls
            return Ok(Some(Asked { id, tid: pid.cast_signed(), nr: data.nr as u64, args: data.args }));
        }
        match io::Error::last_os_error() {
            error if matches!(error.raw_os_error(), Some(libc::ENOENT | libc::EINTR)) => Ok(None),
            error => Err(error),
        }
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
