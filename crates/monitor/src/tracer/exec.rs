//! exec: a new program in every variant, and a layout of its own.

use std::cell::RefCell;
use std::os::fd::AsRawFd;
use std::rc::Rc;
use std::sync::Arc;
use std::sync::atomic::Ordering;

use stretto_tracee::{Error, Registers, Resume, Stopped};

use super::Tracer;
use super::open::{file_identity, identity, regular_file};
use crate::config::Layout;
use crate::layout::image;
use crate::layout::mm::Mm;
use crate::lock;
use crate::mailbox::Decision;
use crate::result::ImageInfo;
use crate::taskset::{Arrival, CallArrival};

impl Tracer<'_> {
    /// Follower: a program that is named by a descriptor must be the leader's file; the first may be a binary of its
    /// own.
    pub(super) fn prepare_exec(&mut self, tid: i32) -> Result<(), Error> {
        let own = self.own_binary.take();
        let task = self.task(tid)?;
        task.exec = super::task::Exec::default();
        if let (Some(path), Some(stopped), Some(Arrival::Call(call))) =
            (own, task.stopped.as_ref(), task.current.as_deref())
        {
            return stopped.set_registers(&Registers { rdi: path, ..call.registers });
        }
        let Some(Arrival::Call(call)) = task.current.as_deref() else {
            return Ok(());
        };
        let args = call.args();
        if call.nr() != libc::SYS_execveat as u64 {
            return Ok(());
        }
        if args[4] & libc::AT_EMPTY_PATH as u64 == 0 {
            return self.make_real(tid);
        }
        #[allow(clippy::cast_possible_truncation)] // descriptors are ints
        let fd = i64::from(args[0] as i32);
        let Some(program) = lock(&task.set.program).as_ref().and_then(|file| file.try_clone().ok()) else {
            return Ok(());
        };
        let wanted = program.metadata().ok().map(|facts| identity(&facts));
        if wanted.is_none() || file_identity(tid, fd) == wanted {
            return Ok(());
        }
        self.materialise(tid, &program, fd)
    }

    /// Leader: opens a program that is named by a descriptor, for the followers.
    pub(super) fn keep_program(&mut self, tid: i32, nr: u64, args: &[u64; 6]) -> Result<(), Error> {
        self.begin_answering(tid);
        let by_descriptor = nr == libc::SYS_execveat as u64 && args[4] & libc::AT_EMPTY_PATH as u64 != 0;
        let program = by_descriptor.then(|| regular_file(tid, args[0] & 0x7fff_ffff)).flatten();
        *lock(&self.task(tid)?.set.program) = program;
        Ok(())
    }

    /// Replaces a placeholder by the leader's file, then stands at the entry of the same call again.
    fn materialise(&mut self, tid: i32, program: &std::fs::File, fd: i64) -> Result<(), Error> {
        self.with_calls(tid, |tracer, calls, call: &CallArrival| {
            let held = (std::process::id().cast_signed(), program.as_raw_fd().into());
            // Open for writing anywhere, it could not be executed (execve(2), ETXTBSY).
            tracer.replace(calls, call, held, fd, libc::O_RDONLY)?;
            calls.back_to_entry(&call.registers)
        })
    }

    pub(super) fn on_exec(&mut self, stopped: Stopped) -> Result<(), Error> {
        let tid = stopped.tid();
        let former = i32::try_from(stopped.event_message()?).unwrap_or(tid);
        if former != tid {
            self.take_over_id(former, tid);
        }
        let seed = self.session.seed.wrapping_mul(u64::from(self.task(tid)?.set.id) | 1);
        let mm = Rc::new(RefCell::new(Mm::new(self.variant, seed)));
        let leads = self.leads();
        let process = self.task(tid)?.set.process;
        self.end_turns(process);
        self.count_calls(self.tasks.get(&tid).ok_or(Error::Gone)?);
        let task = self.task(tid)?;
        if let Some(contexts) = task.mm.borrow_mut().contexts.as_mut() {
            contexts.give(task.context);
        }
        (task.context, task.ring) = (0, None);
        if leads {
            lock(&task.set.meeting).ring = None;
        }
        task.mm = mm;
        task.tgid = tid;
        task.exec.done = true;
        if !leads {
            return self.resume(stopped, Resume::ToExit, 0);
        }
        let set = Arc::clone(&task.set);
        // In 64-bit mode the code segment is 0x33 (arch/x86/include/asm/segment.h).
        if stopped.registers()?.cs != 0x33 {
            self.session.exec_error.store(libc::ENOEXEC, Ordering::Release);
            self.session.fail("32-bit programs are not supported".to_owned());
            return stopped.resume(Resume::Continue, libc::SIGKILL);
        }
        self.session.begun.store(true, Ordering::Release);
        let info = image::inspect(&stopped, self.session.agents.is_some())?;
        self.note_image(&set, &info);
        self.session.post_followers(&set, &Decision::Image(Arc::new(info)));
        self.resume(stopped, Resume::ToExit, 0)
    }

    fn note_image(&self, set: &crate::taskset::TaskSet, info: &ImageInfo) {
        if set.id == 1 {
            self.session.phase("exec");
        }
        let Some(program) = info.images.first() else {
            return;
        };
        let name = program.parts.first().map_or("", |part| part.name.as_str());
        if !program.movable {
            let rest =
                if info.images.len() > 1 { "its libraries are" } else { "nothing else is there to be" };
            let message =
                format!("{name} is not position-independent: its own code is not diversified, {rest}");
            self.session.events.warn("non-pie", name, &message);
        }
        if self.session.events.logged() {
            self.session.events.event("exec", serde_json::json!({"task": set.id, "program": name}));
        }
    }

    /// A thread other than the first called exec: it now has the first one's id.
    fn take_over_id(&mut self, former: i32, tid: i32) {
        if let Some(old) = self.tasks.remove(&tid) {
            self.by_set.remove(&old.set.id);
            if old.set.set_dead(self.variant) {
                self.session.remove_set(&old.set);
            }
        }
        if let Some(mut task) = self.tasks.remove(&former) {
            task.tid = tid;
            self.add(task);
        }
    }

    /// Follower: its exec is done; the leader's layout is needed to go on.
    pub(super) fn on_own_image(&mut self, stopped: Stopped) -> Result<(), Error> {
        let task = self.task(stopped.tid())?;
        match task.exec.image.take() {
            Some(image) => self.arrange(stopped, &image),
            None => {
                task.stopped = Some(stopped);
                Ok(())
            }
        }
    }

    pub(super) fn on_leader_image(&mut self, tid: i32, image: Arc<ImageInfo>) -> Result<(), Error> {
        let task = self.task(tid)?;
        match task.stopped.take() {
            Some(stopped) if task.exec.done => self.arrange(stopped, &image),
            stopped => {
                task.stopped = stopped;
                task.exec.image = Some(image);
                Ok(())
            }
        }
    }

    fn arrange(&mut self, stopped: Stopped, image: &ImageInfo) -> Result<(), Error> {
        let move_data = self.session.config.layout == Layout::Disjoint;
        let mm = Rc::clone(&self.task(stopped.tid())?.mm);
        let first = self.task(stopped.tid())?.set.id == 1;
        let (stopped, mut registers) = image::arrange(stopped, image, &mut mm.borrow_mut(), move_data)?;
        registers.orig_rax = u64::MAX;
        registers.rax = 0;
        stopped.set_registers(&registers)?;
        let stopped = self.install_agent(stopped)?;
        if first {
            self.session.phase("layout");
        }
        self.finished(stopped, 0)
    }
}
