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
    let seals = libc::F_SEAL_WRITE | libc::F_SEAL_SHRINK | libc::F_SEAL_GROW | libc::F_SEAL_SEAL;
    // SAFETY: no pointers.
    if unsafe { libc::fcntl(file.as_raw_fd(), libc::F_ADD_SEALS, seals) } < 0 {
        return Err(io::Error::last_os_error());
    }
    Ok(file)
}
