/// Why a request to the kernel about a tracee failed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Error {
    /// The thread no longer exists, or SIGKILL has taken it out of its stop.
    #[error("the traced thread is gone")]
    Gone,
    /// The thread has ended, and this call has consumed the report.
    #[error("the traced thread has ended")]
    Ended(crate::Event),
    /// The thread is not in the state that a request needs: a mistake of the monitor's, or a variant that made
    /// its own bookkeeping unreadable.
    #[error("unexpected: {0}")]
    Unexpected(&'static str),
    /// Anything else.
    #[error("{call} failed: {}", std::io::Error::from_raw_os_error(*.errno))]
    Os {
        /// The request.
        call: &'static str,
        /// What the kernel answered.
        errno: i32,
    },
}

impl Error {
    /// The error that `errno` now stands for.
    pub(crate) fn last(call: &'static str) -> Self {
        match std::io::Error::last_os_error().raw_os_error().unwrap_or(0) {
            libc::ESRCH => Self::Gone,
            errno => Self::Os { call, errno },
        }
    }
}
