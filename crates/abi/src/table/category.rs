//! The families of calls, as `CATEGORIES` in `python/stretto/syscalls/language.py` numbers them; those that the core asks
//! about.

pub const DESCRIPTOR: u8 = 2;
/// What is mapped.
pub const MEMORY: u8 = 3;
pub const NETWORK: u8 = 6;
/// Who a process is, and what it may do.
pub const IDENTITY: u8 = 8;
