//! Calls made in a variant that must give what the leader's gave.

use stretto_semantics::failed;
use stretto_tracee::Error;

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
