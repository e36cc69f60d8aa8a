//! Followers open the regular files and directories that the leader opens for reading, and hold placeholders for the rest.
//!
//! Where the path seems to lead to a file or directory, a follower opens it while the leader does
//! ([`super::alongside`]): that can't wait and has no effect. Opening a FIFO or device can, so it looks first. What the
//! path leads to may change in between; then it closes what it has opened.

use std::ffi::OsStr;
use std::fs::{File, Metadata, OpenOptions};
use std::os::fd::AsRawFd;
use std::os::unix::ffi::OsStrExt;
use std::os::unix::fs::{MetadataExt, OpenOptionsExt};
use std::path::Path;

use stretto_semantics::Part;
use stretto_tracee::{Error, RemoteCalls};

use super::Tracer;
use super::alongside::Alongside;
use crate::remote::close;
use crate::result::LeaderResult;
use crate::taskset::CallArrival;

/// The arguments of a call that opens a file for reading.
struct ReadingOpen {
    nr: i64,
    args: [u64; 6],
    path_at: usize,
}

impl ReadingOpen {
    #[allow(clippy::cast_possible_wrap, clippy::cast_sign_loss)]
    fn of(call: &CallArrival) -> Option<Self> {
        let (nr, mut args) = (call.nr() as i64, call.args());
        let path_at = match nr {
            libc::SYS_open => 0,
            libc::SYS_openat => 1,
            _ => return None,
        };
        let flags = &mut args[path_at + 1];
        if *flags & (libc::O_ACCMODE | libc::O_TRUNC) as u64 != libc::O_RDONLY as u64 {
            return None;
        }
        *flags &= !((libc::O_CREAT | libc::O_EXCL) as u64);
        // Whatever stands there by then, it must not wait or get a terminal (open(2)).
        *flags |= (libc::O_NONBLOCK | libc::O_NOCTTY) as u64;
        Some(Self { nr, args, path_at })
    }

    /// Whether the path seems to lead to a regular file or directory, as the monitor sees it (`/proc/self` is another one
    /// for it, and so are links to it).
    fn seems_harmless(&self, tid: i32, call: &CallArrival) -> bool {
        let Some(path) = self.path(call) else { return false };
        let from = match path.first() {
            Some(b'/') => "root".to_owned(),
            #[allow(clippy::cast_possible_truncation)] // descriptors are ints
            Some(_) => match self.args[0] as i32 {
                _ if self.path_at == 0 => "cwd".to_owned(),
                libc::AT_FDCWD => "cwd".to_owned(),
                fd => format!("fd/{fd}"),
            },
            None => return false,
        };
        let mut seen = format!("/proc/{tid}/{from}/").into_bytes();
        seen.extend_from_slice(path);
        let seen = Path::new(OsStr::from_bytes(&seen));
        std::fs::metadata(seen).is_ok_and(|facts| may_be_opened_twice(&facts))
    }

    fn path<'c>(&self, call: &'c CallArrival) -> Option<&'c [u8]> {
        let of_path =
            |(part, _): &&(Part, usize)| usize::from(part.argument) == self.path_at && part.address != 0;
        let (_, start) = call.inputs.parts.iter().find(of_path)?;
        let text = call.inputs.bytes.get(*start..)?;
        text.get(..text.iter().position(|byte| *byte == 0)?)
    }
}

impl Tracer<'_> {
    /// Follower: opens what the leader is opening, if that seems to be a file or directory.
    pub(super) fn open_alongside(&mut self, tid: i32) -> Result<(), Error> {
        // Other threads may take descriptors meanwhile, in another order than the leader's.
        let alone = self.is_alone(tid);
        let Some(call) = self.task(tid)?.call().filter(|_| alone) else { return Ok(()) };
        let opening = ReadingOpen::of(call).filter(|opening| opening.seems_harmless(tid, call));
        let Some(opening) = opening else { return Ok(()) };
        let fd = self.with_calls(tid, |_, calls, _| calls.call(opening.nr, opening.args))?;
        self.task(tid)?.alongside = Some(Alongside::Opened(fd));
        Ok(())
    }

    /// Follower: the leader has opened something.
    pub(super) fn follow_open(
        &mut self,
        calls: &mut RemoteCalls,
        call: &CallArrival,
        result: &LeaderResult,
    ) -> Result<(), Error> {
        let tid = calls.tid();
        let opened = self.task(tid)?.alongside.take().and_then(Alongside::descriptor);
        let fd = match (opened, ReadingOpen::of(call).filter(|_| result.readable.is_some())) {
            (Some(fd), _) => fd,
            (None, Some(opening)) => calls.call(opening.nr, opening.args)?,
            (None, None) => -1,
        };
        if fd < 0 {
            return self.placeholder(calls, result.ret, result.cloexec);
        }
        if file_identity(tid, fd) != result.readable {
            close(calls, fd.cast_unsigned())?;
            return self.placeholder(calls, result.ret, result.cloexec);
        }
        self.renumber(calls, fd, result.ret, result.cloexec)
    }
}

fn may_be_opened_twice(facts: &Metadata) -> bool {
    facts.is_file() || facts.is_dir()
}

/// Leader: device and inode of what a descriptor stands for, if followers may open it for themselves.
pub(super) fn readable(tid: i32, fd: i64) -> Option<(u64, u64)> {
    let facts = std::fs::metadata(format!("/proc/{tid}/fd/{fd}")).ok()?;
    may_be_opened_twice(&facts).then(|| identity(&facts))
}

/// The file that a descriptor of `tid` stands for, open for reading, if it is a regular one. Nobody has agreed to anything
/// yet: opening a FIFO could wait, or let its writer go on, and devices do what they like.
pub(super) fn regular_file(tid: i32, fd: u64) -> Option<File> {
    let open = |path: String, flags| OpenOptions::new().read(true).custom_flags(flags).open(path).ok();
    let file = open(format!("/proc/{tid}/fd/{fd}"), libc::O_PATH)?;
    let is_regular = file.metadata().is_ok_and(|facts| facts.is_file());
    is_regular.then(|| open(format!("/proc/self/fd/{}", file.as_raw_fd()), libc::O_NONBLOCK)).flatten()
}

/// Device and inode of what a descriptor of `tid` stands for.
pub(super) fn file_identity(tid: i32, fd: i64) -> Option<(u64, u64)> {
    std::fs::metadata(format!("/proc/{tid}/fd/{fd}")).ok().map(|facts| identity(&facts))
}

/// Device and inode.
pub(super) fn identity(facts: &Metadata) -> (u64, u64) {
    (facts.dev(), facts.ino())
}
