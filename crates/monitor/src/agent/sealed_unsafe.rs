//! Anonymous files: sealed for the agents, shared for the rings.

use std::ffi::CStr;
use std::fs::File;
use std::io::{self, Write};
use std::os::fd::{AsRawFd, FromRawFd};

/// A new anonymous file, closed on exec.
pub fn anonymous(name: &CStr) -> io::Result<File> {
    let flags = libc::MFD_CLOEXEC | libc::MFD_ALLOW_SEALING;
    // Since Linux 6.3 the kernel wants to know whether such files may be executed (memfd_create(2)).
    let execute = 0x10;
    // SAFETY: the name is a C string.
    let mut fd = unsafe { libc::memfd_create(name.as_ptr(), flags | execute) };
    if fd < 0 {
        // SAFETY: as above.
        fd = unsafe { libc::memfd_create(name.as_ptr(), flags) };
    }
    if fd < 0 {
        return Err(io::Error::last_os_error());
    }
    // SAFETY: the kernel has just given us this descriptor.
    Ok(unsafe { File::from_raw_fd(fd) })
}

/// An anonymous file with these bytes that nobody can change any more.
pub fn sealed(name: &CStr, bytes: &[u8]) -> io::Result<File> {
    let mut file = anonymous(name)?;
    file.write_all(bytes)?;
    // No variant has begun, and nobody else has mapped the file: to forbid what comes is to forbid all. `F_SEAL_WRITE`
    // would look for other users of its pages: the kernel drains the lists of every CPU, waits up to 15 ms (measured)
    // and gives up with `EBUSY` where it holds a page itself for longer (mm/memfd.c, `memfd_wait_for_pins`; met once
    // in 2,171 tests).
    let seals = libc::F_SEAL_FUTURE_WRITE | libc::F_SEAL_SHRINK | libc::F_SEAL_GROW | libc::F_SEAL_SEAL;
    // SAFETY: no pointers.
    if unsafe { libc::fcntl(file.as_raw_fd(), libc::F_ADD_SEALS, seals) } < 0 {
        return Err(io::Error::last_os_error());
    }
    Ok(file)
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::fs::OpenOptions;
    use std::io::Read;

    #[test]
    fn what_is_sealed_can_be_read_and_changed_by_nobody() {
        let mut file = sealed(c"stretto-test", b"sealed").unwrap();
        assert_eq!(file.write(b"x").unwrap_err().raw_os_error(), Some(libc::EPERM));
        assert_eq!(file.set_len(0).unwrap_err().raw_os_error(), Some(libc::EPERM));
        let path = format!("/proc/self/fd/{}", file.as_raw_fd());
        let mut again = OpenOptions::new().read(true).write(true).open(path).unwrap();
        assert_eq!(again.write(b"x").unwrap_err().raw_os_error(), Some(libc::EPERM));
        let mut bytes = Vec::new();
        again.read_to_end(&mut bytes).unwrap();
        assert_eq!(bytes, b"sealed");

        let shared = |protection| {
            // SAFETY: a new mapping, which nothing uses, at an address that the kernel chooses.
            unsafe { libc::mmap(std::ptr::null_mut(), 6, protection, libc::MAP_SHARED, file.as_raw_fd(), 0) }
        };
        assert_eq!(shared(libc::PROT_READ | libc::PROT_WRITE), libc::MAP_FAILED);
        let readable = shared(libc::PROT_READ);
        assert_ne!(readable, libc::MAP_FAILED);
        // SAFETY: the mapping from above.
        let writable = unsafe { libc::mprotect(readable, 6, libc::PROT_READ | libc::PROT_WRITE) };
        assert_eq!(writable, -1);
        // SAFETY: as above; no pointers in the other.
        unsafe {
            libc::munmap(readable, 6);
            assert_eq!(libc::fcntl(file.as_raw_fd(), libc::F_ADD_SEALS, libc::F_SEAL_WRITE), -1);
        }
    }
}
