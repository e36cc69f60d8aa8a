//! How much stack the deepest chain of calls needs.
//!
//! Recursion is an error, but for functions that count how deep they are: no more than so many of them are active at
//! once. Between two of them lies each other function of their circle at most once.

use std::collections::{BTreeMap, BTreeSet};

use crate::stack::{Code, Function};

/// What a function may use below its stack pointer (System V ABI, AMD64 supplement, 3.2.2).
const RED_ZONE: u64 = 128;
/// A return address.
const WORD: u64 = 8;

/// All functions that an entry reaches.
pub struct Calls {
    functions: BTreeMap<u64, Function>,
    /// What each function reaches in one call or more.
    reached: BTreeMap<u64, BTreeSet<u64>>,
    /// Functions that count how deep they are, and how many of one may be active.
    counting: BTreeSet<u64>,
    limit: u64,
}

impl Calls {
    /// Follows the code that the program jumps to at `entry`.
    pub fn new(code: &Code<'_>, entry: u64, counting: &[u64], limit: u64) -> Result<Self, String> {
        let mut functions = BTreeMap::new();
        let mut open = vec![entry];
        while let Some(at) = open.pop() {
            if functions.contains_key(&at) {
                continue;
            }
            let function = code.function(at, at != entry)?;
            open.extend(function.calls.keys());
            functions.insert(at, function);
        }
        let reached = functions.keys().map(|at| (*at, reached(&functions, *at, &BTreeSet::new()))).collect();
        Ok(Self { functions, reached, counting: counting.iter().copied().collect(), limit })
    }

    /// Bytes of stack that are used at most from `entry` on.
    pub fn need(&self, entry: u64) -> Result<u64, String> {
        Ok(self.of(entry, &mut BTreeMap::new())? + RED_ZONE)
    }

    fn of(&self, at: u64, known: &mut BTreeMap<u64, u64>) -> Result<u64, String> {
        if let Some(need) = known.get(&at) {
            return Ok(*need);
        }
        let circle = self.circle(at);
        let around = self.around(&circle)?;
        let mut deepest = 0;
        for function in circle.iter().map(|at| &self.functions[at]) {
            deepest = deepest.max(function.deepest);
            for (callee, depth) in function.calls.iter().filter(|(callee, _)| !circle.contains(callee)) {
                deepest = deepest.max(depth + WORD + self.of(*callee, known)?);
            }
        }
        circle.iter().for_each(|at| _ = known.insert(*at, around + deepest));
        Ok(around + deepest)
    }

    /// The functions that call each other, `at` among them; `at` alone if it does not recur.
    fn circle(&self, at: u64) -> BTreeSet<u64> {
        let back = self.reached[&at].iter().filter(|other| self.reached[other].contains(&at));
        back.copied().chain([at]).collect()
    }

    /// Bytes that the calls in a circle take at most.
    fn around(&self, circle: &BTreeSet<u64>) -> Result<u64, String> {
        let counting: BTreeSet<u64> = circle.intersection(&self.counting).copied().collect();
        if let Some(at) = circle.iter().find(|at| reached(&self.functions, **at, &counting).contains(at)) {
            return Err(format!("recursion through {at:#x}"));
        }
        if counting.len() > 1 {
            return Err(format!("recursion through more than one function that counts: {counting:x?}"));
        }
        let calls = circle.iter().flat_map(|at| {
            let calls = self.functions[at].calls.iter();
            calls.filter(|(callee, _)| circle.contains(callee)).map(|(_, depth)| depth + WORD).max()
        });
        Ok((self.limit + 1) * calls.sum::<u64>())
    }
}

/// What `from` reaches in one call or more, none of them through one of `without`.
fn reached(functions: &BTreeMap<u64, Function>, from: u64, without: &BTreeSet<u64>) -> BTreeSet<u64> {
    let mut found = BTreeSet::new();
    let mut open = vec![from];
    while let Some(at) = open.pop() {
        if without.contains(&at) {
            continue;
        }
        let new = functions[&at].calls.keys().filter(|callee| found.insert(**callee));
        open.extend(new.copied().collect::<Vec<u64>>());
    }
    found
}
