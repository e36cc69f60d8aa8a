//! What is checked is what happens: the kernel reads the inputs from the record, not from the program's memory.

use core::mem::MaybeUninit;

use stretto_abi::table::NONE;
use stretto_semantics::{Input, input};

use crate::entry::Call;
use crate::sinks_unsafe::{Notes, Writer};

/// Vectors of a call that are redirected; with more, the call is the monitor's.
pub const VECTORS: usize = 16;

/// Vectors (address, length) that point into the record. Not initialised: most calls have none.
pub type Vectors = [MaybeUninit<[u64; 2]>; VECTORS];

/// Redirects the input buffers of `call` to their copies in the record. False: that can't be done.
pub fn redirect(
    call: &Call<'_>,
    args: &mut [u64; 6],
    vectors: &mut Vectors,
    writer: &Writer<'_>,
    notes: &Notes,
) -> bool {
    let count = (0..6).take_while(|&index| call.row.arg(index) != NONE).count();
    (0..6u8).zip(args).take(count).all(|(argument, place)| {
        match input(call.table, call.row.arg(argument.into()), *place) {
            Input::None => true,
            Input::Buffer => notes.parts(argument).next().is_some_and(|at| {
                *place = writer.address(at);
                true
            }),
            Input::Vectors => {
                let found = iovec(argument, vectors, writer, notes);
                if let Some(1..) = found {
                    *place = vectors.as_ptr() as u64;
                }
                found.is_some()
            }
        }
    })
}

/// Parts of vectors come in pairs: the length, and the bytes (`semantics::gather`). How many vectors there are.
fn iovec(argument: u8, vectors: &mut Vectors, writer: &Writer<'_>, notes: &Notes) -> Option<usize> {
    let mut parts = notes.parts(argument);
    let mut count = 0;
    while let Some(length) = parts.next() {
        let bytes = parts.next()?;
        vectors.get_mut(count)?.write([writer.address(bytes), writer.word(length)]);
        count += 1;
    }
    Some(count)
}
