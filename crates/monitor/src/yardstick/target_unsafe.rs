//! The call that is measured, as a program makes it.

use std::fs::{File, OpenOptions};
use std::io;
use std::os::fd::AsRawFd;

use super::Kind;

/// A call and its file.
#[derive(Debug)]
pub struct Target {
    pub kind: Kind,
    file: File,
}

impl Target {
    pub fn open(kind: Kind) -> io::Result<Self> {
        let file = if kind.reads() {
            File::open("/dev/zero")?
        } else {
            OpenOptions::new().write(true).open("/dev/null")?
        };
        Ok(Self { kind, file })
    }

    /// The program's buffer.
    pub fn buffer(&self) -> Vec<u8> {
        vec![0x5a; self.kind.bytes()]
    }

    pub fn descriptor(&self) -> i32 {
        self.file.as_raw_fd()
    }

    /// Makes the call.
    pub fn call(&self, buffer: &mut [u8]) -> i64 {
        // SAFETY: the kernel writes to `buffer` only if it reads from the file; getpid takes no notice of arguments.
        unsafe { libc::syscall(self.kind.nr(), self.descriptor(), buffer.as_mut_ptr(), buffer.len()) }
    }

    /// Makes a call that writes, from `bytes`.
    pub fn write(&self, bytes: &[u8]) -> i64 {
        // SAFETY: the kernel reads `bytes`, which are live.
        unsafe { libc::syscall(libc::SYS_write, self.descriptor(), bytes.as_ptr(), bytes.len()) }
    }
}
