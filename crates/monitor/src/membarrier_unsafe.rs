//! Whether other processors can be made to forget what they have fetched of a program's text (membarrier(2)).

/// include/uapi/linux/membarrier.h
const QUERY: i32 = 0;
pub const SYNC_CORE: u64 = 1 << 5;
pub const REGISTER_SYNC_CORE: u64 = 1 << 6;

/// Whether the kernel can do it, and lets processes that this one starts: a container may forbid it.
#[must_use]
pub fn is_there() -> bool {
    // SAFETY: no pointers.
    let commands = unsafe { libc::syscall(libc::SYS_membarrier, QUERY, 0, 0) };
    let wanted = SYNC_CORE | REGISTER_SYNC_CORE;
    commands >= 0 && commands.cast_unsigned() & wanted == wanted
}

#[cfg(test)]
mod tests {
    #[test]
    fn it_can_be_asked_for() {
        // Linux 4.16.
        assert!(super::is_there());
    }
}
