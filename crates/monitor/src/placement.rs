//! Where variants run.

use crate::schedule_unsafe::cpus;

/// The CPUs of a run, shared out among its variants.
#[derive(Clone, Debug)]
pub struct Placement {
    pub variants: usize,
    /// Those that Stretto may use.
    cpus: Vec<usize>,
    /// Each variant and its tracer stay on one CPU.
    pub pinned: bool,
    /// Threads have short slices: whoever lets others run is back soon.
    pub short_slices: bool,
}

impl Placement {
    /// Shares out the CPUs that there are.
    #[must_use]
    pub fn new(variants: usize, pin: bool, short_slices: bool) -> Self {
        let cpus = cpus();
        let pinned = pin && !cpus.is_empty();
        Self { variants, cpus, pinned, short_slices }
    }

    /// The CPU of `variant`; `None`: where the kernel places it.
    ///
    /// Variants beyond the CPUs begin with the last: the leader shares its own with as few as possible. Two followers
    /// on one CPU change places once for each call, a leader and its follower twice.
    #[must_use]
    pub fn cpu(&self, variant: usize) -> Option<usize> {
        self.pinned.then(|| {
            let place = variant % self.cpus.len();
            self.cpus[if variant < self.cpus.len() { place } else { self.cpus.len() - 1 - place }]
        })
    }

    /// Whether `variant` has to share its CPU with another, or may have to.
    #[must_use]
    pub fn shares(&self, variant: usize) -> bool {
        if self.pinned { self.neighbours(variant) != 0 } else { self.variants > self.cpus.len() }
    }

    /// The variants on the CPU of `variant`, but for itself, as bits.
    #[must_use]
    pub fn neighbours(&self, variant: usize) -> u32 {
        (0..self.variants)
            .filter(|&other| self.pinned && other != variant && self.cpu(other) == self.cpu(variant))
            .fold(0, |mask, other| mask | 1 << other)
    }
}

#[cfg(test)]
mod tests {
    use super::Placement;

    fn on(cpus: &[usize], variants: usize, pinned: bool) -> Placement {
        Placement { variants, cpus: cpus.to_vec(), pinned, short_slices: false }
    }

    #[test]
    fn variants_beyond_the_cpus_leave_the_leader_alone_for_as_long_as_they_can() {
        let three = on(&[4, 6], 3, true);
        assert_eq!([0, 1, 2].map(|variant| three.cpu(variant)), [Some(4), Some(6), Some(6)]);
        assert_eq!([0, 1, 2].map(|variant| three.neighbours(variant)), [0, 0b100, 0b010]);
        assert_eq!([0, 1, 2].map(|variant| three.shares(variant)), [false, true, true]);
        let five = on(&[4, 6], 5, true);
        assert_eq!([0, 1, 2, 3, 4].map(|variant| five.cpu(variant).unwrap()), [4, 6, 6, 4, 6]);
    }

    #[test]
    fn where_the_kernel_places_variants_nobody_has_a_neighbour() {
        let free = on(&[4], 2, false);
        assert_eq!((free.cpu(1), free.neighbours(1), free.shares(1)), (None, 0, true));
    }
}
