//! One random program, run as it is and patched.

use iced_x86::{Decoder, DecoderOptions, Encoder, FlowControl, Register};
use stretto_patcher::{LOOK_AHEAD, Patch, Refusal, Site, TRACED, site};

use crate::cpu_unsafe::{Agent, Machine, Processor, STACK};
use crate::generate::{self, Places, Program};
use crate::instructions::Instructions;
use crate::memory_unsafe::Mapping;
use crate::rng::Rng;
use crate::state::{self, Outcome, TRAP_FLAG};

const PAGE: u64 = 4096;
const CHUNK: u64 = 0x1_0000;
/// Two pages of code, one of data, one of stack.
const LENGTH: usize = 4 * PAGE as usize;

/// System calls without effect, and what they give.
pub struct Calls(Vec<(u64, u64)>);

impl Calls {
    pub fn new() -> Self {
        let process = std::process::id().into();
        let parent = std::os::unix::process::parent_id().into();
        let missing = -i64::from(libc::ENOSYS);
        let numbers = [(libc::SYS_getpid, process), (libc::SYS_getppid, parent), (0xffff, missing as u64)];
        Self(numbers.iter().map(|&(number, result)| (number as u64, result)).collect())
    }

    /// The one whose result, taken as a number, gives the same result again.
    fn missing(&self) -> (u64, u64) {
        self.0[self.0.len() - 1]
    }
}

/// What campaigns count.
#[derive(Debug, Default)]
pub struct Counts {
    pub accepted: u32,
    pub boundaries: u32,
    pub redirected: u32,
    pub restored: u32,
    pub faults: u32,
    pub traces: u32,
    pub returns: u32,
    /// Displaced instructions of some kinds.
    pub branches: u32,
    pub rip_relative: u32,
    pub refused: std::collections::BTreeMap<String, u32>,
}

pub struct Trial<'a> {
    machine: &'a mut Machine,
    code: Mapping,
    program: Program,
    site: Site,
    patch: Patch,
    stub: Mapping,
    start: Processor,
    memory: Vec<u8>,
    result: u64,
}

impl<'a> Trial<'a> {
    /// A random program and its patch.
    pub fn random(
        rng: &mut Rng,
        machine: &'a mut Machine,
        known: &Instructions,
        calls: &Calls,
    ) -> Result<Self, Refusal> {
        let (code, places) = memory(rng);
        let program = generate::program(rng, known, &places);
        Self::new(rng, machine, calls, (code, places), program)
    }

    /// A program that goes on with the bytes `follows` (instructions begin at `starts`) behind its system
    /// call.
    pub fn given(
        rng: &mut Rng,
        machine: &'a mut Machine,
        calls: &Calls,
        follows: &[u8],
        starts: &[usize],
    ) -> Result<Self, Refusal> {
        let bytes = [&[0x0f, 0x05], follows, &encoded(&generate::exit())].concat();
        let (base, counter) = (Register::RBP, Register::RBX);
        let program = Program { bytes, starts: starts.to_vec(), base, counter, repeats_call: true };
        let memory = memory(rng);
        Self::new(rng, machine, calls, memory, program)
    }

    fn new(
        rng: &mut Rng,
        machine: &'a mut Machine,
        calls: &Calls,
        (mut code, places): (Mapping, Places),
        program: Program,
    ) -> Result<Self, Refusal> {
        let (begin, data) = (code.address(), places.data);
        code.write(places.far_exit, &encoded(&generate::exit()));
        code.write(places.site, &program.bytes);
        let window = (places.site - begin) as usize..(places.site - begin) as usize + LOOK_AHEAD;
        let site = site(places.site, &code.bytes()[window])?;
        let (patch, stub) = place(rng, &site);

        let mut start = state::random(rng, machine.states());
        let (number, result) = if program.repeats_call { calls.missing() } else { rng.pick(&calls.0) };
        start.registers[0] = number;
        start.registers[STACK] = begin + 3 * PAGE + PAGE / 2;
        start.registers[index(program.base)] = (data.start + data.end) / 2;
        start.registers[index(program.counter)] = 1 + rng.below(3);
        let mut memory = vec![0; 2 * PAGE as usize];
        rng.fill(&mut memory);
        // Where `ret` goes.
        let top = PAGE as usize + PAGE as usize / 2;
        memory[top..top + 8].copy_from_slice(&places.far_exit.to_le_bytes());
        Ok(Self { machine, code, program, site, patch, stub, start, memory, result })
    }

    /// Runs everything that there is to run; says what was different.
    pub fn run(&mut self, rng: &mut Rng, counts: &mut Counts) -> Option<String> {
        let site = self.site.address();
        let native = self.native(site);
        counts.accepted += 1;
        self.count_kinds(counts);
        counts.faults += u32::from(native.fault.is_some());
        for agent in [Agent::Traced, Agent::Done] {
            let patched = self.patched(site, agent, counts);
            if let Some(difference) = native.difference(&patched) {
                return Some(format!("{agent:?}: {difference}"));
            }
        }
        for start in self.program.starts.clone().into_iter().filter(|start| (2..5).contains(start)) {
            let entry = site + start as u64;
            let native = self.native(entry);
            let (before, restored) = (counts.redirected, counts.restored);
            let patched = self.patched(entry, rng.pick(&[Agent::Traced, Agent::Done]), counts);
            counts.boundaries += 1;
            if let Some(difference) = native.difference(&patched) {
                return Some(format!("from +{start}: {difference}"));
            }
            if counts.redirected + counts.restored == before + restored {
                return Some(format!("+{start} does not trap"));
            }
        }
        if let Some(difference) = self.compare_return(rng, &native, counts) {
            return Some(difference);
        }
        if rng.one_in(8) {
            counts.traces += 1;
            return self.compare_traces(rng);
        }
        None
    }

    fn count_kinds(&self, counts: &mut Counts) {
        let displaced = self.patch.copies().iter().map(|&(at, _)| (at - self.patch.address()) as usize);
        for offset in displaced {
            let mut decoder = Decoder::new(64, &self.program.bytes[offset..], DecoderOptions::NONE);
            let instruction = decoder.decode();
            let branch = instruction.flow_control() == FlowControl::ConditionalBranch;
            counts.branches += u32::from(branch);
            counts.rip_relative += u32::from(instruction.is_ip_rel_memory_operand());
        }
    }

    /// For programs that change nothing behind the call: whether RCX and R11 are what the kernel leaves,
    /// natively and both ways out of the stub.
    pub fn leaves_address_and_flags(&mut self) -> [bool; 3] {
        let entry = self.site.address();
        let mut counts = Counts::default();
        let native = self.native(entry);
        let [traced, done] =
            [Agent::Traced, Agent::Done].map(|agent| self.patched(entry, agent, &mut counts));
        [native, traced, done].map(|outcome| {
            let registers = outcome.processor.registers;
            registers[1] == entry + 2 && registers[11] == self.start.flags
        })
    }

    fn native(&mut self, entry: u64) -> Outcome {
        self.prepare(false);
        let processor = self.machine.run(entry, &self.start, Agent::Traced, self.result);
        let fault = self.machine.traps().fault;
        self.outcome(processor, fault)
    }

    fn patched(&mut self, entry: u64, agent: Agent, counts: &mut Counts) -> Outcome {
        self.prepare(true);
        let processor = self.machine.run(entry, &self.start, agent, self.result);
        let traps = self.machine.traps();
        counts.redirected += traps.redirected;
        counts.restored += u32::from(traps.restored);
        self.patched_outcome(processor)
    }

    /// A fault in the stub counts as one in the program.
    fn patched_outcome(&mut self, processor: Processor) -> Outcome {
        let fault = self.machine.traps().fault;
        let fault = fault.map(|(signal, rip)| (signal, self.patch.program_address(rip).unwrap_or(rip)));
        self.outcome(processor, fault)
    }

    /// Writes the program and its memory as they are at the start.
    fn prepare(&mut self, patched: bool) {
        let begin = self.code.address();
        self.code.write(begin + 2 * PAGE, &self.memory);
        let window = if patched { self.patch.window() } else { self.patch.original() };
        self.code.write(self.patch.address(), window);
        let traps = self.machine.traps();
        traps.reset();
        if patched {
            traps.window = self.patch.address()..self.patch.address() + self.site.length() as u64;
            traps.original = self.patch.original().to_vec();
            traps.copies = self.patch.copies().to_vec();
        }
    }

    fn outcome(&self, processor: Processor, fault: Option<(i32, u64)>) -> Outcome {
        let memory = self.code.bytes()[2 * PAGE as usize..].to_vec();
        Outcome { processor, memory, fault }
    }

    /// Takes the patch back when the program is somewhere in the stub: from [`Patch::program_address`] it
    /// must go on as natively.
    fn compare_return(&mut self, rng: &mut Rng, native: &Outcome, counts: &mut Counts) -> Option<String> {
        let place = rng.pick(&self.stub_instructions());
        let to = self.patch.program_address(place).expect("in the stub");
        self.prepare(true);
        self.stub.write(place, &[0xcc]);
        // At the `movabs` RCX is where the system call in the stub ends.
        let link = (place == self.patch.stub() + TRACED + 2).then_some(to);
        self.machine.traps().way_back = Some((place, to, link));
        let processor = self.machine.run(self.site.address(), &self.start, Agent::Traced, self.result);
        counts.returns += u32::from(self.machine.traps().went_back);
        let patched = self.patched_outcome(processor);
        self.stub.write(self.patch.stub(), self.patch.stub_bytes());
        let difference = native.difference(&patched)?;
        Some(format!("back from {place:#x} to {to:#x}: {difference}"))
    }

    fn stub_instructions(&self) -> Vec<u64> {
        let options = DecoderOptions::NONE;
        let decoder = Decoder::with_ip(64, self.patch.stub_bytes(), self.patch.stub(), options);
        decoder.into_iter().map(|instruction| instruction.ip()).collect()
    }

    /// Steps through the program with the trap flag, and compares where it was natively with where
    /// [`Patch::program_address`] says it was.
    fn compare_traces(&mut self, rng: &mut Rng) -> Option<String> {
        let flags = self.start.flags;
        self.start.flags |= TRAP_FLAG;
        let entry = self.site.address();
        self.prepare(false);
        self.machine.run(entry, &self.start, Agent::Traced, self.result);
        let native = self.trace();
        self.prepare(true);
        self.machine.run(entry, &self.start, rng.pick(&[Agent::Traced, Agent::Done]), self.result);
        let patched = self.trace();
        self.start.flags = flags;
        (native != patched).then(|| format!("steps: {native:x?}, {patched:x?}"))
    }

    /// The steps, in terms of the program; what is neither in the program nor in the stub is left out, and
    /// several at one place count as one.
    fn trace(&mut self) -> Vec<u64> {
        let begin = self.code.address();
        let code = begin..begin + 2 * PAGE;
        let steps = std::mem::take(&mut self.machine.traps().steps);
        let mut trace: Vec<u64> = steps
            .iter()
            .filter_map(|&rip| self.patch.program_address(rip).or(code.contains(&rip).then_some(rip)))
            .collect();
        self.machine.traps().steps = steps;
        trace.dedup();
        let site = self.site.address();
        let behind = |at: u64| (at == site).then_some(site + 2);
        trace = trace.into_iter().flat_map(|at| [Some(at), behind(at)]).flatten().collect();
        trace.dedup();
        trace
    }

    /// For messages.
    pub fn describe(&self) -> String {
        format!(
            "site {:#x}: {:02x?}; window {:02x?}; stub {:#x} in chunk {:#x}: {:02x?}",
            self.site.address(),
            self.program.bytes,
            self.patch.window(),
            self.patch.stub(),
            self.stub.address(),
            self.patch.stub_bytes(),
        )
    }
}

/// Memory for a program, and where in it things are: the call is wherever on the first page, or across its
/// end.
fn memory(rng: &mut Rng) -> (Mapping, Places) {
    let code = Mapping::anywhere(rng, LENGTH);
    let begin = code.address();
    let offset = if rng.one_in(4) { PAGE - 1 - rng.below(5) } else { 512 + rng.below(PAGE - 512) };
    let places = Places { site: begin + offset, data: begin + 2 * PAGE..begin + 3 * PAGE, far_exit: begin };
    (code, places)
}

/// Finds a place as the monitor does, though not always the first.
fn place(rng: &mut Rng, site: &Site) -> (Patch, Mapping) {
    let skip = if rng.one_in(2) { 0 } else { rng.below(64) as usize };
    let first = site.chunks().take(skip + 1).last().expect("there are chunks");
    let candidates = std::iter::once(first).chain(site.chunks());
    let mut mapped = candidates.filter_map(|chunk| Mapping::at(chunk, CHUNK as usize));
    let mut mapping = mapped.next().expect("memory is free");
    let chunk = mapping.address();
    // Somewhere in the chunk, if there is room.
    let stub =
        site.place(chunk + rng.below(CHUNK)..chunk + CHUNK).or_else(|| site.place(chunk..chunk + CHUNK));
    let patch = site.patch(stub.expect("place succeeds in chunks")).expect("what is accepted can be patched");
    mapping.write(patch.stub(), patch.stub_bytes());
    (patch, mapping)
}

fn encoded(instruction: &iced_x86::Instruction) -> Vec<u8> {
    let mut encoder = Encoder::new(64);
    encoder.encode(instruction, 0).expect("encodable");
    encoder.take_buffer()
}

fn index(register: Register) -> usize {
    register as usize - Register::RAX as usize
}
