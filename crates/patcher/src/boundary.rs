//! Whether an instruction begins at a place that nobody has been seen to execute.

use iced_x86::{Decoder, DecoderError, DecoderOptions, Instruction};

/// Whether the instructions of a function, decoded one after the other from its beginning, have one that begins at
/// `offset` of `code`. The two bytes of a `syscall` can also be part of another instruction, which a patch would
/// destroy.
#[must_use]
pub fn begins(code: &[u8], offset: usize) -> bool {
    let mut decoder = Decoder::new(64, code, DecoderOptions::NONE);
    let mut instruction = Instruction::default();
    while decoder.can_decode() && decoder.position() < offset {
        decoder.decode_out(&mut instruction);
        if decoder.last_error() != DecoderError::None {
            return false;
        }
    }
    decoder.position() == offset && offset < code.len()
}

#[cfg(test)]
mod tests {
    use super::begins;

    /// `mov eax, 39; syscall; mov eax, 0x050f90; ret`
    const CODE: [u8; 13] = [0xb8, 39, 0, 0, 0, 0x0f, 0x05, 0xb8, 0x90, 0x0f, 0x05, 0, 0xc3];

    #[test]
    fn a_syscall_between_instructions_begins() {
        assert!(begins(&CODE, 5));
    }

    #[test]
    fn a_syscall_in_an_instruction_does_not_begin() {
        assert_eq!(CODE[9..11], CODE[5..7]);
        assert!(!begins(&CODE, 9));
    }

    #[test]
    fn nothing_begins_behind_the_end_or_behind_what_is_no_instruction() {
        assert!(!begins(&CODE, CODE.len()));
        assert!(!begins(&[0x06, 0x0f, 0x05], 1));
    }
}
