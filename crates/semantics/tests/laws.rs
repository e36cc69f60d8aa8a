//! Laws that hold for every description, for any arguments and any memory, however hostile.

use std::path::Path;
use std::process::Command;
use std::sync::LazyLock;

use proptest::prelude::*;
use stretto_abi::table::{CallRow, Table, Who};
use stretto_semantics::{
    Before, Identity, Lookup, Memory, OutSink, Part, Sink, apply, collect, first_difference, gather, lookup,
};

/// The built-in descriptions, compiled by the package beside this crate.
static TABLE: LazyLock<Vec<u8>> = LazyLock::new(|| {
    let package = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../python");
    let python = std::env::var_os("PYO3_PYTHON").unwrap_or_else(|| "python3".into());
    let output = std::env::temp_dir().join(format!("stretto-laws-{}.table", std::process::id()));
    let status = Command::new(python)
        .args(["-m", "stretto.syscalls.compile"])
        .arg(&output)
        .env("PYTHONPATH", package)
        .env("PYTHONDONTWRITEBYTECODE", "1")
        .status();
    assert!(status.is_ok_and(|status| status.success()), "the descriptions can't be compiled");
    let table = std::fs::read(&output).unwrap();
    std::fs::remove_file(output).unwrap();
    table
});

const BASE: u64 = 0x7000_0000;
const SIZE: usize = 2048;
/// Longer streams (thousands of vectors that all lie over each other) prove nothing more.
const LIMIT: usize = 1 << 16;

/// A little memory; nothing else is mapped. It ends after [`PATIENCE`] reads: vectors of vectors that all lie over
/// each other take minutes and prove nothing more.
#[derive(Clone, Debug, PartialEq, Eq)]
struct Small(Vec<u8>, usize);

const PATIENCE: usize = 20_000;

impl Small {
    fn range(&self, address: u64, length: usize) -> std::ops::Range<usize> {
        let start = usize::try_from(address.wrapping_sub(BASE)).unwrap_or(usize::MAX).min(SIZE);
        start..start.saturating_add(length).min(SIZE)
    }
}

impl Memory for Small {
    fn read(&mut self, address: u64, buffer: &mut [u8]) -> usize {
        self.1 += 1;
        if self.1 > PATIENCE {
            return 0;
        }
        let range = self.range(address, buffer.len());
        buffer[..range.len()].copy_from_slice(&self.0[range.clone()]);
        range.len()
    }

    fn write(&mut self, address: u64, data: &[u8]) -> usize {
        let range = self.range(address, data.len());
        self.0[range.clone()].copy_from_slice(&data[..range.len()]);
        range.len()
    }
}

/// Memory before the call, as the leader's tracer has kept it.
struct Kept(Small);

impl Before for Kept {
    fn before(&self, address: u64, buffer: &mut [u8]) -> bool {
        let range = self.0.range(address, buffer.len());
        if range.len() < buffer.len() {
            return false;
        }
        buffer.copy_from_slice(&self.0.0[range]);
        true
    }
}

/// Everything that was gathered or collected.
#[derive(Debug, Default, PartialEq, Eq)]
struct Stream(Vec<u8>);

impl Stream {
    fn append<M: Memory>(&mut self, memory: &mut M, address: u64, length: usize) -> usize {
        if self.0.len() > LIMIT {
            return 0;
        }
        let mut bytes = vec![0; length.min(2 * SIZE)];
        let got = memory.read(address, &mut bytes);
        assert!(got <= bytes.len());
        self.0.extend_from_slice(&bytes[..got]);
        got
    }
}

impl Sink for Stream {
    fn part(&mut self, _: Part) {}

    fn bytes(&mut self, bytes: &[u8]) {
        if self.0.len() <= LIMIT {
            self.0.extend_from_slice(bytes);
        }
    }

    fn fill<M: Memory>(&mut self, memory: &mut M, address: u64, length: usize) -> usize {
        self.append(memory, address, length)
    }

    fn before(&mut self, _: u64, _: &[u8]) {}
}

impl OutSink for Stream {
    fn bytes(&mut self, bytes: &[u8]) {
        if self.0.len() <= LIMIT {
            self.0.extend_from_slice(bytes);
        }
    }

    fn fill<M: Memory>(&mut self, memory: &mut M, address: u64, length: usize) {
        let start = self.0.len();
        self.append(memory, address, length);
        if start <= LIMIT {
            self.0.resize(start + length.min(2 * SIZE), 0);
        }
    }

    fn descriptor(&mut self, _: i32) {}
}

fn gathered(table: &Table<'_>, row: &CallRow, args: &[u64; 6], memory: &mut Small) -> Vec<u8> {
    let mut stream = Stream::default();
    gather(table, &row.args, args, memory, &Identity, &mut stream);
    stream.0
}

fn collected(
    table: &Table<'_>,
    row: &CallRow,
    args: &[u64; 6],
    ret: i64,
    memory: &mut Small,
    before: &Small,
) -> Vec<u8> {
    let mut stream = Stream::default();
    collect(table, &row.args, args, ret, memory, &Kept(before.clone()), &Identity, &mut stream);
    stream.0
}

/// Numbers as programs and attackers pass them: pointers that are valid, small sizes, anything.
fn word() -> impl Strategy<Value = u64> {
    prop_oneof![
        4 => BASE..BASE + SIZE as u64,
        4 => 0u64..64,
        1 => Just(u64::MAX),
        1 => any::<u64>(),
    ]
}

fn memory() -> impl Strategy<Value = Small> {
    proptest::collection::vec(word(), SIZE / 8)
        .prop_map(|words| Small(words.iter().flat_map(|word| word.to_le_bytes()).collect(), 0))
}

fn args() -> impl Strategy<Value = [u64; 6]> {
    proptest::array::uniform6(word())
}

/// The description of a call that these arguments choose, if it has one.
fn row(table: &Table<'_>, nr: u64, args: &[u64; 6], memory: &mut Small) -> Option<CallRow> {
    match lookup(table, nr, args, memory) {
        Lookup::Known(row) if row.who != Who::Refused => Some(row),
        _ => None,
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 3_000, ..ProptestConfig::default() })]

    /// Nothing panics, and the same inputs are gathered from the same memory.
    #[test]
    fn equal_variants_agree(nr in 0u64..480, args in args(), mut memory in memory()) {
        let table = Table::new(&TABLE).unwrap();
        if let Some(row) = row(&table, nr, &args, &mut memory) {
            let first = gathered(&table, &row, &args, &mut memory.clone());
            let second = gathered(&table, &row, &args, &mut memory);
            prop_assert_eq!(first_difference(&first, &second), None);
        }
    }

    /// What is written in the leader arrives in a follower: afterwards both would collect the same.
    #[test]
    fn followers_get_what_the_leader_got(
        nr in 0u64..480, args in args(), mut memory in memory(), noise in memory(), ret in 0i64..SIZE as i64,
    ) {
        let table = Table::new(&TABLE).unwrap();
        let Some(row) = row(&table, nr, &args, &mut memory) else { return Ok(()) };
        memory.1 = 0;
        let before = memory.clone();
        // Where the call writes: what a stream of other bytes changes.
        let blank = collected(&table, &row, &args, ret, &mut memory, &before);
        let inverse: Vec<u8> = blank.iter().map(|byte| !byte).collect();
        let mut touched = before.clone();
        let _ = apply(&table, &row.args, &args, ret, &mut touched, &Identity, &inverse);
        prop_assume!(memory.1 < PATIENCE && touched.1 < PATIENCE);
        let mut leader = before.clone();
        for at in (0..SIZE).filter(|&at| touched.0[at] != before.0[at]) {
            leader.0[at] = noise.0[at];
        }
        let stream = collected(&table, &row, &args, ret, &mut leader, &before);
        prop_assume!(stream.len() <= LIMIT && leader.1 < PATIENCE);
        let mut follower = before.clone();
        if apply(&table, &row.args, &args, ret, &mut follower, &Identity, &stream).is_ok() {
            prop_assume!(follower.1 < PATIENCE);
            follower.1 = 0;
            let again = collected(&table, &row, &args, ret, &mut follower, &before);
            prop_assert_eq!(again, stream, "call {} of {}", nr, table.string(row.name));
        }
    }

    /// A stream that a variant has forged is refused or applied, never worse.
    #[test]
    fn forged_streams_do_no_harm(
        nr in 0u64..480, args in args(), mut memory in memory(), ret in any::<i64>(),
        stream in proptest::collection::vec(any::<u8>(), 0..256),
    ) {
        let table = Table::new(&TABLE).unwrap();
        if let Some(row) = row(&table, nr, &args, &mut memory) {
            let _ = apply(&table, &row.args, &args, ret, &mut memory, &Identity, &stream);
        }
    }
}

/// A byte that differs in what a variant writes is found, wherever it is.
#[test]
fn the_first_different_byte_is_found() {
    let table = Table::new(&TABLE).unwrap();
    let row = table.by_number(1).unwrap(); // write
    let args = [1, BASE + 100, 300, 0, 0, 0];
    let mut leader = Small(vec![7; SIZE], 0);
    let expected = gathered(&table, &row, &args, &mut leader);
    for at in 0..SIZE {
        let mut follower = leader.clone();
        follower.0[at] = 8;
        let seen = gathered(&table, &row, &args, &mut follower);
        let inside = (100..400).contains(&at);
        assert_eq!(first_difference(&expected, &seen).is_some(), inside, "byte {at}");
    }
}
