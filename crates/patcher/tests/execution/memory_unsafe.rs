//! Anonymous memory at chosen addresses that code can run in.

use crate::rng::Rng;

/// Readable, writable, executable memory. Code that runs in it changes it only within [`crate::cpu_unsafe`],
/// which no slice of it outlives.
pub struct Mapping {
    address: u64,
    length: usize,
}

impl Mapping {
    /// At `address`, unless something is there.
    pub fn at(address: u64, length: usize) -> Option<Self> {
        let protection = libc::PROT_READ | libc::PROT_WRITE | libc::PROT_EXEC;
        let flags = libc::MAP_PRIVATE | libc::MAP_ANONYMOUS | libc::MAP_FIXED_NOREPLACE;
        // SAFETY: MAP_FIXED_NOREPLACE never replaces memory that is in use.
        let found = unsafe { libc::mmap(address as *mut _, length, protection, flags, -1, 0) };
        (found as u64 == address).then(|| Self { address, length })
    }

    /// Somewhere where programs have code: mostly anywhere, sometimes in the lowest GiB.
    pub fn anywhere(rng: &mut Rng, length: usize) -> Self {
        loop {
            let (lowest, highest) =
                if rng.one_in(4) { (0x40_0000, 1 << 30) } else { (1 << 32, 0x7000_0000_0000) };
            let address = (lowest + rng.below(highest - lowest)) & !0xfff;
            if let Some(mapping) = Self::at(address, length) {
                return mapping;
            }
        }
    }

    pub fn address(&self) -> u64 {
        self.address
    }

    pub fn bytes(&self) -> &[u8] {
        // SAFETY: the memory is mapped as long as self is, and nobody else writes to it meanwhile.
        unsafe { std::slice::from_raw_parts(self.address as *const u8, self.length) }
    }

    pub fn bytes_mut(&mut self) -> &mut [u8] {
        // SAFETY: as above, and self is borrowed exclusively.
        unsafe { std::slice::from_raw_parts_mut(self.address as *mut u8, self.length) }
    }

    /// Writes `bytes` to the address `at` in it.
    pub fn write(&mut self, at: u64, bytes: &[u8]) {
        let offset = (at - self.address) as usize;
        self.bytes_mut()[offset..offset + bytes.len()].copy_from_slice(bytes);
    }
}

impl Drop for Mapping {
    fn drop(&mut self) {
        // SAFETY: the memory was mapped by `at`, and slices of it have ended.
        unsafe { libc::munmap(self.address as *mut _, self.length) };
    }
}
