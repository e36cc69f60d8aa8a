//! Which `syscall` sites of an image were worth a patch, from one run to the next.
//!
//! An image is known by its build-id, a site by its offset in the file. What is remembered only says *when* a site is
//! patched; whether it can be is looked at as for every other, and what is allowed is the policy's.

mod elf;
mod format;
mod store;

use std::collections::{BTreeSet, HashMap};
use std::fs::File;
use std::os::unix::fs::MetadataExt;
use std::path::PathBuf;
use std::sync::{Arc, Mutex};

use serde_json::{Value, json};

use crate::lock;
use elf::{BuildId, Elf};

/// More images are not looked at in one run.
const IMAGES: usize = 4096;

/// The memory of hot sites, for one run.
#[derive(Debug)]
pub struct HotSites {
    directory: PathBuf,
    images: Mutex<HashMap<Identity, Option<Arc<Image>>>>,
    /// The first thing that could not be read or written.
    trouble: Mutex<Option<String>>,
}

/// Which file, in which state: whoever changes it changes its time of change.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
struct Identity {
    device: u64,
    inode: u64,
    size: u64,
    changed: (i64, i64),
}

/// An image with a build-id.
#[derive(Debug)]
pub struct Image {
    id: BuildId,
    /// Remembered sites, as far as they are instructions of this file.
    known: Vec<u64>,
    /// Sites that have been patched in this run after they had been reached often.
    found: Mutex<BTreeSet<u64>>,
}

/// A part of an image in the memory of a process.
#[derive(Clone, Debug)]
pub struct Mapped {
    pub start: u64,
    pub end: u64,
    /// Of `start` in the file.
    pub offset: u64,
    pub image: Arc<Image>,
}

impl Mapped {
    /// The addresses of remembered sites.
    pub fn known(&self) -> impl Iterator<Item = u64> {
        let from = self.image.known.partition_point(|site| *site < self.offset);
        let places = self.image.known[from..].iter().map(|site| site - self.offset);
        places.map_while(|place| self.start.checked_add(place).filter(|address| *address < self.end))
    }

    /// The offset in the file of an address.
    #[must_use]
    pub fn offset_of(&self, address: u64) -> Option<u64> {
        (self.start..self.end).contains(&address).then(|| self.offset.wrapping_add(address - self.start))
    }
}

impl Image {
    /// Notes a site that has been patched.
    pub fn remember(&self, offset: u64) {
        let mut found = lock(&self.found);
        if found.len() < format::MOST {
            found.insert(offset);
        }
    }
}

impl HotSites {
    /// A memory in this directory, which need not exist yet.
    #[must_use]
    pub fn new(directory: PathBuf) -> Self {
        Self { directory, images: Mutex::default(), trouble: Mutex::default() }
    }

    /// What is known of a file that is mapped; `None` if nothing can be: it has no build-id.
    pub fn image(&self, file: &File) -> Option<Arc<Image>> {
        let facts = file.metadata().ok().filter(std::fs::Metadata::is_file)?;
        let identity = Identity {
            device: facts.dev(),
            inode: facts.ino(),
            size: facts.size(),
            changed: (facts.ctime(), facts.ctime_nsec()),
        };
        let mut images = lock(&self.images);
        if let Some(image) = images.get(&identity) {
            return image.clone();
        }
        // Corresponding threads ask for the same file at the same time; the second waits for the first.
        let image = (images.len() < IMAGES).then(|| self.look_up(file))?;
        images.insert(identity, image.clone());
        image
    }

    fn look_up(&self, file: &File) -> Option<Arc<Image>> {
        let elf = Elf::new(file)?;
        let id = elf.build_id()?;
        let remembered = store::read(&self.directory, &id).unwrap_or_else(|why| self.note(why));
        let known = if remembered.is_empty() { Vec::new() } else { elf.verified(remembered) };
        Some(Arc::new(Image { id, known, found: Mutex::default() }))
    }

    fn note<T: Default>(&self, why: String) -> T {
        lock(&self.trouble).get_or_insert(why);
        T::default()
    }

    /// Writes what was found in this run; the number of sites that are remembered from now on.
    fn save(&self) -> usize {
        let mut news = 0;
        for image in lock(&self.images).values().flatten() {
            let found = lock(&image.found);
            if found.is_empty() {
                continue;
            }
            // Another run may have written it meanwhile; what can't be read is replaced.
            let mut sites = store::read(&self.directory, &image.id).unwrap_or_default();
            let before = sites.len();
            sites.extend(&*found);
            if sites.len() == before {
                continue;
            }
            match store::write(&self.directory, &image.id, &sites) {
                Ok(()) => news += sites.len() - before,
                Err(why) => self.note(why),
            }
        }
        news
    }

    /// Ends the run; what statistics say.
    #[must_use]
    pub fn conclude(&self) -> Value {
        let news = self.save();
        json!({"directory": self.directory, "remembered": news, "trouble": *lock(&self.trouble)})
    }
}
