//! Writing program text: memory that is mapped for reading and executing only. Private pages are copied first.

use std::fs::OpenOptions;
use std::os::unix::fs::FileExt;

use stretto_tracee::Stopped;

/// Writes through `/proc/PID/mem`, which needs no stop.
pub fn write_through(tid: i32, address: u64, bytes: &[u8]) -> bool {
    OpenOptions::new()
        .write(true)
        .open(format!("/proc/{tid}/mem"))
        .and_then(|file| file.write_all_at(bytes, address))
        .is_ok()
}

/// The same to a stopped thread, also where the kernel is configured to keep that file from writing to text
/// (PROC_MEM_RESTRICT_*, Linux 6.12): word by word with PTRACE_POKEDATA.
pub fn write(stopped: &Stopped, address: u64, bytes: &[u8]) -> bool {
    write_through(stopped.tid(), address, bytes) || poke(stopped, address, bytes).is_some()
}

/// Writes all of these, in this order, with the file opened once.
pub fn write_all(stopped: &Stopped, writes: &[(u64, Vec<u8>)]) -> bool {
    let file = OpenOptions::new().write(true).open(format!("/proc/{}/mem", stopped.tid())).ok();
    writes.iter().all(|(address, bytes)| {
        file.as_ref().is_some_and(|file| file.write_all_at(bytes, *address).is_ok())
            || poke(stopped, *address, bytes).is_some()
    })
}

fn poke(stopped: &Stopped, address: u64, bytes: &[u8]) -> Option<()> {
    let mut done = 0;
    while done < bytes.len() {
        let at = address + done as u64;
        let part = &bytes[done..bytes.len().min(done + 8)];
        let mut word = stopped.peek(at).ok()?.to_le_bytes();
        word[..part.len()].copy_from_slice(part);
        stopped.poke(at, u64::from_le_bytes(word)).ok()?;
        done += part.len();
    }
    Some(())
}
