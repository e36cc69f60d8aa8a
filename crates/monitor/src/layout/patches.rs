//! What has been patched in one address space, and where the stubs are.

use std::collections::BTreeMap;
use std::ops::Range;
use std::rc::Rc;

use rustc_hash::FxHashMap;
use stretto_patcher::{Patch, Site};

/// Bytes of a piece of memory for stubs.
pub const CHUNK: u64 = 64 << 10;

/// The patches of one address space.
#[derive(Clone, Debug, Default)]
pub struct Patches {
    by_site: BTreeMap<u64, Rc<Patch>>,
    /// Also those whose site has been restored: threads may still be in their stubs.
    by_stub: BTreeMap<u64, Rc<Patch>>,
    chunks: Vec<u64>,
    /// Visits of sites that are not patched yet.
    visits: FxHashMap<u64, u32>,
    /// Sites that stay as they are.
    refused: FxHashMap<u64, String>,
}

impl Patches {
    /// Counts a visit of `site`; the number of visits, or `None` for one that stays as it is.
    pub fn visit(&mut self, site: u64) -> Option<u32> {
        if self.refused.contains_key(&site) {
            return None;
        }
        let visits = self.visits.entry(site).or_default();
        *visits = visits.saturating_add(1);
        Some(*visits)
    }

    /// Notes why a site stays as it is. True: that is news.
    pub fn refuse(&mut self, site: u64, why: String) -> bool {
        self.visits.remove(&site);
        self.refused.insert(site, why).is_none()
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

    /// Notes a patch that is in place.
    pub fn add(&mut self, patch: Patch) {
        let patch = Rc::new(patch);
        self.visits.remove(&patch.address());
        self.by_stub.insert(patch.stub(), Rc::clone(&patch));
        self.by_site.insert(patch.address(), patch);
    }

    /// Forgets a patch whose bytes are no longer there; its stub stays.
    pub fn remove(&mut self, site: u64) {
        self.by_site.remove(&site);
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

    /// How many sites are patched.
    #[must_use]
    pub fn count(&self) -> usize {
        self.by_site.len()
    }
}
