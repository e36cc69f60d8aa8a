//! A loop that makes its calls itself: natively, or stopped by the filter of tier 1.

use std::io;

use super::Kind;
use super::fork_unsafe::Turns;
use super::target_unsafe::Target;
use crate::filter_unsafe::Program;

#[derive(Debug)]
pub struct Plain {
    target: Target,
    buffer: Vec<u8>,
    filter: Option<Program>,
}

impl Plain {
    pub fn new(kind: Kind, traced: bool) -> io::Result<Self> {
        let target = Target::open(kind)?;
        let filter = traced.then(|| Program::new(None, &[]));
        Ok(Self { buffer: target.buffer(), target, filter })
    }
}

impl Turns for Plain {
    fn prepare(&mut self) -> bool {
        self.filter.as_ref().is_none_or(|filter| filter.install().is_ok())
    }

    #[inline(never)]
    fn turn(&mut self) -> bool {
        self.target.call(&mut self.buffer);
        true
    }
}
