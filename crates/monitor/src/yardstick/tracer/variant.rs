//! One variant's tracer, with the fewest requests that replication can do with.

use std::io;
use std::sync::PoisonError;

use stretto_tracee::{Error, Event, Registers, Remote, Resume, Stop, Stopped, seize, wait_for};

use super::super::Kind;
use super::super::fork_unsafe::Child;
use super::Work;
use super::meeting::Meeting;

/// What one tracer thread knows.
#[derive(Debug)]
pub struct Tracer<'a> {
    pub meeting: &'a Meeting,
    /// 0 is the leader.
    pub index: usize,
    pub kind: Kind,
    pub work: Work,
    /// Room for what a follower writes.
    pub own: Vec<u8>,
}

fn other(error: Error) -> io::Error {
    io::Error::other(error)
}

impl Tracer<'_> {
    /// Traces `child` to its end; `go` lets it start.
    pub fn run(&mut self, child: &Child, go: impl FnOnce()) -> io::Result<()> {
        seize(child.pid()).map_err(other)?;
        go();
        let memory = Remote::new(child.pid());
        let mut call = 0;
        loop {
            let (stopped, event) = wait_for(child.pid()).map_err(other)?;
            match event {
                Event::Stopped(Stop::Entry) => {
                    let registers = stopped.registers().map_err(other)?;
                    if registers.orig_rax.cast_signed() != self.kind.nr() {
                        stopped.resume(Resume::Continue, 0).map_err(other)?;
                        continue;
                    }
                    call += 1;
                    match (self.work, self.index) {
                        (Work::Meet, _) => self.meet(stopped, call)?,
                        (Work::Replicate, 0) => self.lead(stopped, &registers, memory, call)?,
                        (Work::Replicate, _) => self.follow(stopped, &registers, memory, call)?,
                    }
                }
                Event::Stopped(Stop::Signal(signal)) => {
                    stopped.resume(Resume::Continue, signal).map_err(other)?;
                }
                Event::Stopped(_) | Event::Other => stopped.resume(Resume::Continue, 0).map_err(other)?,
                end => return child.ended(end),
            }
        }
    }

    fn meet(&self, stopped: Stopped, call: u64) -> io::Result<()> {
        self.meeting.arrive(self.index, call);
        if self.index == 0 {
            self.meeting.wait_for_followers(call)?;
        } else {
            self.meeting.wait_for_leader(call)?;
        }
        stopped.resume(Resume::Continue, 0).map_err(other)
    }

    fn lead(&self, stopped: Stopped, registers: &Registers, memory: Remote, call: u64) -> io::Result<()> {
        if self.kind.writes() {
            self.fetch(memory, registers)?;
        }
        self.meeting.arrive(0, call);
        self.meeting.wait_for_followers(call)?;
        let tid = stopped.tid();
        stopped.resume(Resume::ToExit, 0).map_err(other)?;
        let (stopped, event) = wait_for(tid).map_err(other)?;
        if event != Event::Stopped(Stop::Exit) {
            return Err(io::Error::other(format!("the call did not return: {event:?}")));
        }
        let result = stopped.registers().map_err(other)?.rax;
        if self.kind.reads() {
            self.fetch(memory, registers)?;
        }
        self.meeting.publish(call, result);
        stopped.resume(Resume::Continue, 0).map_err(other)
    }

    fn follow(
        &mut self,
        stopped: Stopped,
        registers: &Registers,
        memory: Remote,
        call: u64,
    ) -> io::Result<()> {
        let bytes = self.kind.bytes();
        if self.kind.writes() && memory.read(registers.rsi, &mut self.own) != bytes {
            return Err(io::Error::other("a variant's buffer can't be read"));
        }
        self.meeting.wait_for_leader(call)?;
        let data = || self.meeting.data.read().unwrap_or_else(PoisonError::into_inner);
        if self.kind.writes() && *data() != self.own {
            return Err(io::Error::other("the variants write different data"));
        }
        self.meeting.arrive(self.index, call);
        let result = self.meeting.wait_for_result(call)?;
        if self.kind.reads() && memory.write(registers.rsi, &data()) != bytes {
            return Err(io::Error::other("a variant's buffer can't be written"));
        }
        // -1 is no system call: the kernel skips it and leaves rax as it is (Documentation/userspace-api/
        // seccomp_filter.rst, SECCOMP_RET_TRACE).
        let registers = Registers { orig_rax: u64::MAX, rax: result, ..*registers };
        stopped.set_registers(&registers).map_err(other)?;
        stopped.resume(Resume::Continue, 0).map_err(other)
    }

    /// Takes the leader's buffer.
    fn fetch(&self, memory: Remote, registers: &Registers) -> io::Result<()> {
        let mut data = self.meeting.data.write().unwrap_or_else(PoisonError::into_inner);
        if memory.read(registers.rsi, &mut data) != self.kind.bytes() {
            return Err(io::Error::other("the leader's buffer can't be read"));
        }
        Ok(())
    }
}
