//! One variant's address space as the monitor needs to know it: what lies elsewhere than in the leader.

use stretto_abi::context::{SLOT, SLOTS};
use stretto_semantics::{Region, Regions};

use super::patches::Patches;
use crate::hot::Mapped;

/// The address space of one process of one variant.
#[derive(Clone, Debug, Default)]
pub struct Mm {
    regions: Vec<Region>,
    /// Next free address of the variant's arena.
    arena: u64,
    /// How far below the leader's this variant's code lies.
    shift: u64,
    /// Where the leader's heap begins, and ends (only followers emulate the heap).
    pub heap: u64,
    pub brk: u64,
    /// What the program believes it has made of itself with PR_SET_DUMPABLE.
    pub undumpable: bool,
    /// How far this variant's heap lies from the leader's.
    pub heap_shift: u64,
    /// The agent's contexts, one a thread, if there is an agent.
    pub contexts: Option<Contexts>,
    /// What calls the agent.
    pub patches: Patches,
    /// Code of images with a build-id, as it was mapped (only the leader's is asked for).
    images: Vec<Mapped>,
    /// The agent has not been told yet what lies apart.
    untold: bool,
}

/// The contexts of one address space: the first is that of all threads that have none of their own.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Contexts {
    start: u64,
    /// Bit per context in use.
    used: u64,
}

impl Contexts {
    /// Contexts from `start` on, where the first one is.
    #[must_use]
    pub fn new(start: u64) -> Self {
        Self { start, used: 1 }
    }

    /// The context of threads that have none of their own.
    #[must_use]
    pub fn common(&self) -> u64 {
        self.start
    }

    /// Takes a free one.
    pub fn take(&mut self) -> Option<u64> {
        let free = u64::from((!self.used).trailing_zeros());
        (free < SLOTS).then(|| {
            self.used |= 1 << free;
            self.start + free * SLOT
        })
    }

    /// Gives one back.
    pub fn give(&mut self, context: u64) {
        let index = context.wrapping_sub(self.start) / SLOT;
        if (1..SLOTS).contains(&index) {
            self.used &= !(1 << index);
        }
    }

    /// All but one are free: the address space is a copy, with one thread.
    pub fn keep_only(&mut self, context: u64) {
        let index = context.wrapping_sub(self.start) / SLOT;
        self.used = 1 | if index < SLOTS { 1 << index } else { 0 };
    }
}

const PAGE: u64 = 4096;
/// A follower's code lies so far below the leader's, times the number of the variant. The kernel loads programs at
/// 0x5555..-0x5655.. and libraries at 0x7eff..-0x7fff.. (ELF_ET_DYN_BASE and mmap_base, arch/x86; 28 random bits of
/// pages): no two of these ranges meet after the shift. All but the highest bits are the leader's: programs hash the
/// addresses of static objects, which lie in images, and their tables then have the same order in all variants. The
/// first example was `pip`: Python's sets of types.
const STEP: u64 = 1 << 43;
/// A follower's arena: 4 TiB each, far from where the kernel puts anything and from the address ranges
/// that sanitizers and language runtimes reserve at fixed places (all below 0x2000_0000_0000 or above
/// 0x5000_0000_0000).
const ARENAS: u64 = 0x2000_0000_0000;
const ARENA_SIZE: u64 = 0x0400_0000_0000;

/// Below that are non-PIE programs and fixed reservations.
const LOWEST: u64 = 0x1000_0000_0000;

/// Room for a heap that lies apart from the leader's; a larger one can't be followed.
pub const HEAP: u64 = 256 << 30;

/// Mapped images that are known at a time: more than any program has loaded.
const IMAGES: usize = 1024;

/// Rounds up to whole pages.
#[must_use]
pub fn page_up(value: u64) -> u64 {
    value.wrapping_add(PAGE - 1) & !(PAGE - 1)
}

/// Where the arena goes on behind `length` bytes at `address`.
fn behind(address: u64, length: u64) -> u64 {
    address.wrapping_add(page_up(length)).wrapping_add(16 * PAGE)
}

impl Mm {
    /// A fresh address space of `variant`; `random` moves the arena's first address by up to 1 TiB.
    #[must_use]
    pub fn new(variant: usize, random: u64) -> Self {
        let start = ARENAS + variant as u64 * ARENA_SIZE + (random % (ARENA_SIZE / 4)) / PAGE * PAGE;
        let shift = variant as u64 * STEP;
        Self { arena: start, shift, ..Self::default() }
    }

    /// Takes `length` bytes of the arena, with an unmapped gap behind them.
    pub fn reserve(&mut self, length: u64) -> u64 {
        let address = self.arena;
        self.arena = behind(address, length);
        // Huge pages and `mmap` of hugetlb files want 2 MiB alignment of large areas.
        address
    }

    /// Where this variant's counterpart of the leader's code at `leader` belongs.
    #[must_use]
    pub fn counterpart(&self, leader: u64) -> Option<u64> {
        leader.checked_sub(self.shift).filter(|own| *own > LOWEST)
    }

    /// Starts a heap at the leader's place, or apart from it.
    pub fn start_heap(&mut self, leader: u64, apart: bool) {
        (self.heap, self.brk) = (leader, leader);
        if apart {
            let own = self.reserve(HEAP);
            self.heap_shift = own.wrapping_sub(leader);
            self.add(leader, own, HEAP);
        }
    }

    /// Where this variant's counterpart of the leader's heap at `leader` lies.
    #[must_use]
    pub fn own_heap(&self, leader: u64) -> u64 {
        leader.wrapping_add(self.heap_shift)
    }

    /// Notes that a range lies elsewhere here than in the leader.
    pub fn add(&mut self, leader: u64, own: u64, length: u64) {
        if leader != own {
            self.regions.push(Region { leader, own, length: page_up(length) });
            // What lay last in the arena may have grown.
            if own <= self.arena {
                self.arena = self.arena.max(behind(own, length));
            }
            self.untold = true;
        }
    }

    /// Forgets what lay in `own..own + length`.
    pub fn remove(&mut self, own: u64, length: u64) {
        let end = own.wrapping_add(page_up(length));
        let mut kept = Vec::with_capacity(self.regions.len());
        for region in self.regions.iter().copied() {
            let region_end = region.own + region.length;
            if region_end <= own || end <= region.own {
                kept.push(region);
                continue;
            }
            if region.own < own {
                kept.push(Region { length: own - region.own, ..region });
            }
            if end < region_end {
                let skip = end - region.own;
                kept.push(Region { leader: region.leader + skip, own: end, length: region_end - end });
            }
        }
        self.untold |= kept.len() != self.regions.len() || kept != self.regions;
        self.regions = kept;
    }

    /// What lies apart, oldest first, if the agent has not been told since it changed.
    pub fn untold(&mut self) -> Option<&[Region]> {
        std::mem::take(&mut self.untold).then_some(&self.regions)
    }

    /// Notes code of an image; what it has been mapped over is forgotten.
    pub fn note_image(&mut self, mapped: Mapped) {
        self.images.retain(|other| other.end <= mapped.start || mapped.end <= other.start);
        // A program that loads and unloads again and again would fill the monitor's memory.
        if self.images.len() == IMAGES {
            self.images.remove(0);
        }
        self.images.push(mapped);
    }

    /// Code of images, as far as it is known.
    #[must_use]
    pub fn images(&self) -> &[Mapped] {
        &self.images
    }

    /// The region that holds this own address.
    #[must_use]
    pub fn region_at(&self, own: u64) -> Option<Region> {
        self.regions.iter().rev().copied().find(|region| own.wrapping_sub(region.own) < region.length)
    }
}

impl Regions for Mm {
    fn newest_first(&self) -> impl Iterator<Item = Region> {
        self.regions.iter().rev().copied()
    }
}

#[cfg(test)]
mod tests {
    use super::{Mm, PAGE};

    #[test]
    fn what_has_grown_is_not_given_out_again() {
        let mut mm = Mm::new(1, 0);
        let own = mm.reserve(PAGE);
        mm.add(0x7000_0000_0000, own, 1000 * PAGE);
        assert!(mm.reserve(PAGE) > own + 1000 * PAGE);
        let next = mm.reserve(PAGE);
        mm.add(0x7100_0000_0000, next - 100 * PAGE, PAGE);
        assert!(mm.reserve(PAGE) > next);
    }
}
