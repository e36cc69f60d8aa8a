//! What exec mapped: finding the images, and moving them in a follower.

use stretto_tracee::{Error, Registers, Remote, RemoteCalls, Stopped};

use super::maps::{self, Mapping};
use super::mm::Mm;
use super::stack::{self, Auxv};
use crate::remote::expect;
use crate::result::{Cluster, ImageInfo};

const AT_BASE: u64 = 7;
const AT_ENTRY: u64 = 9;
const AT_PHDR: u64 = 3;
const AT_SYSINFO_EHDR: u64 = 33;
const AT_IGNORE: u64 = 1;
const AT_HWCAP2: u64 = 26;
/// The program may set the gs base without asking the kernel (arch/x86/include/uapi/asm/hwcap2.h).
const HWCAP2_FSGSBASE: u64 = 2;

/// Program and dynamic loader among the mappings of a process that has just called exec.
fn images(memory: Remote, mappings: &[Mapping], auxv: &Auxv) -> Vec<Cluster> {
    let program = auxv.get(AT_PHDR).or_else(|| auxv.get(AT_ENTRY));
    let loader = auxv.get(AT_BASE).filter(|&base| base != 0);
    [program, loader].into_iter().flatten().filter_map(|inside| cluster(memory, mappings, inside)).collect()
}

/// The mappings of the file that holds `inside`, with the anonymous ones between and behind them (.bss).
fn cluster(memory: Remote, mappings: &[Mapping], inside: u64) -> Option<Cluster> {
    let hit = mappings.iter().position(|mapping| (mapping.start..mapping.end).contains(&inside))?;
    let name = mappings[hit].name.clone();
    let own = |mapping: &Mapping| mapping.name == name || mapping.name.is_empty();
    let mut first = hit;
    while first > 0 && mappings[first - 1].name == name {
        first -= 1;
    }
    let mut last = hit;
    while last + 1 < mappings.len()
        && own(&mappings[last + 1])
        && (mappings[last + 1].name == name || mappings[last + 1].start == mappings[last].end)
    {
        last += 1;
    }
    let parts = mappings[first..=last].to_vec();
    let (start, end) = (parts.first()?.start, parts.last()?.end);
    let mut header = [0u8; 18];
    let elf = memory.read(start, &mut header) == 18 && header.starts_with(b"\x7fELF");
    // e_type, ELF-64 header offset 16: 3 = ET_DYN.
    Some(Cluster { start, end, movable: elf && header[16] == 3, parts })
}

/// Takes stock in the leader at its exec stop and hides the vDSO from the program. `takes_gs`: the gs base is the
/// agent's, so the program is not told that it may set it.
///
/// # Errors
/// [`Error::Gone`].
pub fn inspect(stopped: &Stopped, takes_gs: bool) -> Result<ImageInfo, Error> {
    let memory = Remote::new(stopped.tid());
    let registers = stopped.registers()?;
    let mappings = maps::parse(&maps::text(stopped.tid()));
    let holder = mappings
        .iter()
        .find(|mapping| (mapping.start..mapping.end).contains(&registers.rsp))
        .cloned()
        .ok_or(Error::Unexpected("no stack after exec"))?;
    let mut bytes = vec![0; usize::try_from(holder.end - registers.rsp).unwrap_or(0)];
    if memory.read(registers.rsp, &mut bytes) != bytes.len() {
        return Err(Error::Unexpected("the stack can't be read after exec"));
    }
    let mut auxv = Auxv::find(&bytes).ok_or(Error::Unexpected("no auxiliary vector after exec"))?;
    let images = images(memory, &mappings, &auxv);
    auxv.rename(&mut bytes, AT_SYSINFO_EHDR, AT_IGNORE);
    if let Some(may) = auxv.get(AT_HWCAP2).filter(|_| takes_gs) {
        auxv.set(&mut bytes, AT_HWCAP2, may & !HWCAP2_FSGSBASE);
    }
    let _ = memory.write(registers.rsp, &bytes);
    Ok(ImageInfo {
        images,
        stack: holder,
        rsp: registers.rsp,
        stack_bytes: bytes,
        brk: start_brk(stopped.tid()),
    })
}

/// Field 47 of `/proc/PID/stat` (proc_pid_stat(5)).
fn start_brk(tid: i32) -> u64 {
    let text = std::fs::read_to_string(format!("/proc/{tid}/stat")).unwrap_or_default();
    let behind_name = text.rsplit_once(')').map_or("", |(_, rest)| rest);
    behind_name.split_whitespace().nth(44).and_then(|word| word.parse().ok()).unwrap_or(0)
}

/// Gives a follower, stopped at the end of its exec, the leader's stack and images of its own.
///
/// # Errors
/// [`Error::Gone`] if it died; [`Error::Os`] if the kernel refuses a move.
pub fn arrange(
    stopped: Stopped,
    leader: &ImageInfo,
    mm: &mut Mm,
    move_data: bool,
) -> Result<(Stopped, Registers), Error> {
    let memory = Remote::new(stopped.tid());
    let mut registers = stopped.registers()?;
    let mappings = maps::parse(&maps::text(stopped.tid()));
    let mut own_stack = vec![0; 0];
    let holder =
        mappings.iter().find(|mapping| (mapping.start..mapping.end).contains(&registers.rsp)).cloned();
    if let Some(holder) = &holder {
        own_stack.resize(usize::try_from(holder.end - registers.rsp).unwrap_or(0), 0);
        let _ = memory.read(registers.rsp, &mut own_stack);
    }
    let own_auxv = Auxv::find(&own_stack).ok_or(Error::Unexpected("no auxiliary vector after exec"))?;
    let clusters = images(memory, &mappings, &own_auxv);

    // A `syscall` instruction at the entry point, for as long as the moves take.
    let entry = registers.rip;
    let original = stopped.peek(entry)?;
    stopped.poke(entry, original & !0xffff | 0x050f)?;
    let mut calls = RemoteCalls::with_instruction(stopped, &registers, entry + 2);

    for mapping in
        mappings.iter().filter(|mapping| mapping.name.starts_with("[v") && mapping.name != "[vsyscall]")
    {
        calls.call(libc::SYS_munmap, [mapping.start, mapping.length(), 0, 0, 0, 0])?;
    }
    let mut moved_entry = entry;
    let mut moves = Vec::new();
    for (index, cluster) in clusters.iter().enumerate() {
        let Some(counterpart) = leader.images.get(index) else {
            continue;
        };
        if !cluster.movable {
            continue;
        }
        let length = cluster.end - cluster.start;
        // A binary of its own may be larger than the leader's and needs a place of its own.
        let fits = !move_data && length <= counterpart.end - counterpart.start;
        let base = mm.counterpart(counterpart.start).filter(|_| fits).unwrap_or_else(|| mm.reserve(length));
        for part in &cluster.parts {
            let target = base + (part.start - cluster.start);
            let flags = (libc::MREMAP_MAYMOVE | libc::MREMAP_FIXED) as u64;
            let answer =
                calls.call(libc::SYS_mremap, [part.start, part.length(), part.length(), flags, target, 0])?;
            expect("mremap", answer)?;
            if (part.start..part.end).contains(&moved_entry) {
                moved_entry = target + (moved_entry - part.start);
                calls.move_instruction(moved_entry + 2);
            }
        }
        moves.push((cluster.start, cluster.end, base));
        mm.add(counterpart.start, base, cluster.end - cluster.start);
    }

    let (target, bytes) = place_stack(&mut calls, leader, mm, move_data)?;
    if let Some(holder) = holder.filter(|holder| !(holder.start..holder.end).contains(&target)) {
        calls.call(libc::SYS_munmap, [holder.start, holder.length(), 0, 0, 0, 0])?;
    }
    let stopped = calls.finish()?;
    stopped.poke(moved_entry, original)?;
    let relocate = |address: u64| {
        moves
            .iter()
            .find(|(start, end, _)| (*start..*end).contains(&address))
            .map_or(address, |(start, _, base)| base + (address - start))
    };
    let mut bytes = bytes;
    if let Some(mut auxv) = Auxv::find(&bytes) {
        for key in [AT_PHDR, AT_BASE, AT_ENTRY] {
            if let Some(value) = own_auxv.get(key) {
                auxv.set(&mut bytes, key, relocate(value));
            }
        }
    }
    if memory.write(target, &bytes) != bytes.len() {
        return Err(Error::Os { call: "process_vm_writev", errno: libc::EFAULT });
    }
    registers.rsp = target;
    registers.rip = moved_entry;
    mm.start_heap(leader.brk, move_data);
    Ok((stopped, registers))
}

/// Maps a stack and prepares the leader's content for it; returns the stack pointer and the bytes from there.
fn place_stack(
    calls: &mut RemoteCalls,
    leader: &ImageInfo,
    mm: &mut Mm,
    move_data: bool,
) -> Result<(u64, Vec<u8>), Error> {
    let length = leader.stack.length();
    let start = if move_data { mm.reserve(length + (8 << 20)) + (8 << 20) } else { leader.stack.start };
    let flags = libc::MAP_PRIVATE | libc::MAP_ANONYMOUS | libc::MAP_GROWSDOWN | libc::MAP_FIXED;
    let execute = if leader.stack.executable { libc::PROT_EXEC } else { 0 };
    let protection = libc::PROT_READ | libc::PROT_WRITE | execute;
    let answer = calls.call(libc::SYS_mmap, [start, length, protection as u64, flags as u64, u64::MAX, 0])?;
    expect("mmap", answer)?;
    let delta = start.wrapping_sub(leader.stack.start);
    let mut bytes = leader.stack_bytes.clone();
    if delta != 0 {
        stack::rebase(&mut bytes, leader.stack.start..leader.stack.end, delta);
        // The stack may grow down by its limit: what is below belongs to it too.
        let reserve = 8 << 20;
        mm.add(leader.stack.start - reserve, start - reserve, length + reserve);
    }
    Ok((leader.rsp.wrapping_add(delta), bytes))
}
