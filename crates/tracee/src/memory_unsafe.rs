//! Memory of another process, by `process_vm_readv` and `process_vm_writev`.

/// The memory of the process that a thread belongs to. Works from any thread of the monitor.
#[derive(Clone, Copy, Debug)]
pub struct Remote {
    tid: i32,
}

impl Remote {
    /// The memory of thread `tid`.
    #[must_use]
    pub fn new(tid: i32) -> Self {
        Self { tid }
    }

    /// Reads up to `buffer.len()` bytes; returns how many came before the first that can't be read.
    #[must_use]
    pub fn read(&self, address: u64, buffer: &mut [u8]) -> usize {
        let mut done = 0;
        // One request stops at a fault; page by page from there finds the exact end. process_vm_readv(2):
        // partial transfers apply at the granularity of iovec elements.
        while done < buffer.len() {
            let got = self.transfer(address.wrapping_add(done as u64), &mut buffer[done..]);
            if got == 0 {
                let page_left = 4096 - (address.wrapping_add(done as u64) % 4096) as usize;
                let rest = buffer.len() - done;
                if rest <= page_left {
                    break;
                }
                let got =
                    self.transfer(address.wrapping_add(done as u64), &mut buffer[done..done + page_left]);
                if got == 0 {
                    break;
                }
                done += got;
            } else {
                done += got;
            }
        }
        done
    }

    fn transfer(&self, address: u64, buffer: &mut [u8]) -> usize {
        let local = libc::iovec { iov_base: buffer.as_mut_ptr().cast(), iov_len: buffer.len() };
        let remote = libc::iovec { iov_base: address as *mut libc::c_void, iov_len: buffer.len() };
        // SAFETY: `local` describes `buffer`, which is writable for the whole call; `remote` is only looked at
        // in the other process.
        let got = unsafe { libc::process_vm_readv(self.tid, &raw const local, 1, &raw const remote, 1, 0) };
        usize::try_from(got).unwrap_or(0)
    }

    /// Reads ranges (address, length) one behind the other with one request, until `buffer` is full or a range
    /// can't be read; returns how many bytes came. At most 16 ranges.
    #[must_use]
    pub fn read_ranges(&self, ranges: &[(u64, usize)], buffer: &mut [u8]) -> usize {
        let mut remote = [libc::iovec { iov_base: std::ptr::null_mut(), iov_len: 0 }; 16];
        let mut wanted = 0;
        for (vector, (address, length)) in remote.iter_mut().zip(ranges) {
            let length = (*length).min(buffer.len() - wanted);
            *vector = libc::iovec { iov_base: *address as *mut libc::c_void, iov_len: length };
            wanted += length;
        }
        let local = libc::iovec { iov_base: buffer.as_mut_ptr().cast(), iov_len: wanted };
        let count = ranges.len().min(remote.len()) as libc::c_ulong;
        // SAFETY: `local` describes `buffer`, which is writable for the whole call; `remote` is only looked at in
        // the other process.
        let got = unsafe { libc::process_vm_readv(self.tid, &raw const local, 1, remote.as_ptr(), count, 0) };
        usize::try_from(got).unwrap_or(0)
    }

    /// Writes `data`; returns how many bytes were written before the first that can't be.
    #[must_use]
    pub fn write(&self, address: u64, data: &[u8]) -> usize {
        let local = libc::iovec { iov_base: data.as_ptr() as *mut libc::c_void, iov_len: data.len() };
        let remote = libc::iovec { iov_base: address as *mut libc::c_void, iov_len: data.len() };
        // SAFETY: `local` describes `data`, which the kernel only reads; `remote` is only looked at in the
        // other process.
        let put = unsafe { libc::process_vm_writev(self.tid, &raw const local, 1, &raw const remote, 1, 0) };
        usize::try_from(put).unwrap_or(0)
    }

    /// Reads a little-endian word.
    #[must_use]
    pub fn word(&self, address: u64) -> Option<u64> {
        let mut bytes = [0; 8];
        (self.read(address, &mut bytes) == 8).then(|| u64::from_le_bytes(bytes))
    }
}
