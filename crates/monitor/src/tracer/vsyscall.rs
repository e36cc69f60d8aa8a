//! The vsyscall page: three calls at fixed addresses, which the kernel emulates on a page fault.
//!
//! The emulation asks the seccomp filter, but there is no exit stop behind it (arch/x86/entry/vsyscall), so the
//! monitor answers these calls itself, with the kernel's `time`, `gettimeofday` and `getcpu` in mind.

use std::sync::Arc;

use stretto_tracee::{Error, Remote};

use super::Tracer;
use crate::clock_unsafe;
use crate::mailbox::Decision;
use crate::taskset::CallArrival;

/// VSYSCALL_ADDR, arch/x86/include/uapi/asm/vsyscall.h.
const PAGE: u64 = 0xffff_ffff_ff60_0000;

/// Whether this is an address of the page.
pub fn holds(rip: u64) -> bool {
    rip & !0xfff == PAGE
}

/// What the call gives; writes its outputs.
fn answer(call: &CallArrival, memory: Remote) -> i64 {
    let [first, second, ..] = call.args();
    let (seconds, microseconds) = clock_unsafe::time_of_day();
    let put = |address: u64, bytes: &[u8]| address == 0 || memory.write(address, bytes) == bytes.len();
    let (done, result) = match call.nr().cast_signed() {
        libc::SYS_gettimeofday => {
            let mut value = [0; 16];
            value[..8].copy_from_slice(&seconds.to_le_bytes());
            value[8..].copy_from_slice(&microseconds.to_le_bytes());
            (put(first, &value) && put(second, &[0; 8]), 0)
        }
        libc::SYS_time => (put(first, &seconds.to_le_bytes()), seconds),
        // Every variant stays on the CPU that it was placed on; programs are told it is the first.
        _ => (put(first, &[0; 4]) && put(second, &[0; 4]), 0),
    };
    if done { result } else { -i64::from(libc::EFAULT) }
}

impl Tracer<'_> {
    /// Leader: answers the call in all variants.
    pub(super) fn answer_vsyscall(&mut self, tid: i32) -> Result<(), Error> {
        let task = self.task(tid)?;
        let call = task.call().ok_or(Error::Unexpected("the thread is in no call"))?.clone();
        let set = Arc::clone(&task.set);
        let row = *call.row().ok_or(Error::Unexpected("the call is not described"))?;
        let ret = answer(&call, Remote::new(tid));
        let result = Arc::new(self.outcome(tid, &call, &row, ret));
        self.session.post_followers(&set, &Decision::Result(result, None));
        self.skip(tid, ret)
    }
}
