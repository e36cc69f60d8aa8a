//! Random programs: a `syscall`, what follows it, and a way to leave.

use std::ops::Range;

use iced_x86::{
    BlockEncoder, BlockEncoderOptions, Code, Instruction, InstructionBlock, InstructionInfoFactory,
    MemoryOperand, Mnemonic, OpAccess, Register,
};

use crate::instructions::Instructions;
use crate::rng::Rng;

/// Where things are that programs use.
#[derive(Clone)]
pub struct Places {
    /// Of the `syscall`.
    pub site: u64,
    /// Memory for loads and stores.
    pub data: Range<u64>,
    /// `jmp gs:[LEAVE]`, out of reach of short branches.
    pub far_exit: u64,
}

/// A program, and which registers it needs to be as they are.
pub struct Program {
    pub bytes: Vec<u8>,
    /// Offsets of all instructions.
    pub starts: Vec<usize>,
    /// Points into the data.
    pub base: Register,
    /// Counts how often the program may go back.
    pub counter: Register,
    /// Goes back to the system call, and leaves its number alone until then.
    pub repeats_call: bool,
}

/// The registers that programs use for themselves: not those that a system call changes, or that instructions
/// use implicitly.
const OWN: [Register; 9] = [
    Register::RBX,
    Register::RBP,
    Register::RSI,
    Register::RDI,
    Register::R8,
    Register::R9,
    Register::R12,
    Register::R13,
    Register::R15,
];
const LONGEST: u64 = 12;

struct Generator<'a> {
    rng: &'a mut Rng,
    places: &'a Places,
    base: Register,
    counter: Register,
    repeats_call: bool,
    /// A program that returns must find the address at RSP.
    moves_stack: bool,
    /// Each has its index as address, which branches refer to.
    instructions: Vec<Instruction>,
    known: &'a Instructions,
}

/// A random program at `places.site`.
pub fn program(rng: &mut Rng, known: &Instructions, places: &Places) -> Program {
    loop {
        let base = rng.pick(&OWN);
        let counter = rng.pick(&OWN);
        if base == counter {
            continue;
        }
        let (moves_stack, repeats_call) = (rng.one_in(2), rng.one_in(8));
        let instructions = Vec::new();
        let mut generator =
            Generator { rng, places, base, counter, moves_stack, repeats_call, instructions, known };
        generator.generate();
        let block = InstructionBlock::new(&generator.instructions, places.site);
        let options = BlockEncoderOptions::RETURN_NEW_INSTRUCTION_OFFSETS;
        // A displacement may not fit, or a form not exist: then another one.
        if let Ok(encoded) = BlockEncoder::encode(64, block, options) {
            let starts = encoded.new_instruction_offsets.iter().map(|&offset| offset as usize).collect();
            return Program { bytes: encoded.code_buffer, starts, base, counter, repeats_call };
        }
    }
}

impl Generator<'_> {
    fn generate(&mut self) {
        self.push(Instruction::with(Code::Syscall));
        let length = 1 + self.rng.below(LONGEST);
        let goes_back_at_once = self.counter == Register::RBX && self.rng.one_in(4);
        if goes_back_at_once {
            self.go_back(2);
        }
        while (self.instructions.len() as u64) < length {
            let instruction = match self.rng.below(8) {
                0 => self.branch(length),
                1 if self.rng.one_in(4) => self.end_of_flow(length),
                2..5 => self.short(),
                _ => self.plain(),
            };
            self.push(instruction);
        }
        if !goes_back_at_once && self.rng.one_in(4) {
            self.go_back(4);
        }
        self.push(exit());
    }

    fn push(&mut self, mut instruction: Instruction) {
        instruction.set_ip(self.instructions.len() as u64);
        self.instructions.push(instruction);
    }

    /// `dec counter; jnz` to one of the first `reach` instructions.
    fn go_back(&mut self, reach: u64) {
        let counter = Instruction::with1(Code::Dec_rm32, narrow(self.counter));
        self.push(counter.expect("a 32-bit register"));
        let target = self.rng.below(reach).min(self.instructions.len() as u64 - 1);
        let target = if self.repeats_call { 0 } else { target.max(1) };
        self.push(to(Code::Jne_rel32_64, target));
    }

    /// A branch to a later instruction, or out. The encoder makes it as short as it can be.
    fn branch(&mut self, length: u64) -> Instruction {
        if self.rng.one_in(4) {
            use Code::*;
            let code =
                self.rng.pick(&[Loop_rel8_64_RCX, Loope_rel8_64_RCX, Loopne_rel8_64_RCX, Jrcxz_rel8_64]);
            return to(code, self.later(length));
        }
        let code = self.rng.pick(&CONDITIONAL);
        let target = if self.rng.one_in(3) { self.places.far_exit } else { self.later(length) };
        to(code, target)
    }

    fn end_of_flow(&mut self, length: u64) -> Instruction {
        match self.rng.below(6) {
            0 if !self.moves_stack => Instruction::with(Code::Retnq),
            1 => to(Code::Jmp_rel32_64, self.places.far_exit),
            2 => exit(),
            3 => Instruction::with(self.rng.pick(&[Code::Ud2, Code::Hlt])),
            _ => to(Code::Jmp_rel32_64, self.later(length)),
        }
    }

    /// The index of a later instruction; `length` is that of the first one behind all random ones.
    fn later(&mut self, length: u64) -> u64 {
        let next = self.instructions.len() as u64 + 1;
        if next >= length { length } else { next + self.rng.below(length - next + 1) }
    }

    /// An instruction that goes on to the next one, and leaves the program's own registers alone.
    fn plain(&mut self) -> Instruction {
        loop {
            let memory = self.memory();
            let candidate = self.known.random(self.rng, memory, self.moves_stack);
            if let Ok(instruction) = candidate
                && self.leaves_own(&instruction)
            {
                return instruction;
            }
        }
    }

    /// The shortest of some: a window should displace several.
    fn short(&mut self) -> Instruction {
        let candidates: Vec<_> = (0..8).map(|_| self.plain()).collect();
        candidates.into_iter().min_by_key(length).expect("there are some")
    }

    fn leaves_own(&self, instruction: &Instruction) -> bool {
        let loads_stack =
            instruction.mnemonic() == Mnemonic::Pop && instruction.op0_register() == Register::RSP;
        if loads_stack {
            return false;
        }
        let mut factory = InstructionInfoFactory::new();
        factory.info(instruction).used_registers().iter().all(|used| {
            let register = used.register().full_register();
            let reads = matches!(used.access(), OpAccess::Read | OpAccess::CondRead | OpAccess::NoMemAccess);
            let own = register == self.base
                || register == self.counter
                || (register == Register::RSP && !instruction.is_stack_instruction())
                || (register == Register::RAX && self.repeats_call);
            reads || !own
        })
    }

    /// An operand in the data, on the stack, or (which faults) at the bottom of the address space.
    fn memory(&mut self) -> MemoryOperand {
        let small = self.rng.below(256) as i64 - 128;
        match self.rng.below(64) {
            0 => {
                MemoryOperand::new(Register::None, Register::None, 1, small & 0xff, 4, false, Register::None)
            }
            1..16 => MemoryOperand::with_base_displ(Register::RSP, 16 + (small & 0x7f)),
            16..32 => MemoryOperand::with_base_displ(self.base, small * 8),
            32..48 => MemoryOperand::with_base_displ(self.base, small),
            _ => {
                let middle = (self.places.data.start + self.places.data.end) / 2;
                MemoryOperand::with_base_displ(Register::RIP, middle as i64 + small * 8)
            }
        }
    }
}

/// How many bytes an instruction has, at most.
fn length(instruction: &Instruction) -> usize {
    iced_x86::Encoder::new(64).encode(instruction, 0).unwrap_or(15)
}

/// A branch; small numbers as `target` are indices of instructions.
fn to(code: Code, target: u64) -> Instruction {
    Instruction::with_branch(code, target).expect("a branch")
}

/// `jmp gs:[LEAVE]`.
pub fn exit() -> Instruction {
    let leave = crate::cpu_unsafe::LEAVE;
    let slot = MemoryOperand::new(Register::None, Register::None, 1, leave, 4, false, Register::GS);
    Instruction::with1(Code::Jmp_rm64, slot).expect("an indirect jump")
}

/// The low half of a register.
fn narrow(register: Register) -> Register {
    Register::EAX + (register as u32 - Register::RAX as u32)
}

const CONDITIONAL: [Code; 16] = [
    Code::Jo_rel32_64,
    Code::Jno_rel32_64,
    Code::Jb_rel32_64,
    Code::Jae_rel32_64,
    Code::Je_rel32_64,
    Code::Jne_rel32_64,
    Code::Jbe_rel32_64,
    Code::Ja_rel32_64,
    Code::Js_rel32_64,
    Code::Jns_rel32_64,
    Code::Jp_rel32_64,
    Code::Jnp_rel32_64,
    Code::Jl_rel32_64,
    Code::Jge_rel32_64,
    Code::Jle_rel32_64,
    Code::Jg_rel32_64,
];
