/// Addresses of one variant and addresses of the leader.
pub trait Canon {
    /// What the leader has at the place of this variant's `value`.
    fn to_leader(&self, value: u64) -> u64;
    /// What this variant has at the place of the leader's `value`.
    fn to_own(&self, value: u64) -> u64;
}

/// The leader itself.
#[derive(Clone, Copy, Debug)]
pub struct Identity;

impl Regions for Identity {
    fn newest_first(&self) -> impl Iterator<Item = Region> {
        core::iter::empty()
    }
}

/// A range that lies at different addresses in leader and follower.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Region {
    pub leader: u64,
    pub own: u64,
    pub length: u64,
}

/// Ranges that lie apart, in the order in which they were made: the last one that fits counts.
pub trait Regions {
    /// All of them, newest first.
    fn newest_first(&self) -> impl Iterator<Item = Region>;
}

impl<R: Regions> Canon for R {
    /// An address that is the leader's own code address, seen in a follower, is no equal: it is a leaked one.
    /// It is answered with a value that can't agree.
    fn to_leader(&self, value: u64) -> u64 {
        let own = self.newest_first().find(|region| value.wrapping_sub(region.own) < region.length);
        if let Some(region) = own {
            return region.leader.wrapping_add(value.wrapping_sub(region.own));
        }
        let leaked = self.newest_first().any(|region| value.wrapping_sub(region.leader) < region.length);
        if leaked { value ^ 1 << 63 } else { value }
    }

    fn to_own(&self, value: u64) -> u64 {
        self.newest_first()
            .find(|region| value.wrapping_sub(region.leader) < region.length)
            .map_or(value, |region| region.own.wrapping_add(value.wrapping_sub(region.leader)))
    }
}
