//! How deep the stack of one function gets, and what it calls at which depth.
//!
//! The code is followed from where it is entered, with the depth of the stack at each instruction. Whatever would make
//! that uncertain is an error: a stack pointer that is computed, two depths at one place, a jump through a register.
//! Calls through pointers go to functions whose address is taken, each of them.
//!
//! The agent's entry comes with the program's stack, which must not be used. `mov rsp, ...` from memory begins the
//! agent's own, `pop rsp` ends it. `lea rsp` goes back to where the entry keeps the program's registers. The gate is jumped
//! to, uses no stack and goes on behind the jump.

use std::cell::RefCell;
use std::collections::{BTreeMap, BTreeSet};

use iced_x86::{
    Code as Op, Decoder, DecoderOptions, FlowControl, Instruction, InstructionInfoFactory, Mnemonic,
    OpAccess, OpKind, Register,
};
use stretto_abi::context::FRAME;

/// Bytes on the agent's stack since the function was entered; `None`: this is the program's stack.
type Depth = Option<u64>;

/// Code that begins at address 0.
pub struct Code<'c> {
    text: &'c [u8],
    gate: u64,
    /// Functions whose address is taken.
    taken: BTreeSet<u64>,
    /// Whether functions return; those that are being looked at are believed to.
    returning: RefCell<BTreeMap<u64, bool>>,
}

/// What is known of a function.
#[derive(Debug, Default)]
pub struct Function {
    /// Bytes of stack that it uses itself at most.
    pub deepest: u64,
    /// What it calls, and how deep the stack is at most when it does.
    pub calls: BTreeMap<u64, u64>,
}

impl<'c> Code<'c> {
    /// `in_data`: the functions whose addresses stand in data.
    pub fn new(text: &'c [u8], in_data: &[u64], gate: u64) -> Self {
        let mut taken: BTreeSet<u64> = in_data.iter().copied().collect();
        let all: Vec<Instruction> = Decoder::with_ip(64, text, 0, DecoderOptions::NONE).into_iter().collect();
        for (at, instruction) in all.iter().enumerate() {
            let lea = instruction.mnemonic() == Mnemonic::Lea && instruction.is_ip_rel_memory_operand();
            // Where the gate goes on is no function.
            let goes_on = all.get(at + 1).is_some_and(|next| is_jump_to(next, gate));
            if lea && !goes_on && instruction.ip_rel_memory_address() < text.len() as u64 {
                taken.insert(instruction.ip_rel_memory_address());
            }
        }
        Self { text, gate, taken, returning: RefCell::default() }
    }

    /// The function that begins at `entry`. `own_stack`: it is called; else it is jumped to with the program's stack.
    pub fn function(&self, entry: u64, own_stack: bool) -> Result<Function, String> {
        let mut function = Function::default();
        let mut depths = BTreeMap::new();
        let mut ways = vec![(entry, own_stack.then_some(0))];
        while let Some((at, depth)) = ways.pop() {
            if let Some(other) = depths.insert(at, depth) {
                if other != depth {
                    return Err(format!("{depth:?} and {other:?} bytes of stack at {at:#x}"));
                }
                continue;
            }
            let instruction = self.decode(at)?;
            let after = depth_after(&instruction, depth)?;
            function.deepest = function.deepest.max(depth.unwrap_or(0)).max(after.unwrap_or(0));
            for callee in self.callees(&instruction) {
                let depth = depth.ok_or_else(|| format!("a call on the program's stack at {at:#x}"))?;
                let deepest = function.calls.entry(callee).or_default();
                *deepest = depth.max(*deepest);
            }
            if depth.is_some() && self.ends(&instruction)? {
                continue;
            }
            ways.extend(self.next(&instruction, depth)?.into_iter().map(|next| (next, after)));
        }
        Ok(function)
    }

    /// Whether an instruction calls what never returns, which need not be followed by anything.
    fn ends(&self, instruction: &Instruction) -> Result<bool, String> {
        let calls = instruction.flow_control() == FlowControl::Call && !is_system_call(instruction);
        Ok(calls && !self.returns(instruction.near_branch_target())?)
    }

    fn returns(&self, function: u64) -> Result<bool, String> {
        if let Some(returns) = self.returning.borrow().get(&function) {
            return Ok(*returns);
        }
        self.returning.borrow_mut().insert(function, true);
        let mut seen = BTreeSet::new();
        let mut ways = vec![function];
        let mut returns = false;
        while let Some(at) = ways.pop() {
            let instruction = self.decode(at)?;
            returns |= instruction.flow_control() == FlowControl::Return;
            if seen.insert(at) && !self.ends(&instruction)? && !returns {
                ways.extend(self.next(&instruction, Some(0))?);
            }
        }
        self.returning.borrow_mut().insert(function, returns);
        Ok(returns)
    }

    fn decode(&self, at: u64) -> Result<Instruction, String> {
        let start = usize::try_from(at).ok().filter(|start| *start < self.text.len());
        let start = start.ok_or_else(|| format!("the code goes on at {at:#x}, where there is none"))?;
        let instruction = Decoder::with_ip(64, &self.text[start..], at, DecoderOptions::NONE).decode();
        if instruction.is_invalid() { Err(format!("no instruction at {at:#x}")) } else { Ok(instruction) }
    }

    /// Where the code goes on in the same function.
    fn next(&self, instruction: &Instruction, depth: Depth) -> Result<Vec<u64>, String> {
        if is_jump_to(instruction, self.gate) {
            return Ok(vec![instruction.next_ip()]);
        }
        next(instruction, depth)
    }

    fn callees(&self, instruction: &Instruction) -> Vec<u64> {
        match instruction.flow_control() {
            FlowControl::Call if !is_system_call(instruction) => vec![instruction.near_branch_target()],
            FlowControl::IndirectCall => self.taken.iter().copied().collect(),
            _ => Vec::new(),
        }
    }
}

fn is_jump_to(instruction: &Instruction, place: u64) -> bool {
    instruction.flow_control() == FlowControl::UnconditionalBranch
        && instruction.near_branch_target() == place
}

fn is_system_call(instruction: &Instruction) -> bool {
    instruction.mnemonic() == Mnemonic::Syscall
}

/// The depth behind an instruction.
fn depth_after(instruction: &Instruction, depth: Depth) -> Result<Depth, String> {
    let at = instruction.ip();
    let unclear = || format!("what becomes of rsp at {at:#x} is not clear");
    let to_rsp = instruction.op0_kind() == OpKind::Register && instruction.op0_register() == Register::RSP;
    let own = |depth: Depth| depth.ok_or_else(|| format!("the program's stack is used at {at:#x}"));
    match instruction.mnemonic() {
        Mnemonic::Call | Mnemonic::Ret => return Ok(depth),
        Mnemonic::Mov if to_rsp && instruction.op1_kind() == OpKind::Memory && depth.is_none() => {
            return Ok(Some(0));
        }
        Mnemonic::Lea if to_rsp && depth.is_some() => {
            let below = u64::try_from(instruction.memory_displacement64().cast_signed().wrapping_neg());
            return below.ok().and_then(|below| FRAME.checked_add(below)).map(Some).ok_or_else(unclear);
        }
        Mnemonic::Pop if to_rsp => return own(depth).map(|_| None),
        _ => {}
    }
    let change = match instruction.mnemonic() {
        _ if !writes_rsp(instruction) => return Ok(depth),
        Mnemonic::Sub if to_rsp && is_immediate(instruction) => instruction.immediate(1).cast_signed(),
        Mnemonic::Add if to_rsp && is_immediate(instruction) => -instruction.immediate(1).cast_signed(),
        Mnemonic::Push | Mnemonic::Pushfq | Mnemonic::Pop | Mnemonic::Popfq => {
            -i64::from(instruction.stack_pointer_increment())
        }
        _ => return Err(unclear()),
    };
    own(depth)?.checked_add_signed(change).map(Some).ok_or_else(unclear)
}

fn is_immediate(instruction: &Instruction) -> bool {
    matches!(instruction.op1_kind(), OpKind::Immediate8to64 | OpKind::Immediate32to64)
}

fn writes_rsp(instruction: &Instruction) -> bool {
    let mut infos = InstructionInfoFactory::new();
    let writes = |access| {
        matches!(
            access,
            OpAccess::Write | OpAccess::CondWrite | OpAccess::ReadWrite | OpAccess::ReadCondWrite
        )
    };
    let used = infos.info(instruction).used_registers();
    used.iter().any(|used| used.register().full_register() == Register::RSP && writes(used.access()))
}

/// Where the code goes on, but for the gate.
fn next(instruction: &Instruction, depth: Depth) -> Result<Vec<u64>, String> {
    let at = instruction.ip();
    match instruction.flow_control() {
        FlowControl::Next => Ok(vec![instruction.next_ip()]),
        FlowControl::Call | FlowControl::IndirectCall => Ok(vec![instruction.next_ip()]),
        FlowControl::ConditionalBranch => Ok(vec![instruction.next_ip(), instruction.near_branch_target()]),
        FlowControl::UnconditionalBranch => Ok(vec![instruction.near_branch_target()]),
        // On the program's stack: out of the agent.
        FlowControl::IndirectBranch if depth.is_none() => Ok(Vec::new()),
        FlowControl::Return if depth == Some(0) && instruction.code() == Op::Retnq => Ok(Vec::new()),
        // Both end the program.
        FlowControl::Exception => Ok(Vec::new()),
        FlowControl::Interrupt if instruction.mnemonic() == Mnemonic::Int3 => Ok(Vec::new()),
        _ => Err(format!("where the code goes on at {at:#x} is not clear, {depth:?} bytes deep")),
    }
}
