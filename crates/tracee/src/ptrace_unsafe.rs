//! The ptrace requests, each once.

use std::marker::PhantomData;

use crate::{Error, Registers};

/// How a thread goes on.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Resume {
    /// Until the next event.
    Continue,
    /// Until the next event or the end of the system call it is in.
    ToExit,
    /// Until the next event or the end of the next instruction, which is a SIGTRAP ([`SignalInfo::is_step`]).
    Step,
    /// Stays in its group stop, but listens for SIGCONT.
    Listen,
}

/// A signal's place in a set.
#[must_use]
pub fn signal_bit(signal: i32) -> u64 {
    1 << signal.saturating_sub(1).clamp(0, 63)
}

/// How many waiting signals are looked at.
const PEEKED: usize = 8;

/// `siginfo_t` as the kernel lays it out: 128 bytes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(C, align(8))]
pub struct SignalInfo(pub [u8; 128]);

impl SignalInfo {
    fn word(&self, at: usize) -> i32 {
        i32::from_le_bytes([self.0[at], self.0[at + 1], self.0[at + 2], self.0[at + 3]])
    }

    /// `si_signo`.
    #[must_use]
    pub fn signal(&self) -> i32 {
        self.word(0)
    }

    /// `si_code`: above 0 when the kernel made it.
    #[must_use]
    pub fn code(&self) -> i32 {
        self.word(8)
    }

    /// Whether the processor or the kernel raised it because of what the thread just did (sigaction(2), si_code).
    #[must_use]
    pub fn is_fault(&self) -> bool {
        self.code() > 0
            && matches!(
                self.signal(),
                libc::SIGSEGV | libc::SIGBUS | libc::SIGFPE | libc::SIGILL | libc::SIGTRAP | libc::SIGSYS
            )
    }

    /// Whether it tells the end of a [`Resume::Step`]: TRAP_TRACE behind an instruction, TRAP_BRKPT behind a system call
    /// (arch/x86/kernel/ptrace.c, user_single_step_report). A breakpoint of the program has SI_KERNEL.
    #[must_use]
    pub fn is_step(&self) -> bool {
        self.signal() == libc::SIGTRAP && matches!(self.code(), libc::TRAP_TRACE | libc::TRAP_BRKPT)
    }

    /// Whether a thread has come to the place of [`Stopped::set_breakpoint`].
    #[must_use]
    pub fn is_breakpoint(&self) -> bool {
        self.signal() == libc::SIGTRAP && self.code() == libc::TRAP_HWBKPT
    }

    /// `si_pid` of a signal that a process sent.
    #[must_use]
    pub fn sender(&self) -> i32 {
        self.word(16)
    }

    /// `si_value`, of the signals that have one: those of `sigqueue`, timers, message queues and asynchronous
    /// input (sigaction(2): si_code -1 to -4).
    #[must_use]
    pub fn carried(&self) -> Option<u64> {
        let mut bytes = [0; 8];
        bytes.copy_from_slice(&self.0[24..32]);
        (-4..=-1).contains(&self.code()).then(|| u64::from_le_bytes(bytes))
    }

    /// The same with another `si_value`.
    #[must_use]
    pub fn carrying(mut self, value: u64) -> Self {
        self.0[24..32].copy_from_slice(&value.to_le_bytes());
        self
    }

    /// `si_addr` of a fault.
    #[must_use]
    pub fn address(&self) -> u64 {
        let mut bytes = [0; 8];
        bytes.copy_from_slice(&self.0[16..24]);
        u64::from_le_bytes(bytes)
    }
}

/// The end of programs' addresses (arch/x86/include/asm/page_64_types.h).
const TASK_SIZE_MAX: u64 = 0x7fff_ffff_f000;

/// A thread in a ptrace stop.
#[derive(Debug)]
pub struct Stopped {
    tid: i32,
    /// ptrace requests work only from the tracing thread.
    not_send: PhantomData<*const ()>,
}

const OPTIONS: i32 = libc::PTRACE_O_TRACESYSGOOD
    | libc::PTRACE_O_TRACESECCOMP
    | libc::PTRACE_O_TRACEEXEC
    | libc::PTRACE_O_TRACEFORK
    | libc::PTRACE_O_TRACEVFORK
    | libc::PTRACE_O_TRACECLONE
    | libc::PTRACE_O_EXITKILL;

/// Attaches to `tid` without stopping it. Its descendants are traced from birth, and all die with the calling
/// thread.
///
/// # Errors
/// [`Error::Os`] with EPERM where ptrace is forbidden.
pub fn seize(tid: i32) -> Result<(), Error> {
    // SAFETY: PTRACE_SEIZE takes no pointers; data holds the options.
    let answer = unsafe { libc::ptrace(libc::PTRACE_SEIZE, tid, 0usize, OPTIONS as usize) };
    if answer < 0 { Err(Error::last("PTRACE_SEIZE")) } else { Ok(()) }
}

/// Sends `signal` to one thread.
///
/// # Errors
/// [`Error::Gone`] if it has ended.
pub fn kill_thread(tgid: i32, tid: i32, signal: i32) -> Result<(), Error> {
    // SAFETY: no pointers.
    let answer = unsafe { libc::syscall(libc::SYS_tgkill, tgid, tid, signal) };
    if answer < 0 { Err(Error::last("tgkill")) } else { Ok(()) }
}

impl Stopped {
    /// The caller has just been told by `waitpid` that `tid` is stopped.
    pub(crate) fn new(tid: i32) -> Self {
        Self { tid, not_send: PhantomData }
    }

    /// The thread's id.
    #[must_use]
    pub fn tid(&self) -> i32 {
        self.tid
    }

    fn request(
        &self,
        request: libc::c_uint,
        name: &'static str,
        addr: usize,
        data: usize,
    ) -> Result<(), Error> {
        // SAFETY: every caller passes in `data` either a plain number or a pointer to a live local of the size
        // that the request reads or writes.
        let answer = unsafe { libc::ptrace(request, self.tid, addr, data) };
        if answer < 0 { Err(Error::last(name)) } else { Ok(()) }
    }

    /// All general registers.
    ///
    /// # Errors
    /// [`Error::Gone`].
    pub fn registers(&self) -> Result<Registers, Error> {
        let mut registers = std::mem::MaybeUninit::<Registers>::zeroed();
        self.request(libc::PTRACE_GETREGS, "PTRACE_GETREGS", 0, registers.as_mut_ptr() as usize)?;
        // SAFETY: zeroed is a valid value of this struct of integers, and the kernel has filled it.
        Ok(unsafe { registers.assume_init() })
    }

    /// Writes all general registers.
    ///
    /// # Errors
    /// [`Error::Gone`]; [`Error::Os`] for values that the kernel refuses.
    pub fn set_registers(&self, registers: &Registers) -> Result<(), Error> {
        let set = |registers: &Registers| {
            self.request(libc::PTRACE_SETREGS, "PTRACE_SETREGS", 0, std::ptr::from_ref(registers) as usize)
        };
        match set(registers) {
            // Programs may set a base with an instruction to what ptrace does not take back (putreg, arch/x86/kernel/
            // ptrace.c): where nothing of theirs can be anyway.
            Err(Error::Os { errno: libc::EIO, .. }) => {
                let usable = |base: u64| if base < TASK_SIZE_MAX { base } else { 0 };
                let (fs_base, gs_base) = (usable(registers.fs_base), usable(registers.gs_base));
                set(&Registers { fs_base, gs_base, ..*registers })
            }
            done => done,
        }
    }

    /// The signal that is about to be delivered.
    ///
    /// # Errors
    /// [`Error::Gone`]; [`Error::Os`] with EINVAL in a group stop.
    pub fn signal_info(&self) -> Result<SignalInfo, Error> {
        let mut info = SignalInfo([0; 128]);
        self.request(
            libc::PTRACE_GETSIGINFO,
            "PTRACE_GETSIGINFO",
            0,
            std::ptr::from_mut(&mut info) as usize,
        )?;
        Ok(info)
    }

    /// Replaces what the handler will be told.
    ///
    /// # Errors
    /// [`Error::Gone`].
    pub fn set_signal_info(&self, info: &SignalInfo) -> Result<(), Error> {
        self.request(libc::PTRACE_SETSIGINFO, "PTRACE_SETSIGINFO", 0, std::ptr::from_ref(info) as usize)
    }

    /// Whether a signal that the thread does not block waits for it or its process.
    ///
    /// # Errors
    /// [`Error::Gone`].
    pub fn signal_waits(&self) -> Result<bool, Error> {
        let mask = self.signal_mask()?;
        for flags in [0, libc::PTRACE_PEEKSIGINFO_SHARED] {
            let mut infos = [SignalInfo([0; 128]); PEEKED];
            let seen = self.peek_signals(flags, &mut infos)?;
            // Of what is not seen in so long a queue, something may not be blocked.
            if seen == PEEKED || infos[..seen].iter().any(|info| mask & signal_bit(info.signal()) == 0) {
                return Ok(true);
            }
        }
        Ok(false)
    }

    /// The first signals of a queue; how many.
    fn peek_signals(&self, flags: u32, infos: &mut [SignalInfo; PEEKED]) -> Result<usize, Error> {
        #[allow(clippy::cast_possible_truncation, clippy::cast_possible_wrap)] // a few
        let ask = libc::ptrace_peeksiginfo_args { off: 0, flags, nr: PEEKED as i32 };
        // SAFETY: the kernel reads `ask` and writes at most `PEEKED` siginfos, 128 bytes each, to `infos`; both are live.
        let answer =
            unsafe { libc::ptrace(libc::PTRACE_PEEKSIGINFO, self.tid, &raw const ask, infos.as_mut_ptr()) };
        usize::try_from(answer).map_err(|_| Error::last("PTRACE_PEEKSIGINFO"))
    }

    /// The thread's mask of blocked signals.
    ///
    /// # Errors
    /// [`Error::Gone`].
    pub fn signal_mask(&self) -> Result<u64, Error> {
        let mut mask = 0u64;
        self.request(
            libc::PTRACE_GETSIGMASK,
            "PTRACE_GETSIGMASK",
            8,
            std::ptr::from_mut(&mut mask) as usize,
        )?;
        Ok(mask)
    }

    /// Replaces the mask of blocked signals.
    ///
    /// # Errors
    /// [`Error::Gone`].
    pub fn set_signal_mask(&self, mask: u64) -> Result<(), Error> {
        self.request(libc::PTRACE_SETSIGMASK, "PTRACE_SETSIGMASK", 8, std::ptr::from_ref(&mask) as usize)
    }

    /// Makes the thread stop with a SIGTRAP ([`SignalInfo::is_breakpoint`]) before the instruction at `address`, or nowhere:
    /// the processor's first debug register (Intel SDM, volume 3, 17.2), so that no memory changes.
    ///
    /// # Errors
    /// [`Error::Gone`]; [`Error::Os`] where the kernel has no debug registers to give.
    pub fn set_breakpoint(&self, address: Option<u64>) -> Result<(), Error> {
        let register = |index: usize| std::mem::offset_of!(libc::user, u_debugreg) + 8 * index;
        let set =
            |index, value| self.request(libc::PTRACE_POKEUSER, "PTRACE_POKEUSER", register(index), value);
        set(7, 0)?;
        if let Some(address) = address {
            set(0, usize_of(address))?;
            set(7, 1)?;
        }
        Ok(())
    }

    /// The message of an event stop: the child's id, or the former thread id.
    ///
    /// # Errors
    /// [`Error::Gone`].
    pub fn event_message(&self) -> Result<u64, Error> {
        let mut message = 0u64;
        let data = std::ptr::from_mut(&mut message) as usize;
        self.request(libc::PTRACE_GETEVENTMSG, "PTRACE_GETEVENTMSG", 0, data)?;
        Ok(message)
    }

    /// Reads a word, also from memory that is not readable.
    ///
    /// # Errors
    /// [`Error::Os`] with EIO where nothing is mapped.
    pub fn peek(&self, address: u64) -> Result<u64, Error> {
        let mut word = 0u64;
        // SAFETY: the raw request (not glibc's wrapper) stores the word where data points.
        let answer = unsafe {
            libc::syscall(
                libc::SYS_ptrace,
                libc::PTRACE_PEEKDATA,
                self.tid,
                address,
                std::ptr::from_mut(&mut word),
            )
        };
        if answer < 0 { Err(Error::last("PTRACE_PEEKDATA")) } else { Ok(word) }
    }

    /// Writes a word, also into text that is not writable (the page is copied first).
    ///
    /// # Errors
    /// [`Error::Os`] with EIO where that is impossible.
    pub fn poke(&self, address: u64, word: u64) -> Result<(), Error> {
        let (address, word) = (usize_of(address), usize_of(word));
        self.request(libc::PTRACE_POKEDATA, "PTRACE_POKEDATA", address, word)
    }

    /// Lets it go on, with `signal` delivered (0: none).
    ///
    /// # Errors
    /// [`Error::Gone`].
    pub fn resume(self, how: Resume, signal: i32) -> Result<(), Error> {
        let (request, name) = match how {
            Resume::Continue => (libc::PTRACE_CONT, "PTRACE_CONT"),
            Resume::ToExit => (libc::PTRACE_SYSCALL, "PTRACE_SYSCALL"),
            Resume::Step => (libc::PTRACE_SINGLESTEP, "PTRACE_SINGLESTEP"),
            Resume::Listen => (libc::PTRACE_LISTEN, "PTRACE_LISTEN"),
        };
        #[allow(clippy::cast_sign_loss)] // signal numbers are small and positive
        self.request(request, name, 0, signal as usize)
    }
}

#[allow(clippy::cast_possible_truncation)] // x86-64 only
fn usize_of(value: u64) -> usize {
    value as usize
}
