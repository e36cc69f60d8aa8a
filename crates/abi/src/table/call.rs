//! A described call: who executes it, what it needs of the monitor, what it gives.

use super::{CALL, word_of};

/// Who executes a call.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Who {
    /// Nobody: the program gets `errno`, the same in every variant.
    Refused,
    /// The leader; followers get its result and out-data.
    Leader,
    /// Every variant for itself; results must agree.
    Each,
    /// Every variant for itself, at its own pace, neither compared nor counted (futex, sched_yield).
    Local,
}

/// The mechanism in the monitor that a call needs beyond comparing and replicating.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(u8)]
pub enum Mechanism {
    Plain = 0,
    Mmap = 1,
    Munmap = 2,
    Mremap = 3,
    Brk = 4,
    /// clone, clone3, fork, vfork.
    Fork = 5,
    /// execve, execveat.
    Exec = 6,
    /// exit, exit_group: never returns.
    Exit = 7,
    /// wait4, waitid: followers reap the corresponding child.
    Wait = 8,
    /// rt_sigreturn: every register is the frame's.
    Sigreturn = 9,
    /// rt_sigsuspend, pause: waits for a signal in every variant.
    SigSuspend = 10,
    /// open family: where all stop, followers open regular files and directories read-only themselves.
    Open = 11,
    /// recvmsg, pipe: may create descriptors, whose numbers stand in out-data.
    RecvFds = 12,
    /// restart_syscall.
    Restart = 13,
    /// The monitor answers without the kernel, as `prctl(PR_SET_PTRACER)`; result 0.
    Swallow = 14,
    /// sched_getaffinity: the program sees the CPUs that it would have natively.
    CpusShown = 15,
    /// sched_setaffinity: from now on it sees what it has chosen.
    CpusChosen = 16,
    /// prctl(PR_SET_DUMPABLE): remembered, not carried out, because the monitor has to reach the process.
    SetDumpable = 17,
    /// prctl(PR_GET_DUMPABLE): what is remembered.
    GetDumpable = 18,
    /// arch_prctl(ARCH_SET_GS): the agent loses the register that it finds its place by.
    SetGs = 19,
    /// seccomp, prctl(PR_SET_SECCOMP): from now on the program decides which calls may be made.
    Filters = 20,
    /// fchdir, setns: followers need what the first argument stands for.
    ByDescriptor = 21,
    /// dup: followers duplicate what they hold.
    Duplicate = 22,
}

impl Mechanism {
    fn from_u8(value: u8) -> Self {
        match value {
            1 => Self::Mmap,
            2 => Self::Munmap,
            3 => Self::Mremap,
            4 => Self::Brk,
            5 => Self::Fork,
            6 => Self::Exec,
            7 => Self::Exit,
            8 => Self::Wait,
            9 => Self::Sigreturn,
            10 => Self::SigSuspend,
            11 => Self::Open,
            12 => Self::RecvFds,
            13 => Self::Restart,
            14 => Self::Swallow,
            15 => Self::CpusShown,
            16 => Self::CpusChosen,
            17 => Self::SetDumpable,
            18 => Self::GetDumpable,
            19 => Self::SetGs,
            20 => Self::Filters,
            21 => Self::ByDescriptor,
            22 => Self::Duplicate,
            _ => Self::Plain,
        }
    }
}

/// What a call returns.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ResultKind {
    /// A number; equal in all variants.
    Plain,
    /// A new descriptor; followers get a placeholder of the same number.
    NewFd,
    /// An address; equal after canonicalisation.
    Address,
    /// A task's id; followers get the leader's.
    Pid,
}

/// The call sleeps for something outside.
pub const BLOCKS: u32 = 1;
/// A signal for the caller may follow the call at once (kill, sigprocmask, wait ...).
pub const MAY_SIGNAL: u32 = 2;
/// Starts a thread or process.
pub const STARTS_TASK: u32 = 4;
/// The description is partial; `note` tells what is missing.
pub const PARTIAL: u32 = 8;
/// No argument leads to memory that the kernel only reads.
pub const TAKES_NO_MEMORY: u32 = 16;
/// No argument leads to memory that the kernel writes.
pub const GIVES_NO_MEMORY: u32 = 32;

/// A described call or sub-command.
#[derive(Clone, Copy, Debug)]
pub struct CallRow {
    /// Its own row number.
    pub row: u32,
    pub nr: u32,
    /// String offsets.
    pub name: u32,
    pub note: u32,
    /// Node of each argument, or [`NONE`](super::NONE) past the last.
    pub args: [u32; 6],
    pub arg_names: [u32; 6],
    pub who: Who,
    pub mechanism: Mechanism,
    pub result: ResultKind,
    pub category: u8,
    pub flags: u32,
    pub errno: u32,
    /// Expression that selects a sub-row; [`NONE`](super::NONE) if this row has no sub-commands.
    pub selector: u32,
    pub(super) sub_first: u32,
    pub(super) sub_count: u32,
    /// Expression; not 0: the new descriptor is closed on exec.
    pub cloexec: u32,
    /// Expression: address of a temporary signal mask.
    pub mask: u32,
    /// Expression: the greatest result that is no error; [`NONE`](super::NONE) if any may be.
    pub most: u32,
}

/// A described call or sub-command, read in place: an agent looks at few of its words with every call.
#[derive(Clone, Copy, Debug)]
pub struct Row<'t> {
    pub(super) index: u32,
    pub(super) record: &'t [u8; CALL],
}

impl Row<'_> {
    /// Its row number.
    #[must_use]
    pub fn index(&self) -> u32 {
        self.index
    }

    /// Node of each argument, or [`NONE`](super::NONE) past the last.
    #[must_use]
    pub fn args(&self) -> [u32; 6] {
        core::array::from_fn(|index| self.arg(index))
    }

    /// One of them; `index` below six.
    #[must_use]
    pub fn arg(&self, index: usize) -> u32 {
        self.word(8 + 4 * index)
    }

    /// See [`Who`].
    #[must_use]
    pub fn who(&self) -> Who {
        match self.record[56] {
            1 => Who::Leader,
            2 => Who::Each,
            3 => Who::Local,
            _ => Who::Refused,
        }
    }

    /// See [`Mechanism`].
    #[must_use]
    pub fn mechanism(&self) -> Mechanism {
        Mechanism::from_u8(self.record[57])
    }

    /// See [`ResultKind`].
    #[must_use]
    pub fn result(&self) -> ResultKind {
        match self.record[58] {
            1 => ResultKind::NewFd,
            2 => ResultKind::Address,
            3 => ResultKind::Pid,
            _ => ResultKind::Plain,
        }
    }

    /// Its flags: [`BLOCKS`] and so on.
    #[must_use]
    pub fn flags(&self) -> u32 {
        self.word(60)
    }

    /// Expression that selects a sub-row; [`NONE`](super::NONE) if this row has no sub-commands.
    #[must_use]
    pub fn selector(&self) -> u32 {
        self.word(68)
    }

    /// Expression; not 0: the new descriptor is closed on exec.
    #[must_use]
    pub fn cloexec(&self) -> u32 {
        self.word(80)
    }

    /// Expression: the greatest result that is no error; [`NONE`](super::NONE) if any may be.
    #[must_use]
    pub fn most(&self) -> u32 {
        self.word(92)
    }

    /// The first of its sub-rows, and how many there are.
    pub(super) fn sub_rows(&self) -> (u32, u32) {
        (self.word(72), self.word(76))
    }

    /// All of it.
    #[must_use]
    pub fn decoded(self) -> CallRow {
        let (sub_first, sub_count) = self.sub_rows();
        CallRow {
            row: self.index,
            nr: self.word(0),
            name: self.word(4),
            args: self.args(),
            arg_names: core::array::from_fn(|index| self.word(32 + 4 * index)),
            who: self.who(),
            mechanism: self.mechanism(),
            result: self.result(),
            category: self.record[59],
            flags: self.flags(),
            errno: self.word(64),
            selector: self.selector(),
            sub_first,
            sub_count,
            cloexec: self.cloexec(),
            mask: self.word(84),
            note: self.word(88),
            most: self.most(),
        }
    }

    #[inline(always)]
    fn word(&self, at: usize) -> u32 {
        word_of(self.record, at)
    }
}
