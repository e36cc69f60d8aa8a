//! Where things lie in each variant's address space.

pub mod image;
pub mod maps;
pub mod mm;
pub mod patches;
pub mod stack;
