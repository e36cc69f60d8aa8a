//! A record's payload as bytes.

use stretto_abi::ring::{Cursor, Ring};

fn place(ring: &Ring, cursor: Cursor, from: usize, length: usize) -> *const u8 {
    let start = Ring::payload(cursor) * 8 + from;
    assert!(start + length <= 8 * ring.data.len(), "a payload beyond the ring");
    ring.data.as_ptr().cast::<u8>().wrapping_add(start)
}

/// Bytes that the leader has published.
pub fn bytes(ring: &Ring, cursor: Cursor, from: usize, length: usize) -> &[u8] {
    // SAFETY: within the records. The leader does not change a record before all followers are done with it; what it
    // wrote comes before its tag, with acquire and release in between.
    unsafe { std::slice::from_raw_parts(place(ring, cursor, from, length), length) }
}

/// Writes to a record that has not been published; only the leader does.
pub fn put(ring: &Ring, cursor: Cursor, from: usize, data: &[u8]) {
    // SAFETY: within the records, whose words are atomics, so interior mutable; nobody else looks at this record, and
    // `data` is no part of it.
    unsafe {
        let to = place(ring, cursor, from, data.len()).cast_mut();
        std::ptr::copy_nonoverlapping(data.as_ptr(), to, data.len());
    }
}
