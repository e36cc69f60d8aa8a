//! `/proc/PID/mem`: the one way to write program text without stopping the thread that asks.

use std::fs::OpenOptions;
use std::os::unix::fs::FileExt;

/// Writes to memory that may be mapped for reading and executing only; private pages are copied first.
pub fn write(tid: i32, address: u64, bytes: &[u8]) -> bool {
    OpenOptions::new()
        .write(true)
        .open(format!("/proc/{tid}/mem"))
        .and_then(|file| file.write_all_at(bytes, address))
        .is_ok()
}
