//! Calls made in a variant on the monitor's behalf.

use stretto_semantics::failed;
use stretto_tracee::{Error, RemoteCalls};

/// The result of a call that may not fail: a follower must be able to do what the leader could.
///
/// # Errors
/// [`Error::Os`] if it has failed; `call` says what was tried.
pub fn expect(call: &'static str, answer: i64) -> Result<u64, Error> {
    if failed(answer) {
        return Err(Error::Os { call, errno: i32::try_from(-answer).unwrap_or(0) });
    }
    Ok(answer.cast_unsigned())
}

/// Closes a descriptor of the variant's. One that is not there is closed already.
///
/// # Errors
/// [`Error::Gone`] if the variant died.
pub fn close(calls: &mut RemoteCalls, fd: u64) -> Result<(), Error> {
    calls.call(libc::SYS_close, [fd, 0, 0, 0, 0, 0]).map(|_| ())
}
