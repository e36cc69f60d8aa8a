//! Finding the program as a shell would, with its exit codes for failure.

use std::ffi::OsStr;
use std::fs;
use std::os::unix::ffi::OsStrExt;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};

/// Why a program can't be started.
#[derive(Debug, thiserror::Error)]
pub enum ProgramError {
    /// Exit code 127.
    #[error("{0}: no such program")]
    NotFound(String),
    /// Exit code 126.
    #[error("{0}: is a directory")]
    Directory(String),
    /// Exit code 126.
    #[error("{0}: may not be executed")]
    NotExecutable(String),
}

impl ProgramError {
    /// The exit code that a shell gives.
    #[must_use]
    pub fn exit_code(&self) -> i32 {
        match self {
            Self::NotFound(_) => 127,
            Self::Directory(_) | Self::NotExecutable(_) => 126,
        }
    }
}

fn check(path: &Path) -> Result<(), ProgramError> {
    let shown = path.display().to_string();
    let metadata = fs::metadata(path).map_err(|_| ProgramError::NotFound(shown.clone()))?;
    if metadata.is_dir() {
        return Err(ProgramError::Directory(shown));
    }
    if metadata.permissions().mode() & 0o111 == 0 {
        return Err(ProgramError::NotExecutable(shown));
    }
    Ok(())
}

/// The file that `name` stands for, looked up in `search` (the value of `PATH`) unless it has a slash.
///
/// # Errors
/// See [`ProgramError`].
pub fn find(name: &[u8], search: &[u8]) -> Result<PathBuf, ProgramError> {
    let given = Path::new(OsStr::from_bytes(name));
    if name.contains(&b'/') {
        return check(given).map(|()| given.to_owned());
    }
    let mut failure = ProgramError::NotFound(given.display().to_string());
    if name.is_empty() {
        return Err(failure);
    }
    for folder in search.split(|&byte| byte == b':') {
        let folder = if folder.is_empty() { Path::new(".") } else { Path::new(OsStr::from_bytes(folder)) };
        let path = folder.join(given);
        match check(&path) {
            Ok(()) => return Ok(path),
            Err(ProgramError::NotFound(_) | ProgramError::Directory(_)) => {}
            Err(error) => failure = error,
        }
    }
    Err(failure)
}
