//! `futex_waitv` and `FUTEX_WAKE`.

use stretto_abi::ring::MAX_VARIANTS;

use super::sync::{Condvar, Mutex, lock, wait};

/// Who sleeps on which two words, by variant. The kernel's lock of a hash bucket, which it holds while it compares
/// the words with what the sleeper has seen, is the mutex.
pub struct Futexes {
    asleep: Mutex<[Option<[usize; 2]>; MAX_VARIANTS]>,
    woken: Condvar,
}

impl Default for Futexes {
    fn default() -> Self {
        Self { asleep: Mutex::new([None; MAX_VARIANTS]), woken: Condvar::new() }
    }
}

impl Futexes {
    /// Sleeps until one of the words at these addresses is woken, if they are `unchanged`.
    pub fn sleep(&self, variant: usize, words: [usize; 2], unchanged: impl FnOnce() -> bool) {
        let mut asleep = lock(&self.asleep);
        if !unchanged() {
            return;
        }
        asleep[variant] = Some(words);
        while asleep[variant].is_some() {
            asleep = wait(&self.woken, asleep);
        }
    }

    /// Wakes all that sleep on the word at `address`.
    pub fn wake(&self, address: usize) {
        for sleeper in lock(&self.asleep).iter_mut() {
            if sleeper.is_some_and(|words| words.contains(&address)) {
                *sleeper = None;
            }
        }
        self.woken.notify_all();
    }
    /// Wakes one that sleeps on the word at `address`.
    pub fn wake_one(&self, address: usize) {
        let mut asleep = lock(&self.asleep);
        let mut sleepers = asleep.iter_mut();
        if let Some(sleeper) = sleepers.find(|words| words.is_some_and(|words| words.contains(&address))) {
            *sleeper = None;
        }
        self.woken.notify_all();
    }
}
