//! What has been patched in one address space, and where the stubs are.

use std::collections::{BTreeMap, BTreeSet};
use std::ops::Range;
use std::rc::Rc;

use stretto_patcher::{Patch, Site};

/// Bytes of a piece of memory for stubs.
pub const CHUNK: u64 = 64 << 10;
/// A program that makes new code again and again would fill its memory with stubs of code that is gone.
const MOST_CHUNKS: usize = 512;

/// The patches of one address space.
#[derive(Clone, Debug, Default)]
pub struct Patches {
    by_site: BTreeMap<u64, Rc<Patch>>,
    /// Also those whose site has been restored: threads may still be in their stubs.
    by_stub: BTreeMap<u64, Rc<Patch>>,
    /// The last patch of each site that has been restored.
    restored: BTreeMap<u64, Rc<Patch>>,
    /// How often sites have been restored.
    restorations: u64,
    chunks: Vec<u64>,
    /// Visits of sites that are not patched yet.
    visits: BTreeMap<u64, u32>,
    /// Sites that stay as they are, as long as their bytes do.
    refused: BTreeSet<u64>,
    /// Processors that run other threads can be told to forget what they have fetched.
    beside_threads: bool,
}

impl Patches {
    /// Says whether text may be written while other threads run.
    pub fn allow_beside_threads(&mut self, may: bool) {
        self.beside_threads = may;
    }

    /// Whether text may be written while other threads run.
    #[must_use]
    pub fn may_be_beside_threads(&self) -> bool {
        self.beside_threads
    }

    /// Counts a visit of `site`; the number of visits, or `None` for one that stays as it is.
    pub fn visit(&mut self, site: u64) -> Option<u32> {
        if self.refused.contains(&site) {
            return None;
        }
        let visits = self.visits.entry(site).or_default();
        *visits = visits.saturating_add(1);
        Some(*visits)
    }

    /// Notes that a site stays as it is. True: that is news.
    pub fn refuse(&mut self, site: u64) -> bool {
        self.visits.remove(&site);
        self.refused.insert(site)
    }

    /// Forgets what is known of sites in `range`, whose bytes change.
    pub fn forget(&mut self, range: Range<u64>) {
        if range.is_empty() {
            return;
        }
        let visited: Vec<u64> = self.visits.range(range.clone()).map(|(site, _)| *site).collect();
        let refused: Vec<u64> = self.refused.range(range).copied().collect();
        visited.iter().for_each(|site| _ = self.visits.remove(site));
        refused.iter().for_each(|site| _ = self.refused.remove(site));
    }

    /// A place for the stub in memory that is there already.
    #[must_use]
    pub fn place(&self, site: &Site) -> Option<u64> {
        self.chunks.iter().find_map(|&chunk| self.gaps(chunk).find_map(|gap| site.place(gap)))
    }

    /// The unused ranges of a chunk.
    fn gaps(&self, chunk: u64) -> impl Iterator<Item = Range<u64>> + '_ {
        let used = self.by_stub.range(chunk..chunk + CHUNK).map(|(start, patch)| {
            let length = patch.stub_bytes().len() as u64;
            (*start, (start + length).next_multiple_of(16))
        });
        let ends = std::iter::once((chunk, chunk)).chain(used.clone());
        let starts = used.chain(std::iter::once((chunk + CHUNK, 0)));
        ends.zip(starts).map(|((_, end), (start, _))| end..start)
    }

    /// Notes new memory for stubs.
    pub fn add_chunk(&mut self, chunk: u64) {
        self.chunks.push(chunk);
    }

    /// The memory for stubs that `range` touches.
    #[must_use]
    pub fn chunks_in(&self, range: &Range<u64>) -> Vec<Range<u64>> {
        let chunks = self.chunks.iter().map(|&chunk| chunk..chunk + CHUNK);
        chunks.filter(|chunk| chunk.start < range.end && range.start < chunk.end).collect()
    }

    /// The sites whose stubs lie in `chunk`.
    #[must_use]
    pub fn served_by(&self, chunk: &Range<u64>) -> Vec<u64> {
        let patches = self.by_site.values().filter(|patch| chunk.contains(&patch.stub()));
        patches.map(|patch| patch.address()).collect()
    }

    /// Forgets memory for stubs, and what was in it. No site may use it any more.
    pub fn remove_chunk(&mut self, chunk: &Range<u64>) {
        self.chunks.retain(|start| *start != chunk.start);
        self.by_stub.retain(|stub, _| !chunk.contains(stub));
        self.restored.retain(|_, patch| !chunk.contains(&patch.stub()));
    }

    /// Whether there may be more memory for stubs.
    #[must_use]
    pub fn may_grow(&self) -> bool {
        self.chunks.len() < MOST_CHUNKS
    }

    /// The patch that the site had before it was restored, if the program's bytes are the same again: its stub is still
    /// there.
    #[must_use]
    pub fn former(&self, site: &Site) -> Option<Rc<Patch>> {
        self.restored.get(&site.address()).filter(|patch| patch.original() == site.original()).map(Rc::clone)
    }

    /// The stubs of restored sites are free, but for the one that `rip` lies in: no other thread can be in one.
    pub fn free_stubs(&mut self, rip: u64) {
        let by_site = &self.by_site;
        let in_place =
            |patch: &Patch| by_site.get(&patch.address()).is_some_and(|now| now.stub() == patch.stub());
        self.by_stub.retain(|_, patch| in_place(patch) || patch.in_stub(rip));
        self.restored.clear();
    }

    /// Notes a patch that is in place.
    pub fn add(&mut self, patch: Rc<Patch>) {
        self.visits.remove(&patch.address());
        self.restored.remove(&patch.address());
        self.by_stub.insert(patch.stub(), Rc::clone(&patch));
        self.by_site.insert(patch.address(), patch);
    }

    /// Notes that the bytes of a patch are no longer there; its stub stays.
    pub fn remove(&mut self, site: u64) {
        if let Some(patch) = self.by_site.remove(&site) {
            self.restored.insert(site, patch);
            self.restorations += 1;
        }
    }

    /// Notes that the stub of a patch that is not in place is not there either.
    pub fn remove_stub(&mut self, patch: &Patch) {
        self.by_stub.remove(&patch.stub());
        self.restored.remove(&patch.address());
    }

    /// If `address` lies where a patch has been: how often patches have been taken back until now.
    #[must_use]
    pub fn restorations_at(&self, address: u64) -> Option<u64> {
        let (_, patch) = self.restored.range(..=address).next_back()?;
        patch.in_window(address).then_some(self.restorations)
    }

    /// The patch of a site.
    #[must_use]
    pub fn at_site(&self, site: u64) -> Option<Rc<Patch>> {
        self.by_site.get(&site).map(Rc::clone)
    }

    /// Makes `code`, which has been read at `address`, the program's own.
    pub fn hide(&self, address: u64, code: &mut [u8]) {
        for patch in self.within(address..address + code.len() as u64) {
            for (place, byte) in (patch.address()..).zip(patch.original()) {
                let index = usize::try_from(place.wrapping_sub(address)).ok();
                if let Some(target) = index.and_then(|index| code.get_mut(index)) {
                    *target = *byte;
                }
            }
        }
    }

    /// The patch in whose stub `rip` lies.
    #[must_use]
    pub fn at_stub(&self, rip: u64) -> Option<Rc<Patch>> {
        let (_, patch) = self.by_stub.range(..=rip).next_back()?;
        patch.in_stub(rip).then(|| Rc::clone(patch))
    }

    /// The patch in whose window `address` lies.
    #[must_use]
    pub fn at_window(&self, address: u64) -> Option<Rc<Patch>> {
        let (_, patch) = self.by_site.range(..=address).next_back()?;
        patch.in_window(address).then(|| Rc::clone(patch))
    }

    /// The patches that touch `range`.
    #[must_use]
    pub fn within(&self, range: Range<u64>) -> Vec<Rc<Patch>> {
        let from = range.start.saturating_sub(32);
        self.by_site
            .range(from..range.end.max(from))
            .filter(|(site, patch)| **site + patch.window().len() as u64 > range.start)
            .map(|(_, patch)| Rc::clone(patch))
            .collect()
    }
}
