//! Sleeping on words that processes share.

/// `struct futex_waitv` (include/uapi/linux/futex.h).
#[repr(C)]
struct Waiter {
    value: u64,
    address: u64,
    flags: u32,
    reserved: u32,
}

/// FUTEX2_SIZE_U32; not private: the words are shared between processes.
const FUTEX_32: u32 = 2;

/// Sleeps while every word (address and value) is what it was.
pub fn wait(words: [(u64, u32); 2]) {
    let waiters =
        words.map(|(address, value)| Waiter { value: value.into(), address, flags: FUTEX_32, reserved: 0 });
    // SAFETY: the kernel reads `waiters`, and only looks at the words.
    unsafe {
        libc::syscall(libc::SYS_futex_waitv, waiters.as_ptr(), waiters.len(), 0, std::ptr::null::<u8>(), 0)
    };
}

/// Wakes all that sleep on the word at `address`.
pub fn wake(address: u64) {
    // SAFETY: the kernel takes the address as a name.
    unsafe { libc::syscall(libc::SYS_futex, address, libc::FUTEX_WAKE, i32::MAX) };
}
