//! What is measured.

use std::io;
use std::str::FromStr;

/// The call that is measured, with the bytes that it moves.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    Getpid,
    /// From `/dev/zero`.
    Read(usize),
    /// To `/dev/null`.
    Write(usize),
}

/// Kinds by the names that the benchmark gives them.
const NAMES: [(&str, Kind); 5] = [
    ("getpid", Kind::Getpid),
    ("read", Kind::Read(4 << 10)),
    ("write", Kind::Write(4 << 10)),
    ("read64k", Kind::Read(64 << 10)),
    ("write64k", Kind::Write(64 << 10)),
];

impl Kind {
    /// The number of the call.
    pub(super) fn nr(self) -> i64 {
        match self {
            Self::Getpid => libc::SYS_getpid,
            Self::Read(_) => libc::SYS_read,
            Self::Write(_) => libc::SYS_write,
        }
    }

    /// Bytes that are moved.
    pub(super) fn bytes(self) -> usize {
        match self {
            Self::Getpid => 0,
            Self::Read(bytes) | Self::Write(bytes) => bytes,
        }
    }

    pub(super) fn reads(self) -> bool {
        matches!(self, Self::Read(_))
    }

    pub(super) fn writes(self) -> bool {
        matches!(self, Self::Write(_))
    }
}

impl FromStr for Kind {
    type Err = io::Error;

    fn from_str(name: &str) -> io::Result<Self> {
        let found = NAMES.iter().find(|(known, _)| *known == name);
        found.map(|(_, kind)| *kind).ok_or_else(|| {
            io::Error::new(io::ErrorKind::InvalidInput, format!("no such kind of call: {name:?}"))
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn kinds_have_names() {
        assert_eq!("read".parse::<Kind>().unwrap(), Kind::Read(4096));
        assert_eq!("write64k".parse::<Kind>().unwrap(), Kind::Write(65536));
        for name in ["open", "", "read4k", "Getpid"] {
            assert_eq!(name.parse::<Kind>().unwrap_err().kind(), io::ErrorKind::InvalidInput);
        }
    }
}
