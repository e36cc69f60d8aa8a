//! The agent of one variant: its code, its plan, the table and the policy, in sealed memory.

use std::fs::File;
use std::io;
use std::sync::atomic::AtomicU32;

use stretto_abi::context::Plan;

use super::blob;
use super::rules::Rule;
use super::sealed_unsafe::sealed;
use crate::filter_unsafe::{Gate, Program};
use crate::placement::Placement;

/// Where agents, contexts and rings lie: below everything that the kernel, the monitor and language runtimes choose
/// (`layout::mm`), and above the shadow memory of AddressSanitizer (up to 0x1000_7fff_8000); 512 GiB for each
/// variant, so that no address is valid in two.
pub const AREAS: u64 = 0x1100_0000_0000;
pub const AREA: u64 = 0x0080_0000_0000;
const PAGE: u64 = 4096;

/// How often a waiting variant looks at most before it sleeps, when it has a CPU of its own: for about as long as the
/// wake-up across CPUs takes that it may save (25-90 us on a virtual machine, measured; a look takes 20 ns). Looking for
/// longer takes the CPU from other processes of its variant (decision 0007). It looks for less where that does not pay
/// (`stretto_agent::wait`).
const LOOKS: u32 = 3000;
/// How often it looks before it lets other processes of its variant run: what it waits for is not as near as it should
/// be, so the other variant's CPU is busy with one of them, too (decision 0006).
const LOOKS_BEFORE_YIELD: u32 = 200;
/// Where the kernel places the variants, two may be on one CPU, and looking keeps the other from answering.
const LOOKS_ANYWHERE: u32 = 100;
/// Where variants share the CPU, each look lets the others run.
const LOOKS_AMONG_NEIGHBOURS: u32 = 64;
/// More often than anybody looks.
const NEVER: u32 = u32::MAX;

/// How often `variant` looks before it sleeps, and how often before it lets others run.
fn looks(placement: &Placement, variant: usize) -> (u32, u32) {
    if placement.neighbours(variant) != 0 {
        (LOOKS_AMONG_NEIGHBOURS, 1)
    } else if placement.pinned {
        (LOOKS, if placement.short_slices { LOOKS_BEFORE_YIELD } else { NEVER })
    } else {
        (LOOKS_ANYWHERE, NEVER)
    }
}

/// The agent of one variant.
#[derive(Debug)]
pub struct Image {
    /// Sealed.
    pub file: File,
    /// Where it is mapped, in every process of the variant.
    pub base: u64,
    /// Bytes of text, in whole pages; the rest is only read.
    pub text: u64,
    /// Bytes in all, in whole pages.
    pub length: u64,
    /// Address of its plan.
    pub plan: u64,
    /// What the variant's filter is.
    pub program: Program,
    /// First address of the variant's area.
    area: u64,
    /// Address of the paths of the monitor's descriptors, see [`Image::path`].
    paths: u64,
}

impl Image {
    /// The agent of `variant`.
    ///
    /// # Errors
    /// If there is no sealed memory.
    pub fn new(
        variant: usize,
        table: &[u8],
        (policy, rules): (&[u8], &[Rule]),
        placement: &Placement,
        key: [u64; 2],
        random: &mut dyn FnMut() -> u64,
    ) -> io::Result<Self> {
        let area = AREAS + variant as u64 * AREA;
        let base = place(area, 1 << 30, random);
        let mut bytes = blob::BYTES.to_vec();
        for &(at, addend) in blob::RELOCATIONS {
            let at = usize::try_from(at).unwrap_or(0);
            bytes[at..at + 8].copy_from_slice(&base.wrapping_add_signed(addend).to_le_bytes());
        }
        let secret = random();
        let (looks, before_yield) = looks(placement, variant);
        let plan_at = aligned(&mut bytes);
        bytes.resize(plan_at + size_of::<Plan>(), 0);
        let table_at = aligned(&mut bytes);
        bytes.extend_from_slice(table);
        let policy_at = aligned(&mut bytes);
        bytes.extend_from_slice(policy);
        let paths_at = aligned(&mut bytes);
        bytes.extend(paths());
        let length = bytes.len().next_multiple_of(4096);
        bytes.resize(length, 0);
        let plan = Plan {
            table: base + table_at as u64,
            table_length: table.len() as u64,
            policy: base + policy_at as u64,
            policy_length: policy.len() as u64,
            secret,
            variant: u32::try_from(variant).unwrap_or(0),
            looks,
            before_yield,
            never: AtomicU32::new(0),
            neighbours: placement.neighbours(variant),
            doorbells: base + length as u64,
            key,
        };
        bytes[plan_at..plan_at + size_of::<Plan>()].copy_from_slice(&plan.bytes());
        let gate = Gate { after: base + blob::GATE_AFTER, secret };
        Ok(Self {
            file: sealed(c"stretto-agent", &bytes)?,
            base,
            text: blob::TEXT.next_multiple_of(PAGE),
            length: length as u64,
            plan: base + plan_at as u64,
            program: Program::new(Some(&gate), rules),
            area,
            paths: base + paths_at as u64,
        })
    }

    /// Address of the path of the monitor's descriptor `fd`, in sealed memory: a path that the program could write would
    /// be changed by another thread while the kernel reads it. `None`: the descriptor's number is too high.
    #[must_use]
    pub fn path(&self, fd: i32) -> Option<u64> {
        let index = usize::try_from(fd).ok().filter(|index| *index < PATHS)?;
        Some(self.paths + (index * PATH) as u64)
    }

    /// Where something of `length` bytes may be put: a random place in the variant's area.
    pub fn place(&self, length: u64, random: &mut dyn FnMut() -> u64) -> u64 {
        place(self.area, length, random)
    }

    /// Offset in the agent's text of an address; `None` if it lies elsewhere.
    #[must_use]
    pub fn offset(&self, address: u64) -> Option<u64> {
        address.checked_sub(self.base).filter(|offset| *offset < blob::TEXT)
    }
}

fn place(area: u64, length: u64, random: &mut dyn FnMut() -> u64) -> u64 {
    area + random() % (AREA - length) / PAGE * PAGE
}

/// Descriptors of the monitor whose path stands in the image, and the room for one.
const PATHS: usize = 1024;
const PATH: usize = 32;

/// `/proc/PID/fd/N` of the monitor's first descriptors.
fn paths() -> impl Iterator<Item = u8> {
    let own = std::process::id();
    (0..PATHS).flat_map(move |fd| {
        let mut path = format!("/proc/{own}/fd/{fd}").into_bytes();
        path.resize(PATH, 0);
        path
    })
}

/// Pads to a cache line; returns the length.
fn aligned(bytes: &mut Vec<u8>) -> usize {
    bytes.resize(bytes.len().next_multiple_of(64), 0);
    bytes.len()
}
