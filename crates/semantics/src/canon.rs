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

impl Canon for Identity {
    fn to_leader(&self, value: u64) -> u64 {
        value
    }

    fn to_own(&self, value: u64) -> u64 {
        value
    }
}
