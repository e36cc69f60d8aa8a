//! System calls made by a stopped tracee on the monitor's behalf.
//!
//! Every call needs a `syscall` instruction at a known place: that of the call the tracee is stopped in, or one
//! that the caller has poked. The first call of a series that starts at an entry stop replaces the call that is
//! stopped there; each further one moves the instruction pointer back.

use crate::{Error, Event, Registers, Resume, Stop, Stopped, is_same_call, result, set_arguments, wait_for};

/// A series of calls in one tracee. [`RemoteCalls::finish`] gives the tracee back.
#[derive(Debug)]
pub struct RemoteCalls {
    stopped: Option<Stopped>,
    tid: i32,
    /// Registers at the start of the series; `rip` is behind a `syscall` instruction.
    base: Registers,
    at_entry: bool,
    /// Signals that arrived meanwhile and were held back.
    pub held: Vec<crate::SignalInfo>,
}

impl RemoteCalls {
    /// From an entry stop, whose call will not happen.
    #[must_use]
    pub fn at_entry(stopped: Stopped, registers: &Registers) -> Self {
        Self {
            tid: stopped.tid(),
            stopped: Some(stopped),
            base: *registers,
            at_entry: true,
            held: Vec::new(),
        }
    }

    /// From any other stop, with a `syscall` instruction that ends at `after`.
    #[must_use]
    pub fn with_instruction(stopped: Stopped, registers: &Registers, after: u64) -> Self {
        let mut base = *registers;
        base.rip = after;
        Self { tid: stopped.tid(), stopped: Some(stopped), base, at_entry: false, held: Vec::new() }
    }

    /// The thread that makes the calls.
    #[must_use]
    pub fn tid(&self) -> i32 {
        self.tid
    }

    /// The thread, between two calls.
    #[must_use]
    pub fn stopped(&self) -> Option<&Stopped> {
        self.stopped.as_ref()
    }

    /// Moves the `syscall` instruction that is used (its page has been moved, or is about to change).
    pub fn move_instruction(&mut self, after: u64) {
        self.base.rip = after;
    }

    /// Makes one call and returns its result (an error as a negative number).
    ///
    /// # Errors
    /// [`Error::Gone`] if the tracee died.
    pub fn call(&mut self, nr: i64, args: [u64; 6]) -> Result<i64, Error> {
        let stopped = self.stopped.take().ok_or(Error::Gone)?;
        #[allow(clippy::cast_sign_loss)] // the register holds the same bits
        let mut entered = Registers { orig_rax: nr as u64, ..self.base };
        set_arguments(&mut entered, &args);
        if std::mem::take(&mut self.at_entry) {
            stopped.set_registers(&entered)?;
            stopped.resume(Resume::ToExit, 0)?;
        } else {
            enter(stopped, &entered)?;
            self.until(Stop::Entry, &entered)?.resume(Resume::ToExit, 0)?;
        }
        let stopped = self.until(Stop::Exit, &entered)?;
        let given = result(&stopped.registers()?);
        self.stopped = Some(stopped);
        Ok(given)
    }

    /// Stands at the entry of the original call again, as if nothing had happened. It is entered by the `syscall`
    /// instruction that the series uses, whatever `registers` say.
    ///
    /// # Errors
    /// [`Error::Gone`] if the tracee died.
    pub fn back_to_entry(&mut self, registers: &Registers) -> Result<(), Error> {
        let stopped = self.stopped.take().ok_or(Error::Gone)?;
        let again = Registers { rip: self.base.rip, ..*registers };
        enter(stopped, &again)?;
        let stopped = self.until(Stop::Entry, &again)?;
        if self.base.rip != registers.rip {
            let entered = stopped.registers()?;
            stopped.set_registers(&Registers { rip: registers.rip, rcx: registers.rcx, ..entered })?;
        }
        self.stopped = Some(stopped);
        Ok(())
    }

    /// The tracee, wherever the series has left it: at the entry stop if no call was made, else at an exit stop.
    ///
    /// # Errors
    /// [`Error::Gone`] if it died on the way.
    pub fn finish(&mut self) -> Result<Stopped, Error> {
        self.stopped.take().ok_or(Error::Gone)
    }

    /// Waits for a stop of the call that was `entered`. Where another thread may write to the instruction, it could make
    /// another call.
    fn until(&mut self, wanted: Stop, entered: &Registers) -> Result<Stopped, Error> {
        loop {
            let (stopped, event) = wait_for(self.tid)?;
            match event {
                Event::Stopped(Stop::Entry) if !is_same_call(&stopped.registers()?, entered) => {
                    return Err(Error::Unexpected("another call in place of the monitor's"));
                }
                Event::Stopped(stop) if stop == wanted => return Ok(stopped),
                Event::Stopped(Stop::Signal(_)) => {
                    if let Ok(info) = stopped.signal_info() {
                        if info.is_fault() {
                            // It would come again and again: the instruction is not there any more.
                            return Err(Error::Unexpected("a fault in a call of the monitor's"));
                        }
                        self.held.push(info);
                    }
                    let how = if wanted == Stop::Exit { Resume::ToExit } else { Resume::Continue };
                    stopped.resume(how, 0)?;
                }
                Event::Stopped(Stop::Entry) if wanted == Stop::Exit => stopped.resume(Resume::ToExit, 0)?,
                Event::Stopped(_) => stopped.resume(Resume::Continue, 0)?,
                event => return Err(Error::Ended(event)),
            }
        }
    }
}

/// Lets a stopped thread make the call that it is to be at the entry of with these registers.
fn enter(stopped: Stopped, entered: &Registers) -> Result<(), Error> {
    let (rip, rax) = (entered.rip - 2, entered.orig_rax);
    stopped.set_registers(&Registers { rip, rax, orig_rax: u64::MAX, ..*entered })?;
    stopped.resume(Resume::Continue, 0)
}
