//! Back-traces of this very process, whole and damaged.

use std::arch::asm;
use std::cell::RefCell;
use std::hint::black_box;

use super::{Frame, Registers, backtrace, symbols};

const LIMIT: usize = 64;

fn maps() -> String {
    std::fs::read_to_string("/proc/self/maps").unwrap()
}

/// This process's memory, read the way a tracee's is.
fn read(address: u64, buffer: &mut [u8]) -> usize {
    stretto_tracee::Remote::new(std::process::id().cast_signed()).read(address, buffer)
}

/// The registers here; what lies on the stack is valid until the caller returns.
#[inline(always)]
fn registers() -> Registers {
    let mut words = [0u64; 8];
    // SAFETY: stores registers into a live array of the right size, and changes no others.
    unsafe {
        asm!(
            "lea {scratch}, [rip]",
            "mov [{words}], {scratch}",
            "mov [{words} + 8], rsp",
            "mov [{words} + 16], rbp",
            "mov [{words} + 24], rbx",
            "mov [{words} + 32], r12",
            "mov [{words} + 40], r13",
            "mov [{words} + 48], r14",
            "mov [{words} + 56], r15",
            scratch = out(reg) _,
            words = in(reg) words.as_mut_ptr(),
        );
    }
    let [rip, rsp, rbp, rbx, r12, r13, r14, r15] = words;
    Registers { rip, rsp, rbp, rbx, r12, r13, r14, r15 }
}

#[inline(never)]
fn innermost(maps: &str) -> Vec<Frame> {
    black_box(backtrace(maps, &registers(), &mut read, LIMIT))
}

#[inline(never)]
fn middle(maps: &str) -> Vec<Frame> {
    // What follows the call keeps it from being a jump.
    let frames = innermost(maps);
    black_box(frames)
}

/// Where a function comes in a back-trace.
fn position(frames: &[Frame], name: &str) -> usize {
    frames
        .iter()
        .position(|frame| frame.symbol.as_ref().is_some_and(|symbol| symbol.contains(name)))
        .unwrap_or_else(|| panic!("no {name} in {frames:#?}"))
}

#[test]
fn callers_are_found_up_to_the_start_of_the_thread() {
    let frames = middle(&maps());
    assert_eq!(position(&frames, "innermost"), 0);
    assert_eq!(position(&frames, "middle"), 1);
    assert!(position(&frames, "callers_are_found") > 1);
    let module = std::env::current_exe().unwrap();
    assert_eq!(frames[0].module.as_deref(), module.to_str());
    assert!(frames.len() < LIMIT, "{frames:#?}");
    assert!(frames.last().unwrap().module.as_ref().unwrap().contains("libc"), "{frames:#?}");
}

#[test]
fn frame_offsets_are_addresses_in_the_file() {
    let frames = middle(&maps());
    let start = (innermost as fn(&str) -> Vec<Frame>) as usize as u64;
    assert_eq!(frames[0].address - frames[0].symbol_offset.unwrap(), start);
    let base = frames[0].address - frames[0].offset.unwrap();
    assert_eq!(base % 4096, 0);
    assert_eq!(frames[1].address - frames[1].offset.unwrap(), base);
}

/// As in followers, whose code lies elsewhere than the kernel had put it.
#[test]
fn moved_images_are_understood() {
    const AWAY: u64 = 0x10_0000_0000;
    let shift = |address: &str| format!("{:x}", u64::from_str_radix(address, 16).unwrap() + AWAY);
    let moved: String = maps()
        .lines()
        .map(|line| {
            let (range, rest) = line.split_once(' ').unwrap();
            let (start, end) = range.split_once('-').unwrap();
            match start.starts_with("ffff") {
                true => String::new(),
                false => format!("{}-{} {rest}\n", shift(start), shift(end)),
            }
        })
        .collect();
    let mut here = registers();
    here.rip += AWAY;
    let frames = backtrace(&moved, &here, &mut read, 1);
    assert_eq!(position(&frames, "moved_images_are_understood"), 0);
}

thread_local! {
    static SEEN: RefCell<Vec<Frame>> = const { RefCell::new(Vec::new()) };
}

extern "C" fn on_signal(_: i32) {
    SEEN.set(innermost(&maps()));
}

#[inline(never)]
fn interrupted() {
    // SAFETY: raising a signal whose handler returns.
    black_box(unsafe { libc::raise(libc::SIGUSR1) });
}

#[test]
fn signal_frames_are_crossed() {
    let handler: extern "C" fn(i32) = on_signal;
    // SAFETY: the handler allocates, but the signal is raised only where that is safe.
    unsafe { libc::signal(libc::SIGUSR1, handler as usize) };
    interrupted();
    let frames = SEEN.take();
    assert!(position(&frames, "on_signal") < position(&frames, "interrupted"));
    assert!(position(&frames, "interrupted") < position(&frames, "signal_frames_are_crossed"));
}

#[test]
fn a_call_through_a_bad_pointer_has_a_caller() {
    let mut here = registers();
    let stack = 0x7fff_0000_0000;
    let caller = here.rip;
    (here.rip, here.rsp, here.rbp) = (0x4141_4141_4141_4141, stack, 0);
    let mut memory = |address: u64, buffer: &mut [u8]| {
        if address != stack {
            return read(address, buffer);
        }
        buffer.copy_from_slice(&caller.to_le_bytes());
        buffer.len()
    };
    let frames = backtrace(&maps(), &here, &mut memory, 2);
    assert_eq!((frames[0].address, frames[0].module.as_ref()), (here.rip, None));
    assert_eq!(position(&frames, "a_call_through_a_bad_pointer"), 1);
}

#[test]
fn nothing_is_known_without_maps() {
    let here = registers();
    let frames = backtrace("", &here, &mut read, LIMIT);
    let address = here.rip;
    assert_eq!(frames, [Frame { address, module: None, offset: None, symbol: None, symbol_offset: None }]);
    assert!(backtrace(&maps(), &here, &mut read, 0).is_empty());
}

/// A generator of repeatable noise (xorshift64).
struct Noise(u64);

impl Noise {
    fn next(&mut self) -> u64 {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        self.0
    }

    fn below(&mut self, limit: usize) -> usize {
        usize::try_from(self.next() % limit as u64).unwrap()
    }
}

#[test]
fn noise_in_registers_maps_and_memory_does_no_harm() {
    let (maps, mut noise) = (maps(), Noise(1));
    for _ in 0..200 {
        let mut here = registers();
        let mut text = maps.clone().into_bytes();
        for _ in 0..noise.below(40) {
            let at = noise.below(text.len());
            text[at] = noise.next().to_le_bytes()[0];
        }
        if noise.below(2) == 0 {
            here = Registers { rip: noise.next(), rsp: noise.next(), rbp: noise.next(), ..here };
        }
        let mut memory = |address: u64, buffer: &mut [u8]| {
            buffer.fill_with(|| noise.next().to_le_bytes()[0]);
            buffer.len().min(address as usize)
        };
        let frames = backtrace(&String::from_utf8_lossy(&text), &here, &mut memory, LIMIT);
        assert!(frames.len() <= LIMIT);
    }
}

/// The C library: its bytes, and lines of maps as if it was mapped at `base` from a file that is gone, so that
/// `read` comes to serve it.
fn library(base: u64) -> (Vec<u8>, String) {
    let maps = maps();
    let lines = || maps.lines().filter(|line| line.contains("/libc.so"));
    let path = lines().next().and_then(|line| line.split_whitespace().last()).unwrap();
    let moved = lines().map(|line| {
        let words: Vec<&str> = line.split_whitespace().collect();
        let [from, to] = [0, 1].map(|end| words[0].split('-').nth(end).unwrap());
        let [from, to, offset] = [from, to, words[2]].map(|word| u64::from_str_radix(word, 16).unwrap());
        let start = base + offset;
        format!("{start:x}-{:x} {} {offset:x} 00:00 0 [image]\n", start + (to - from), words[1])
    });
    (std::fs::read(path).unwrap(), moved.collect())
}

/// Damages the tables of a real file, at every depth of what reads them.
#[test]
fn noise_in_files_does_no_harm() {
    const BASE: u64 = 0x7000_0000_0000;
    let (whole, maps) = library(BASE);
    let mut noise = Noise(7);
    let (mut named, mut unwound) = (0, 0);
    for round in 0..300 {
        let mut image = whole.clone();
        let (damaged, count) = match round % 3 {
            0 => (0..image.len(), 0),
            1 => (0..1024, 20),
            _ => (0..image.len(), 100_000),
        };
        for _ in 0..count {
            let at = damaged.start + noise.below(damaged.len());
            image[at] = noise.next().to_le_bytes()[0];
        }
        let mut memory = |address: u64, buffer: &mut [u8]| {
            let offset = address.checked_sub(BASE).and_then(|offset| usize::try_from(offset).ok());
            let rest = offset.and_then(|offset| image.get(offset..)).unwrap_or_default();
            let got = rest.len().min(buffer.len());
            buffer[..got].copy_from_slice(&rest[..got]);
            got
        };
        let rip = BASE + noise.next() % whole.len() as u64;
        let here = Registers { rip, rsp: BASE, rbp: BASE + 64, ..Registers::default() };
        let frames = backtrace(&maps, &here, &mut memory, 8);
        assert!((1..=8).contains(&frames.len()));
        // The symbol table is never mapped, so it is asked for directly.
        named += usize::from(symbols::find(&image, rip - BASE).is_some());
        unwound += usize::from(frames.len() > 1);
    }
    // Most of the file is code, and most of the code is known to its tables.
    assert!(named > 20, "{named} of 300 were named");
    assert!(unwound > 30, "{unwound} of 300 were unwound");
}
