//! The seccomp filter of tier 1: every system call stops at the tracer.

use std::io;

const LOAD_ARCH: u32 = 4; // offset of `arch` in struct seccomp_data
const ARCH_X86_64: u32 = 0xc000_003e;
const RET_TRACE: u32 = 0x7ff0_0000;
const RET_ERRNO: u32 = 0x0005_0000;

#[allow(clippy::cast_possible_truncation)] // opcodes fit in 16 bits
const fn statement(code: u32, value: u32) -> libc::sock_filter {
    libc::sock_filter { code: code as u16, jt: 0, jf: 0, k: value }
}

/// 32-bit entry (int 0x80, sysenter) has other numbers and other structures: it is answered ENOSYS by the
/// kernel itself, in every variant.
static PROGRAM: [libc::sock_filter; 4] = [
    statement(libc::BPF_LD | libc::BPF_W | libc::BPF_ABS, LOAD_ARCH),
    libc::sock_filter {
        code: (libc::BPF_JMP | libc::BPF_JEQ | libc::BPF_K) as u16,
        jt: 1,
        jf: 0,
        k: ARCH_X86_64,
    },
    statement(libc::BPF_RET | libc::BPF_K, RET_ERRNO | libc::ENOSYS as u32),
    statement(libc::BPF_RET | libc::BPF_K, RET_TRACE),
];

/// Installs the filter in the calling thread; with no_new_privs only where the kernel asks for it.
/// Async-signal-safe: runs between fork and exec.
///
/// # Errors
/// What the kernel answers.
pub fn install() -> io::Result<()> {
    #[allow(clippy::cast_possible_truncation)] // four instructions
    let program = libc::sock_fprog { len: PROGRAM.len() as u16, filter: PROGRAM.as_ptr().cast_mut() };
    // SAFETY: `program` describes a static array that the kernel copies.
    let load = || unsafe {
        libc::syscall(libc::SYS_seccomp, 1u32 /* SET_MODE_FILTER */, 0u32, &raw const program)
    };
    if load() == 0 {
        return Ok(());
    }
    // SAFETY: no pointers.
    unsafe { libc::prctl(libc::PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) };
    if load() == 0 { Ok(()) } else { Err(io::Error::last_os_error()) }
}
