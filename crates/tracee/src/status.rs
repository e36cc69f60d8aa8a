//! Decoding of what `waitpid` reports about a seized tracee (ptrace(2), "PTRACE_EVENT stops").

/// What happened to a thread.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Event {
    /// It ended by itself with this status.
    Exited(i32),
    /// A signal ended it.
    Signalled(i32),
    /// It is in a stop.
    Stopped(Stop),
    /// Anything else (continued).
    Other,
}

/// Which stop.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Stop {
    /// The seccomp filter caught a system call, before it happens.
    Entry,
    /// A system call has been carried out.
    Exit,
    /// A child was born; its id is the event message.
    Fork,
    /// The new program is mapped, nothing of it has run. The message is the former thread id.
    Exec,
    /// About to end.
    Exiting,
    /// Job control stopped the process with this signal.
    Group(i32),
    /// First stop of a new child, or the end of a group stop.
    Trap,
    /// This signal is about to be delivered.
    Signal(i32),
}

impl Event {
    /// Decodes a wait status.
    #[must_use]
    pub fn decode(status: i32) -> Self {
        if libc::WIFEXITED(status) {
            return Self::Exited(libc::WEXITSTATUS(status));
        }
        if libc::WIFSIGNALED(status) {
            return Self::Signalled(libc::WTERMSIG(status));
        }
        if !libc::WIFSTOPPED(status) {
            return Self::Other;
        }
        let signal = libc::WSTOPSIG(status);
        Self::Stopped(match status >> 16 {
            libc::PTRACE_EVENT_SECCOMP => Stop::Entry,
            libc::PTRACE_EVENT_FORK | libc::PTRACE_EVENT_VFORK | libc::PTRACE_EVENT_CLONE => Stop::Fork,
            libc::PTRACE_EVENT_EXEC => Stop::Exec,
            libc::PTRACE_EVENT_EXIT => Stop::Exiting,
            libc::PTRACE_EVENT_STOP if signal == libc::SIGTRAP => Stop::Trap,
            libc::PTRACE_EVENT_STOP => Stop::Group(signal),
            _ if signal == libc::SIGTRAP | 0x80 => Stop::Exit,
            _ => Stop::Signal(signal),
        })
    }
}
