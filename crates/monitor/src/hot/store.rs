//! The directory of hot sites: one small file for each build-id.
//!
//! It lies in the user's home, where every program of the user may write. So nothing there is trusted: only regular
//! files of a bounded size are read, links are not followed, and what they say is looked at again (`super::elf`).

use std::collections::BTreeSet;
use std::fs::{DirBuilder, OpenOptions};
use std::io::{self, Read, Write};
use std::os::unix::fs::{DirBuilderExt, OpenOptionsExt};
use std::path::{Path, PathBuf};

use super::elf::BuildId;
use super::format::{self, LARGEST};

/// The sites in the file of an image; none if there is no file, or why it can't be used.
///
/// # Errors
/// One line with the path.
pub fn read(directory: &Path, id: &BuildId) -> Result<BTreeSet<u64>, String> {
    let path = directory.join(id.to_string());
    let said = |what: &str| format!("{}: {what}", path.display());
    // Whatever stands there, opening it must not wait.
    let flags = libc::O_NOFOLLOW | libc::O_NONBLOCK | libc::O_NOCTTY;
    let file = match OpenOptions::new().read(true).custom_flags(flags).open(&path) {
        Ok(file) => file,
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(BTreeSet::new()),
        Err(error) => return Err(said(&error.to_string())),
    };
    let facts = file.metadata().map_err(|error| said(&error.to_string()))?;
    if !facts.is_file() || facts.len() > LARGEST {
        return Err(said("is no file of hot sites"));
    }
    let mut bytes = Vec::new();
    file.take(LARGEST).read_to_end(&mut bytes).map_err(|error| said(&error.to_string()))?;
    format::parse(&bytes).map_err(said)
}

/// Writes the file of an image, as a whole: who reads it meanwhile sees the former one or this one.
///
/// # Errors
/// One line with the path.
pub fn write(directory: &Path, id: &BuildId, sites: &BTreeSet<u64>) -> Result<(), String> {
    let said = |path: &Path, error: io::Error| format!("{}: {error}", path.display());
    DirBuilder::new()
        .recursive(true)
        .mode(0o700)
        .create(directory)
        .map_err(|error| said(directory, error))?;
    let target = directory.join(id.to_string());
    let draft = draft(directory, id);
    let written = OpenOptions::new()
        .write(true)
        .create_new(true)
        .mode(0o600)
        .open(&draft)
        .and_then(|mut file| file.write_all(format::text(sites).as_bytes()))
        .map_err(|error| said(&draft, error))
        .and_then(|()| std::fs::rename(&draft, &target).map_err(|error| said(&target, error)));
    if written.is_err() {
        let _ = std::fs::remove_file(&draft);
    }
    written
}

/// Where a file is written before it gets its name; not where another run writes its own.
fn draft(directory: &Path, id: &BuildId) -> PathBuf {
    directory.join(format!(".{id}.{:x}", crate::signals_unsafe::random()))
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;
    use std::os::unix::fs::symlink;
    use std::path::PathBuf;

    use super::super::elf::BuildId;
    use super::{LARGEST, read, write};

    /// A new directory, which is removed again.
    struct Place(PathBuf);

    impl Place {
        fn new() -> Self {
            let name = format!("stretto-sites-{:x}", crate::signals_unsafe::random());
            Self(std::env::temp_dir().join(name).join("deep"))
        }
    }

    impl Drop for Place {
        fn drop(&mut self) {
            let _ = self.0.parent().map(std::fs::remove_dir_all);
        }
    }

    fn id() -> BuildId {
        BuildId::new(&[0xab; 20]).expect("twenty bytes are a build-id")
    }

    #[test]
    fn what_is_written_is_read_and_nothing_else_is_left() {
        let place = Place::new();
        let sites = BTreeSet::from([1, 0xffff]);
        assert_eq!(read(&place.0, &id()), Ok(BTreeSet::new()));
        write(&place.0, &id(), &BTreeSet::from([7])).expect("written");
        write(&place.0, &id(), &sites).expect("written again");
        assert_eq!(read(&place.0, &id()), Ok(sites));
        assert_eq!(std::fs::read_dir(&place.0).expect("listed").count(), 1);
    }

    #[test]
    fn links_are_neither_read_nor_written_through() {
        let place = Place::new();
        write(&place.0, &id(), &BTreeSet::from([1])).expect("written");
        let (file, elsewhere) = (place.0.join(id().to_string()), place.0.join("elsewhere"));
        std::fs::rename(&file, &elsewhere).expect("renamed");
        symlink(&elsewhere, &file).expect("linked");
        assert!(read(&place.0, &id()).is_err());
        write(&place.0, &id(), &BTreeSet::from([2])).expect("written");
        assert_eq!(read(&place.0, &id()), Ok(BTreeSet::from([2])));
        assert!(std::fs::read_to_string(elsewhere).expect("still there").contains("\n1\n"));
    }

    #[test]
    fn what_is_no_small_regular_file_is_not_read() {
        let place = Place::new();
        write(&place.0, &id(), &BTreeSet::from([1])).expect("written");
        let file = place.0.join(id().to_string());
        std::fs::File::options().write(true).open(&file).expect("open").set_len(LARGEST + 1).expect("longer");
        assert!(read(&place.0, &id()).is_err());
        std::fs::remove_file(&file).expect("removed");
        std::fs::create_dir(&file).expect("made");
        assert!(read(&place.0, &id()).is_err());
        assert!(write(&place.0, &id(), &BTreeSet::from([1])).is_err());
        assert_eq!(std::fs::read_dir(&place.0).expect("listed").count(), 1, "no draft is left");
    }
}
