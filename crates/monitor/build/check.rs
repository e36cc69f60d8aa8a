//! What may be said of every instruction of the agent by itself.

use iced_x86::{Decoder, DecoderOptions, Instruction, InstructionInfoFactory, Mnemonic, Register};

/// Registers that the entry saves and no others, and each `syscall` ends at one of `gates`.
pub fn instructions(text: &[u8], gates: [u64; 2]) {
    let mut infos = InstructionInfoFactory::new();
    let mut decoder = Decoder::with_ip(64, text, 0, DecoderOptions::NONE);
    let mut instruction = Instruction::default();
    while decoder.can_decode() {
        decoder.decode_out(&mut instruction);
        let at = instruction.ip();
        if instruction.mnemonic() == Mnemonic::Syscall {
            assert!(gates.contains(&instruction.next_ip()), "a syscall outside the gate, at {at:#x}");
        }
        assert!(
            !matches!(instruction.mnemonic(), Mnemonic::Sysenter | Mnemonic::Int | Mnemonic::Ldmxcsr),
            "an instruction that has no place in the agent, at {at:#x}"
        );
        for used in infos.info(&instruction).used_registers() {
            let register = used.register();
            let other = register.is_ymm()
                || register.is_zmm()
                || register.is_k()
                || register.is_mm()
                || register.is_st()
                || (Register::XMM8..=Register::XMM31).contains(&register);
            assert!(!other, "{register:?} is used at {at:#x}, which the entry does not save");
        }
        assert!(instruction.segment_prefix() != Register::FS, "thread-local storage is used at {at:#x}");
    }
}
