//! The heap of a follower, which the kernel would put elsewhere: mapped where the leader's is, as long as the leader's.

use stretto_semantics::failed;
use stretto_tracee::{Error, RemoteCalls};

use super::Tracer;
use super::alongside::Alongside;
use crate::layout::mm::{HEAP, page_up};
use crate::remote::expect;

impl Tracer<'_> {
    /// Follows `brk`, which has given the leader this.
    pub(super) fn follow_brk(&mut self, calls: &mut RemoteCalls, leader: u64) -> Result<i64, Error> {
        let task = self.task(calls.tid())?;
        let (begun, mm) = (task.alongside.take(), task.mm.borrow());
        let (heap, brk, own) = (mm.heap, mm.brk, mm.own_heap(leader));
        drop(mm);
        if let Some(Alongside::Heap { before }) = begun.filter(|_| leader != brk) {
            self.take_heap_back(calls, before)?;
        }
        // No end of a heap: a filter of the program's own has answered.
        if leader < heap {
            return Ok(leader.cast_signed());
        }
        expect("moving the end of the heap", self.move_end_of_heap(calls, leader)?)?;
        Ok(own.cast_signed())
    }

    /// Follower: makes its heap end where the leader's call will probably make the leader's end.
    pub(super) fn move_heap_alongside(&mut self, tid: i32) -> Result<(), Error> {
        let task = self.task(tid)?;
        // A filter of the program's own may answer `brk` as it likes, and forbid what follows it here.
        let Some(call) = task.call().filter(|_| !task.filtered) else { return Ok(()) };
        let mm = task.mm.borrow();
        // The kernel refuses an end before the beginning: that is how programs ask where it is.
        let length = call.args()[0].checked_sub(mm.own_heap(mm.heap));
        let wanted = length.filter(|length| *length < HEAP).map(|length| mm.heap + length);
        let before = mm.brk;
        drop(mm);
        let Some(wanted) = wanted.filter(|wanted| page_up(*wanted) != page_up(before)) else { return Ok(()) };
        self.with_calls(tid, |tracer, calls, _| tracer.move_end_of_heap(calls, wanted))?;
        self.task(tid)?.alongside = Some(Alongside::Heap { before });
        Ok(())
    }

    /// The leader's heap has not moved: this one ends where it did `before`. The kernel refuses to shorten a heap whose
    /// end is not mapped any more (`mm/mmap.c`, `brk`), so that nothing was lost here either.
    pub(super) fn take_heap_back(&mut self, calls: &mut RemoteCalls, before: u64) -> Result<(), Error> {
        let brk = self.task(calls.tid())?.mm.borrow().brk;
        if brk > before {
            self.move_end_of_heap(calls, before)?;
        }
        self.task(calls.tid())?.mm.borrow_mut().brk = before;
        Ok(())
    }

    /// Makes this variant's heap end where the leader's does at `leader`; what the kernel says to it.
    fn move_end_of_heap(&mut self, calls: &mut RemoteCalls, leader: u64) -> Result<i64, Error> {
        let task = self.task(calls.tid())?;
        let (from, to) = {
            let mm = task.mm.borrow();
            (mm.own_heap(page_up(mm.brk)), mm.own_heap(page_up(leader)))
        };
        let answer = if to > from {
            let protection = (libc::PROT_READ | libc::PROT_WRITE) as u64;
            let flags = (libc::MAP_PRIVATE | libc::MAP_ANONYMOUS | libc::MAP_FIXED_NOREPLACE) as u64;
            calls.call(libc::SYS_mmap, [from, to - from, protection, flags, u64::MAX, 0])?
        } else if to < from {
            calls.call(libc::SYS_munmap, [to, from - to, 0, 0, 0, 0])?
        } else {
            0
        };
        if !failed(answer) {
            self.task(calls.tid())?.mm.borrow_mut().brk = leader;
        }
        Ok(answer)
    }
}
