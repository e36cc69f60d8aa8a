//! What is checked is what happens: the kernel reads the inputs from the record, not from the program's memory.

use stretto_abi::table::{DIR_IN, Kind, NONE};

use crate::entry::Call;
use crate::sinks_unsafe::Writer;

/// Vectors of a call that are redirected; with more, the call is the monitor's.
const VECTORS: usize = 16;

/// Arguments that point into the record.
#[derive(Clone, Copy, Debug)]
pub struct Redirected {
    pub args: [u64; 6],
    vectors: [[u64; 2]; VECTORS],
}

impl Redirected {
    /// The arguments as the program gave them.
    pub fn new(args: [u64; 6]) -> Self {
        Self { args, vectors: [[0; 2]; VECTORS] }
    }

    /// Redirects every input buffer of `call` to its copy in the record. False: that can't be done.
    pub fn redirect(&mut self, call: &Call<'_>, writer: &Writer<'_>) -> bool {
        (0..6u8).all(|argument| self.argument(argument, call, writer))
    }

    fn argument(&mut self, argument: u8, call: &Call<'_>, writer: &Writer<'_>) -> bool {
        let index = usize::from(argument);
        let (Some(&node), Some(&value)) = (call.row.args.get(index), call.args.get(index)) else {
            return true;
        };
        let Some(node) = call.table.node(node).filter(|_| node != NONE) else { return true };
        if node.kind != Kind::Ptr || value == 0 || node.dir != DIR_IN {
            return true;
        }
        match call.table.node(node.a).map(|target| target.kind) {
            Some(Kind::Bytes | Kind::CStr) => match (writer.parts(argument).next(), self.args.get_mut(index)) {
                (Some(at), Some(place)) => {
                    *place = writer.address(at);
                    true
                }
                _ => false,
            },
            Some(Kind::Iovec) => self.iovec(argument, index, writer),
            _ => true,
        }
    }

    /// Parts of vectors come in pairs: the length, and the bytes (`semantics::gather`).
    fn iovec(&mut self, argument: u8, index: usize, writer: &Writer<'_>) -> bool {
        let mut count = 0;
        for (number, at) in writer.parts(argument).enumerate() {
            let Some(vector) = self.vectors.get_mut(number / 2) else { return false };
            match number % 2 {
                0 => vector[1] = writer.word(at),
                _ => vector[0] = writer.address(at),
            }
            count = number + 1;
        }
        let address = self.vectors.as_ptr() as u64;
        if let Some(place) = self.args.get_mut(index).filter(|_| count > 0) {
            *place = address;
        }
        count % 2 == 0
    }
}
