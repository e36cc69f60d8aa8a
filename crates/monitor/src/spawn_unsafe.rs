//! Starting one variant: fork, be seized, install the filter, exec.

use std::cell::Cell;
use std::ffi::CString;
use std::io;
use std::os::fd::{AsRawFd, FromRawFd, OwnedFd};
use std::sync::atomic::{AtomicI32, Ordering};

use crate::filter_unsafe::Program;

/// What the child needs, prepared before the fork: nothing is allocated after it.
#[derive(Debug)]
pub struct Launch {
    /// What every variant asks for.
    path: CString,
    /// What this one gets instead.
    own: Option<CString>,
    argv: Vec<CString>,
    env: Vec<CString>,
    /// CPU to run on.
    pub cpu: Option<usize>,
    /// Standard streams go nowhere, and terminal signals don't come.
    pub follower: bool,
    /// The filter of its system calls.
    pub program: Program,
    /// In the child: the descriptor where the filter asks; negative: nowhere.
    asking: AtomicI32,
}

/// A child that waits for [`Child::go`]; ended when dropped before.
#[derive(Debug)]
pub struct Child {
    pub pid: i32,
    go: OwnedFd,
    gone_on: Cell<bool>,
}

fn c_string(bytes: &[u8]) -> CString {
    CString::new(bytes.split(|&byte| byte == 0).next().unwrap_or_default()).unwrap_or_default()
}

impl Launch {
    /// `path` is the file to execute; `own`: a binary of its own that takes its place.
    #[must_use]
    pub fn new(path: &[u8], own: Option<&[u8]>, argv: &[Vec<u8>], env: &[Vec<u8>]) -> Self {
        Self {
            path: c_string(path),
            own: own.map(c_string),
            argv: argv.iter().map(|word| c_string(word)).collect(),
            env: env.iter().map(|word| c_string(word)).collect(),
            cpu: None,
            follower: false,
            program: Program::new(None, &[]),
            asking: AtomicI32::new(-1),
        }
    }

    /// Address, in the child, of the path of its own binary: the tracer puts it into the call that starts the program,
    /// once all variants have asked for the same.
    #[must_use]
    pub fn own_binary(&self) -> Option<u64> {
        self.own.as_ref().map(|own| own.as_ptr() as u64)
    }

    /// Address, in the child, of the number of the descriptor where its filter asks. Its exec will close it.
    #[must_use]
    pub fn asking(&self) -> u64 {
        self.asking.as_ptr() as u64
    }

    /// Forks the child, which waits to be seized.
    ///
    /// # Errors
    /// When there are no processes or descriptors left.
    pub fn fork(&self) -> io::Result<Child> {
        let mut ends = [0; 2];
        // SAFETY: `ends` has room for two descriptors.
        if unsafe { libc::pipe2(ends.as_mut_ptr(), libc::O_CLOEXEC) } < 0 {
            return Err(io::Error::last_os_error());
        }
        // SAFETY: pipe2 has just given these descriptors to us alone.
        let (wait, go) = unsafe { (OwnedFd::from_raw_fd(ends[0]), OwnedFd::from_raw_fd(ends[1])) };
        let argv: Vec<*const libc::c_char> =
            self.argv.iter().map(|word| word.as_ptr()).chain([std::ptr::null()]).collect();
        let env: Vec<*const libc::c_char> =
            self.env.iter().map(|word| word.as_ptr()).chain([std::ptr::null()]).collect();
        // SAFETY: the child makes only async-signal-safe calls until exec or _exit.
        let pid = unsafe { libc::fork() };
        if pid < 0 {
            return Err(io::Error::last_os_error());
        }
        if pid == 0 {
            // SAFETY: this is the child; every pointer was made before the fork and lives in its copy.
            unsafe { self.child(wait.as_raw_fd(), go.as_raw_fd(), &argv, &env) }
        }
        Ok(Child { pid, go, gone_on: Cell::new(false) })
    }

    /// # Safety
    /// Only in a forked child; `argv` and `env` are NULL-ended.
    unsafe fn child(
        &self,
        wait: i32,
        go: i32,
        argv: &[*const libc::c_char],
        env: &[*const libc::c_char],
    ) -> ! {
        // SAFETY: plain system calls on live locals.
        unsafe {
            libc::close(go);
            let mut byte = 0u8;
            if libc::read(wait, (&raw mut byte).cast(), 1) != 1 {
                libc::_exit(125);
            }
            if let Some(cpu) = self.cpu {
                let mut set: libc::cpu_set_t = std::mem::zeroed();
                libc::CPU_SET(cpu, &mut set);
                libc::sched_setaffinity(0, size_of::<libc::cpu_set_t>(), &raw const set);
            }
            if self.follower {
                libc::setsid();
                let null = libc::open(c"/dev/null".as_ptr(), libc::O_RDWR | libc::O_CLOEXEC);
                for fd in 0..3 {
                    // Where a stream is closed, the number may belong to a descriptor of Stretto, closed on exec.
                    if libc::fcntl(fd, libc::F_GETFD) == 0 {
                        libc::dup2(null, fd);
                    }
                }
                libc::close(null);
            }
            // Python ignores SIGPIPE and SIGXFSZ for itself; programs expect the default (as in its subprocess).
            libc::signal(libc::SIGPIPE, libc::SIG_DFL);
            libc::signal(libc::SIGXFSZ, libc::SIG_DFL);
            // Stretto itself does not stop with its terminal's job; the program does.
            for signal in [libc::SIGTSTP, libc::SIGTTIN, libc::SIGTTOU] {
                libc::signal(signal, libc::SIG_DFL);
            }
            let mut none: libc::sigset_t = std::mem::zeroed();
            libc::sigemptyset(&raw mut none);
            libc::sigprocmask(libc::SIG_SETMASK, &raw const none, std::ptr::null_mut());
            libc::prctl(libc::PR_SET_TSC, libc::PR_TSC_SIGSEGV, 0, 0, 0);
            match self.program.install() {
                Ok(asking) => self.asking.store(asking.unwrap_or(-1), Ordering::Relaxed),
                Err(_) => libc::_exit(125),
            }
            libc::execve(self.path.as_ptr(), argv.as_ptr(), env.as_ptr());
            libc::_exit(127)
        }
    }
}

impl Child {
    /// Lets the child install its filter and call exec.
    ///
    /// # Errors
    /// If it has died meanwhile.
    pub fn go(&self) -> io::Result<()> {
        // SAFETY: one byte from a live local.
        let put = unsafe { libc::write(self.go.as_raw_fd(), [1u8].as_ptr().cast(), 1) };
        if put == 1 {
            self.gone_on.set(true);
            Ok(())
        } else {
            Err(io::Error::last_os_error())
        }
    }
}

impl Drop for Child {
    fn drop(&mut self) {
        // Closing the pipe is not enough: children that were forked meanwhile hold copies of its end.
        if !self.gone_on.get() {
            // SAFETY: our own child, which nobody else waits for; no pointers but NULL.
            unsafe {
                libc::kill(self.pid, libc::SIGKILL);
                libc::waitpid(self.pid, std::ptr::null_mut(), libc::__WALL);
            }
        }
    }
}
