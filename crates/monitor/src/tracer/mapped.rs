//! What the monitor maps into a variant: the agent with its contexts and doorbells, rings, the turns of a process.

use std::os::fd::AsRawFd;

use stretto_abi::context::{SLOT, SLOTS};
use stretto_abi::doorbell::Doorbells;
use stretto_semantics::failed;
use stretto_tracee::{Error, Remote, RemoteCalls};

use super::open::file_identity;
use crate::agent::image::Image;
use crate::agent::ring_memory::{RingMemory, SIZE, writable};
use crate::agent::shared_unsafe::Shared;
use crate::layout::maps;
use crate::layout::mm::Contexts;
use crate::remote::close;
use crate::signals_unsafe::random;

const READ: u64 = libc::PROT_READ as u64;
const WRITE: u64 = libc::PROT_WRITE as u64;
const EXECUTE: u64 = libc::PROT_EXEC as u64;
const SHARED: u64 = libc::MAP_SHARED as u64;
const FIXED: u64 = libc::MAP_FIXED as u64;
const FIXED_NOREPLACE: u64 = libc::MAP_FIXED_NOREPLACE as u64;

/// Opens a descriptor of the monitor's in the tracee, whose path stands at `place`. `None`: that is not possible there (a
/// changed root directory, other rights), or what was opened is something else, which must not be waited for.
fn open_ours(calls: &mut RemoteCalls, fd: i32, mode: i32, place: u64) -> Result<Option<u64>, Error> {
    #[allow(clippy::cast_sign_loss)]
    let flags = (mode | libc::O_CLOEXEC | libc::O_NONBLOCK | libc::O_NOCTTY) as u64;
    #[allow(clippy::cast_sign_loss)] // AT_FDCWD as the kernel reads it
    let answer = calls.call(libc::SYS_openat, [libc::AT_FDCWD as u64, place, flags, 0, 0, 0])?;
    let Ok(opened) = u64::try_from(answer) else { return Ok(None) };
    let ours = file_identity(std::process::id().cast_signed(), fd.into());
    if ours.is_none() || file_identity(calls.tid(), answer) != ours {
        close(calls, opened)?;
        return Ok(None);
    }
    Ok(Some(opened))
}

/// Whether what is mapped from `start` on is what the monitor has as `fd`: the descriptor in the tracee may have been
/// replaced by another thread between its being opened and mapped.
fn maps_ours(tid: i32, start: u64, fd: i32) -> bool {
    let ours = file_identity(std::process::id().cast_signed(), fd.into());
    let mappings = maps::parse(&maps::text(tid));
    let inode = mappings.iter().find(|mapping| mapping.start == start).map(|mapping| mapping.inode);
    ours.is_some_and(|(_, own)| inode == Some(own))
}

/// Maps something of what the monitor has as `ours` with a descriptor that is open for that long; its address.
fn while_open(
    calls: &mut RemoteCalls,
    image: &Image,
    ours: i32,
    map: impl FnOnce(&mut RemoteCalls, u64) -> Result<Option<u64>, Error>,
) -> Result<Option<u64>, Error> {
    let Some(path) = image.path(ours) else { return Ok(None) };
    let Some(fd) = open_ours(calls, ours, libc::O_RDWR, path)? else { return Ok(None) };
    let start = map(calls, fd)?;
    close(calls, fd)?;
    Ok(start)
}

/// Maps code, plan and contexts. `None`: the agent can't be opened there.
pub(super) fn map_agent(
    calls: &mut RemoteCalls,
    image: &Image,
    doorbells: &Shared<Doorbells>,
    scratch: u64,
) -> Result<Option<Contexts>, Error> {
    // Nobody shares the memory of a program that has just begun.
    let path = format!("/proc/{}/fd/{}\0", std::process::id(), image.file.as_raw_fd());
    if Remote::new(calls.tid()).write(scratch, path.as_bytes()) != path.len() {
        return Ok(None);
    }
    let Some(fd) = open_ours(calls, image.file.as_raw_fd(), libc::O_RDONLY, scratch)? else {
        return Ok(None);
    };
    let flags = SHARED | FIXED_NOREPLACE;
    let text = calls.call(libc::SYS_mmap, [image.base, image.text, READ | EXECUTE, flags, fd, 0])?;
    let rest = image.length - image.text;
    let rest = calls.call(libc::SYS_mmap, [image.base + image.text, rest, READ, flags, fd, image.text])?;
    close(calls, fd)?;
    if failed(text) || failed(rest) || !map_doorbells(calls, image, doorbells)? {
        return Ok(None);
    }
    let flags = (libc::MAP_PRIVATE | libc::MAP_ANONYMOUS | libc::MAP_NORESERVE) as u64;
    let slots = map_somewhere(calls, image, SLOT * SLOTS, [READ | WRITE, flags, u64::MAX])?;
    Ok(slots.map(Contexts::new))
}

/// Maps the doorbells where the plan says. Children have them from their parents.
fn map_doorbells(
    calls: &mut RemoteCalls,
    image: &Image,
    doorbells: &Shared<Doorbells>,
) -> Result<bool, Error> {
    let (place, size) = (image.base + image.length, Shared::<Doorbells>::SIZE as u64);
    let flags = SHARED | FIXED_NOREPLACE;
    let mapped = while_open(calls, image, doorbells.descriptor(), |calls, fd| {
        let mapped = calls.call(libc::SYS_mmap, [place, size, READ | WRITE, flags, fd, 0])?;
        Ok((!failed(mapped)).then_some(place))
    });
    Ok(mapped?.is_some())
}

/// Places that are tried.
const ATTEMPTS: usize = 9;

/// Maps something at a random place of the variant's area; its address. With many rings in one memory a place is now
/// and then taken: what lies there must stay.
fn map_somewhere(
    calls: &mut RemoteCalls,
    image: &Image,
    length: u64,
    [protection, flags, fd]: [u64; 3],
) -> Result<Option<u64>, Error> {
    for _ in 0..ATTEMPTS {
        let start = image.place(length, &mut random);
        let arguments = [start, length, protection, flags | FIXED_NOREPLACE, fd, 0];
        let answer = calls.call(libc::SYS_mmap, arguments)?;
        if answer != -i64::from(libc::EEXIST) {
            return Ok((!failed(answer)).then_some(start));
        }
    }
    Ok(None)
}

/// Maps what the monitor has as `ours`, so that children have to do without; its address.
pub(super) fn map_shared(
    calls: &mut RemoteCalls,
    image: &Image,
    ours: i32,
    size: usize,
) -> Result<Option<u64>, Error> {
    let start = while_open(calls, image, ours, |calls, fd| {
        map_somewhere(calls, image, size as u64, [READ | WRITE, SHARED, fd])
    });
    let Some(start) = start? else { return Ok(None) };
    let forgotten = [start, size as u64, libc::MADV_DONTFORK as u64, 0, 0, 0];
    let whole = maps_ours(calls.tid(), start, ours) && !failed(calls.call(libc::SYS_madvise, forgotten)?);
    if !whole {
        calls.call(libc::SYS_munmap, [start, size as u64, 0, 0, 0, 0])?;
    }
    Ok(whole.then_some(start))
}

/// Maps a ring, writable only where this variant is the writer; its address.
pub(super) fn map_ring(
    calls: &mut RemoteCalls,
    image: &Image,
    ring: &RingMemory,
    variant: usize,
) -> Result<Option<u64>, Error> {
    let size = SIZE as u64;
    while_open(calls, image, ring.descriptor(), |calls, fd| {
        let Some(start) = map_somewhere(calls, image, size, [READ, SHARED, fd])? else { return Ok(None) };
        let whole = map_own_parts(calls, start, ring, variant, fd)?;
        if !whole {
            calls.call(libc::SYS_munmap, [start, size, 0, 0, 0, 0])?;
        }
        Ok(whole.then_some(start))
    })
}

/// Makes what this variant writes of a ring writable. False: the ring is not what is mapped from `start` on.
fn map_own_parts(
    calls: &mut RemoteCalls,
    start: u64,
    ring: &RingMemory,
    variant: usize,
    fd: u64,
) -> Result<bool, Error> {
    if !maps_ours(calls.tid(), start, ring.descriptor()) {
        return Ok(false);
    }
    for (offset, length) in writable(variant) {
        let place = [start + offset, length, READ | WRITE, SHARED | FIXED, fd, offset];
        let mapped = !failed(calls.call(libc::SYS_mmap, place)?);
        if !mapped || !maps_ours(calls.tid(), start + offset, ring.descriptor()) {
            return Ok(false);
        }
    }
    // A child has rings of its own. It must not write what its parent reads there.
    let forgotten = [start, SIZE as u64, libc::MADV_DONTFORK as u64, 0, 0, 0];
    Ok(!failed(calls.call(libc::SYS_madvise, forgotten)?))
}
