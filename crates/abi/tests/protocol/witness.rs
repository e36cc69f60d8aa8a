//! What must never happen. Nobody in the protocol sees it: its atomics are no part of the model.

use std::sync::Mutex;
use std::sync::atomic::{AtomicU32, Ordering::SeqCst};

use stretto_abi::ring::{Head, MAX_VARIANTS, Phase};

use super::call::Call;
use super::monitor::Arrival;

#[derive(Debug, Default)]
pub struct Witness {
    /// Calls executed so far, by whomever.
    executed: AtomicU32,
    /// By variant: calls up to the last that it has compared with the leader's.
    checked: [AtomicU32; MAX_VARIANTS],
    /// Calls that the leader took back.
    cancelled: Mutex<Vec<u32>>,
    /// Calls to which a follower did not agree.
    refused: Mutex<Vec<u32>>,
    /// Calls that ended in the monitor.
    slow: AtomicU32,
}

impl Witness {
    /// The leader executes a call that all of `followers` (bits) must have checked.
    pub fn executes(&self, call: &Call, followers: u32) {
        assert_eq!(
            self.executed.fetch_add(1, SeqCst),
            call.number,
            "{call:?} is not the next to be executed"
        );
        for follower in (1..MAX_VARIANTS).filter(|follower| followers & 1 << follower != 0) {
            let checked = self.checked[follower].load(SeqCst);
            assert_eq!(checked, call.number + 1, "{call:?} executed unchecked by {follower}");
        }
    }

    /// A follower has found the leader's inputs to be its own.
    pub fn checks(&self, follower: usize, call: &Call) {
        self.checked[follower].store(call.number + 1, SeqCst);
    }

    /// A follower has not. All variants run the same program, so this may only be a record that is being taken back:
    /// the tag behind it is cleared before its own tag changes.
    pub fn disagrees(&self, call: &Call, head: &Head) {
        assert_eq!((head.nr, head.phase), (call.nr(), Phase::Published), "{call:?}: another record");
        self.refused.lock().unwrap().push(call.number);
    }

    /// A follower goes to the monitor because the leader is there. The monitor would hand out records that it has not
    /// read, but that would be slow.
    pub fn leaves(&self, unread: Option<Head>) {
        assert_eq!(unread, None, "a record was overlooked");
    }

    pub fn cancels(&self, call: &Call) {
        self.cancelled.lock().unwrap().push(call.number);
    }

    /// All variants are in the monitor.
    pub fn meet(&self, mut arrivals: impl Iterator<Item = Arrival>) {
        match arrivals.next() {
            Some(Arrival::Call { number, done }) => {
                let alike =
                    |other| matches!(other, Arrival::Call { number: its, done: false } if its == number);
                assert!(arrivals.all(alike), "somebody has not come with call {number}");
                let executed = if done { number + 1 } else { number };
                assert_eq!(self.executed.swap(number + 1, SeqCst), executed, "call {number} executed twice");
                self.slow.fetch_add(1, SeqCst);
            }
            _ => assert!(
                arrivals.all(|other| matches!(other, Arrival::Point)),
                "a call, and a signal behind one"
            ),
        }
    }

    /// After `calls`: everything happened once, and nobody disagreed for no reason.
    pub fn settle(&self, calls: u32) {
        assert_eq!(self.executed.load(SeqCst), calls, "calls are missing");
        let cancelled = self.cancelled.lock().unwrap();
        let refused = self.refused.lock().unwrap();
        assert!(
            refused.iter().all(|call| cancelled.contains(call)),
            "{refused:?} refused, {cancelled:?} taken back"
        );
    }

    /// Calls that ended in the monitor, and records taken back.
    pub fn detours(&self) -> (u32, usize) {
        (self.slow.load(SeqCst), self.cancelled.lock().unwrap().len())
    }
}
