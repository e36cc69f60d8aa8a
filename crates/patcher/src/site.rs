//! A place in the program that can be patched, and where its stub may be.

use core::ops::Range;

use crate::displaced::Window;
use crate::patch::Bytes;
use crate::placement::Condition;
use crate::relocate::distance;
use crate::stub;
use crate::{JUMP, LOOK_AHEAD, Patch, Refusal};

/// Where programs have memory: not in the first 64 KiB (vm.mmap_min_addr) or the last of the lower half.
const USER: Range<u64> = 0x1_0000..0x7fff_ffff_0000;
/// Length and alignment of a chunk.
const CHUNK: u64 = 0x1_0000;
/// No stubs nearer than that: mappings of the object itself, and what the loader puts beside it.
const NEAREST: u64 = 16 << 20;
const FARTHEST_BELOW: u64 = 2 << 30;
/// The displacements with the greatest trapping top byte (6f) end here.
const FARTHEST_ABOVE: u64 = 7 << 28;

/// A `syscall` instruction that can be turned into a jump.
#[derive(Clone, Debug)]
pub struct Site {
    address: u64,
    original: Vec<u8>,
    window: Window,
    condition: Condition,
    /// Addresses of stubs from which everything that the copies refer to can be reached (both ends included).
    reach: (u64, u64),
}

/// Looks at the `syscall` instruction at `address`. `code` has the bytes from there on: as many as can be
/// read in the same mapping, up to [`LOOK_AHEAD`].
pub fn site(address: u64, code: &[u8]) -> Result<Site, Refusal> {
    let code = &code[..code.len().min(LOOK_AHEAD)];
    if !USER.contains(&address) || !USER.contains(&(address + LOOK_AHEAD as u64)) {
        return Err(Refusal::NotAUserAddress { at: address });
    }
    if !code.starts_with(&[0x0f, 0x05]) {
        return Err(Refusal::NotASyscall { at: address });
    }
    let window = Window::decode(address, code)?;
    let condition = Condition::new(window.constrained());
    let reach = reach(address, &window);
    Ok(Site { address, original: code[..window.length].to_vec(), window, condition, reach })
}

impl Site {
    /// Address of the `syscall` instruction.
    pub fn address(&self) -> u64 {
        self.address
    }

    /// How many bytes of the program the patch overwrites: 5 or more.
    pub fn length(&self) -> usize {
        self.original.len()
    }

    /// These bytes, as they were.
    pub fn original(&self) -> &[u8] {
        &self.original
    }

    /// How many bytes the stub has.
    pub fn stub_length(&self) -> usize {
        stub::length(&self.window)
    }

    /// Whether the stub can be at `stub`: the jump and all that the copies refer to are in reach, and the
    /// bytes of the jump that must trap do.
    pub fn accepts(&self, stub: u64) -> bool {
        let (lowest, highest) = self.reach;
        (lowest..=highest).contains(&stub) && self.rel(stub).is_some_and(|rel| self.condition.holds(rel))
    }

    /// The lowest address in `free` that is accepted and has room for the stub.
    pub fn place(&self, free: Range<u64>) -> Option<u64> {
        let (lowest, highest) = self.reach;
        let last = free.end.checked_sub(self.stub_length() as u64)?.min(highest);
        let from = free.start.max(lowest);
        if from > last {
            return None;
        }
        let rel = self.condition.next(self.rel(from)?)?;
        let stub = self.jump_end().checked_add_signed(rel.into())?;
        (stub <= last).then_some(stub)
    }

    /// Chunks (64 KiB long and aligned) in which [`Site::place`] finds a place, in order of preference: below
    /// the site from 16 MiB to 2 GiB away, nearest first, then above it from 1.75 GiB down to 16 MiB away, as
    /// heaps grow upwards.
    pub fn chunks(&self) -> impl Iterator<Item = u64> {
        let below =
            chunks_in(self.address.saturating_sub(FARTHEST_BELOW)..self.address.saturating_sub(NEAREST));
        let above = chunks_in(self.address + NEAREST..self.address + FARTHEST_ABOVE);
        below.chain(above).filter(|&chunk| self.place(chunk..chunk + CHUNK).is_some())
    }

    /// The patch with the stub at `stub`.
    pub fn patch(&self, stub: u64) -> Result<Patch, Refusal> {
        let wrong = Refusal::WrongPlace { at: self.address, stub };
        if !self.accepts(stub) {
            return Err(wrong);
        }
        let mut window = vec![0xe9];
        window.extend(distance(self.jump_end(), stub).ok_or(wrong)?);
        window.resize(self.length(), 0xcc);
        let stub_text = stub::build(self.address, &self.window, stub)?;
        let bytes = Bytes { original: self.original.clone(), window, heads: self.window.heads() };
        Ok(Patch::new(self.address, bytes, stub, stub_text))
    }

    /// Displacement of the jump to `stub`.
    fn rel(&self, stub: u64) -> Option<i32> {
        distance(self.jump_end(), stub).map(i32::from_le_bytes)
    }

    fn jump_end(&self) -> u64 {
        self.address + JUMP as u64
    }
}

/// The chunks that lie in `range` and where programs have memory, highest first.
fn chunks_in(range: Range<u64>) -> impl Iterator<Item = u64> {
    let first = range.start.max(USER.start).div_ceil(CHUNK);
    let end = range.end.min(USER.end) / CHUNK;
    (first..end).rev().map(|index| index * CHUNK)
}

/// Where a stub is reached, and reaches all that its copies and its jump back refer to: 2 GiB from there,
/// less its own length, as displacements count from the end of the instruction that has them.
fn reach(address: u64, window: &Window) -> (u64, u64) {
    const BELOW: u64 = i32::MAX as u64;
    let above = (1 << 31) - stub::length(window) as u64;
    let outside =
        window.displaced.iter().filter(|displaced| window.inner_target(address, displaced).is_none());
    let references = outside.filter_map(|displaced| displaced.kind.reference());
    let back = address + window.length as u64;
    let (mut lowest, mut highest) = (USER.start, USER.end);
    for target in references.chain([address + JUMP as u64, back]) {
        lowest = lowest.max(target.saturating_sub(BELOW));
        highest = highest.min(target.saturating_add(above));
    }
    (lowest, highest)
}
