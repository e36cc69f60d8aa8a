//! Where a call is checked: one byte for every row of the table, as `python/stretto/policy.py` writes it.

/// Where a call is checked.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(u8)]
pub enum Mode {
    /// All variants stop in the monitor.
    Monitored = 0,
    /// In the process; the leader asks the monitor, which sees that every follower has agreed.
    Approved = 1,
    /// In the process; the leader executes when every follower has agreed.
    Lockstep = 2,
    /// In the process; the leader executes at once.
    Ahead = 3,
}

/// The mode of a row; what the policy does not speak of is monitored.
#[must_use]
pub fn mode(policy: &[u8], row: u32) -> Mode {
    match policy.get(row as usize) {
        Some(1) => Mode::Approved,
        Some(2) => Mode::Lockstep,
        Some(3) => Mode::Ahead,
        _ => Mode::Monitored,
    }
}
