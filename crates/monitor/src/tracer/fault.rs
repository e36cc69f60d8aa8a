//! Faults: those that the program has made for itself, and those of patches, agents and time stamps.

use std::sync::Arc;

use stretto_tracee::{Error, Registers, Remote, SignalInfo, Stopped};

use super::Tracer;
use super::delivery::has_handler;
use super::task::State;
use crate::agent::blob;
use crate::taskset::Arrival;

/// The length of the time-stamp instruction at `rip`, if there is one: rdtsc (0f 31) or rdtscp (0f 01 f9).
fn timestamp_instruction(tid: i32, rip: u64) -> Option<u64> {
    let mut code = [0; 3];
    let got = Remote::new(tid).read(rip, &mut code);
    match code {
        [0x0f, 0x31, _] if got >= 2 => Some(2),
        [0x0f, 0x01, 0xf9] if got == 3 => Some(3),
        _ => None,
    }
}

impl Tracer<'_> {
    pub(super) fn on_fault(&mut self, stopped: Stopped, info: SignalInfo) -> Result<(), Error> {
        let tid = stopped.tid();
        self.release(tid, None)?;
        let registers = stopped.registers()?;
        let timestamp = (info.signal() == libc::SIGSEGV && info.code() == libc::SI_KERNEL)
            .then(|| timestamp_instruction(tid, registers.rip))
            .flatten();
        let arrival = match timestamp {
            Some(length) => {
                let deliver = self.due_signal(&stopped, tid)?.map(Box::new);
                Arrival::Timestamp { registers, length, deliver }
            }
            None => Arrival::Fault { info, registers },
        };
        self.park(stopped, Arc::new(arrival))
    }

    /// All variants took the same fault: the program's handler, or its end.
    pub(super) fn deliver_fault(&mut self, tid: i32) -> Result<(), Error> {
        let task = self.task(tid)?;
        let stopped = task.stopped.take().ok_or(Error::Unexpected("the thread is not stopped"))?;
        let Some(Arrival::Fault { info, .. }) = task.current.as_deref() else {
            return Err(Error::Unexpected("the thread took no fault"));
        };
        let signal = info.signal();
        task.state = if has_handler(tid, signal) { State::Running } else { State::Ending };
        self.go_on(stopped, signal)
    }

    pub(super) fn deliver_timestamp(&mut self, tid: i32, value: u64) -> Result<(), Error> {
        let task = self.task(tid)?;
        let stopped = task.stopped.take().ok_or(Error::Unexpected("the thread is not stopped"))?;
        let Some(Arrival::Timestamp { registers, length, .. }) = task.current.as_deref() else {
            return Err(Error::Unexpected("the thread read no time stamp"));
        };
        let mut registers = *registers;
        registers.rax = value & 0xffff_ffff;
        registers.rdx = value >> 32;
        if *length == 3 {
            // IA32_TSC_AUX: Linux puts node and CPU there; all variants are told CPU 0.
            registers.rcx = 0;
        }
        registers.rip += length;
        stopped.set_registers(&registers)?;
        task.state = State::Running;
        self.go_on(stopped, 0)
    }

    /// Where a thread goes on whose fault has nothing to do with the program: it came to a place that a patch has
    /// covered, or its agent was given a bad address.
    pub(super) fn way_out(
        &mut self,
        stopped: Stopped,
        info: &SignalInfo,
    ) -> Result<(Stopped, Option<Registers>), Error> {
        if self.session.agents.is_none() {
            return Ok((stopped, None));
        }
        let registers = stopped.registers()?;
        let fixup = self.in_agent(registers.rip).and_then(blob::fixup);
        if let (Some(offset), Some(image)) = (fixup, self.image()) {
            return Ok((stopped, Some(Registers { rip: image.base + offset, ..registers })));
        }
        // What patches put there raises #BP or #GP.
        if info.code() != libc::SI_KERNEL {
            return Ok((stopped, None));
        }
        // Behind a breakpoint the processor is one byte further.
        let address = registers.rip.wrapping_sub(u64::from(info.signal() == libc::SIGTRAP));
        let (stopped, rip) = self.displaced(stopped, &registers, address)?;
        Ok((stopped, rip.map(|rip| Registers { rip, orig_rax: u64::MAX, ..registers })))
    }

    /// A fault that comes while something else is waited for: the thread goes on elsewhere, or faults once more later.
    /// Behind a breakpoint the processor is one byte further, and what follows is no instruction if a patch has put it
    /// there.
    pub(super) fn fault_again(&mut self, stopped: Stopped, info: &SignalInfo) -> Result<Stopped, Error> {
        let (stopped, out) = self.way_out(stopped, info)?;
        let registers = stopped.registers()?;
        let trap = info.signal() == libc::SIGTRAP && info.code() == libc::SI_KERNEL;
        let back = Registers { rip: registers.rip - u64::from(trap), ..registers };
        stopped.set_registers(&out.unwrap_or(back))?;
        Ok(stopped)
    }

    /// Before a signal is delivered: a thread in a stub is shown where the program is.
    pub(super) fn show_program(&self, stopped: &Stopped) -> Result<(), Error> {
        if self.session.agents.is_none() {
            return Ok(());
        }
        let registers = stopped.registers()?;
        let Some(rip) = self.program_address(stopped.tid(), registers.rip) else { return Ok(()) };
        // Behind the stub's `syscall`, rcx is not yet what the kernel leaves behind the program's.
        let behind = self.through_stub(stopped.tid(), &registers);
        let rcx = if behind { rip } else { registers.rcx };
        stopped.set_registers(&Registers { rip, rcx, ..registers })
    }
}
