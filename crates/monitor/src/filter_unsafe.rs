//! The seccomp filter: every system call stops at the tracer, but for those that the agent makes at its gate.

use std::io;

use crate::agent::rules::{Alternatives, Rule};

// Offsets in struct seccomp_data (include/uapi/linux/seccomp.h).
const NR: u32 = 0;
const ARCH: u32 = 4;
const INSTRUCTION_POINTER: u32 = 8;
const ARGUMENTS: u32 = 16;

const ARCH_X86_64: u32 = 0xc000_003e;
const RET_TRACE: u32 = 0x7ff0_0000;
const RET_ERRNO: u32 = 0x0005_0000;
const RET_NOTIFY: u32 = 0x7fc0_0000;
const RET_ALLOW: u32 = 0x7fff_0000;

/// The only `syscall` instruction that may pass.
#[derive(Clone, Copy, Debug)]
pub struct Gate {
    /// The address behind it, which is what filters see.
    pub after: u64,
    /// What the last argument register holds.
    pub secret: u64,
}

/// A filter.
#[derive(Clone)]
pub struct Program {
    /// Every call that the monitor has to see stops its thread.
    stopping: Vec<libc::sock_filter>,
    /// Calls that only have to be approved ask for that. The kernel may not take it.
    asking: Option<Vec<libc::sock_filter>>,
}

impl std::fmt::Debug for Program {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Program").field("instructions", &self.stopping.len()).finish()
    }
}

#[allow(clippy::cast_possible_truncation)] // opcodes fit in 16 bits
const fn statement(code: u32, value: u32) -> libc::sock_filter {
    libc::sock_filter { code: code as u16, jt: 0, jf: 0, k: value }
}

const fn load(offset: u32) -> libc::sock_filter {
    statement(libc::BPF_LD | libc::BPF_W | libc::BPF_ABS, offset)
}

const fn answer(value: u32) -> libc::sock_filter {
    statement(libc::BPF_RET | libc::BPF_K, value)
}

/// Goes on behind the next instruction if what was loaded is `value`.
#[allow(clippy::cast_possible_truncation)] // opcodes fit in 16 bits
const fn skip_if_equal(value: u32) -> libc::sock_filter {
    libc::sock_filter { code: (libc::BPF_JMP | libc::BPF_JEQ | libc::BPF_K) as u16, jt: 1, jf: 0, k: value }
}

/// Goes on behind the next instruction if what was loaded is `value` or more.
#[allow(clippy::cast_possible_truncation)] // opcodes fit in 16 bits
const fn skip_if_at_least(value: u32) -> libc::sock_filter {
    libc::sock_filter { code: (libc::BPF_JMP | libc::BPF_JGE | libc::BPF_K) as u16, jt: 1, jf: 0, k: value }
}

/// Goes on `count` instructions further.
fn jump(count: usize) -> libc::sock_filter {
    statement(libc::BPF_JMP | libc::BPF_JA, u32::try_from(count).unwrap_or(0))
}

#[allow(clippy::cast_possible_truncation)] // halves are what is wanted
fn low(value: u64) -> u32 {
    value as u32
}

#[allow(clippy::cast_possible_truncation)]
fn high(value: u64) -> u32 {
    (value >> 32) as u32
}

impl Program {
    /// Without a gate nothing passes.
    #[must_use]
    pub fn new(gate: Option<&Gate>, rules: &[Rule]) -> Self {
        let asks = gate.is_some() && rules.iter().any(|rule| !rule.approved.is_empty());
        Self { stopping: code(gate, rules, false), asking: asks.then(|| code(gate, rules, true)) }
    }

    /// The same, where nobody could answer: what has to be approved stops.
    #[must_use]
    pub fn without_asking(self) -> Self {
        Self { asking: None, ..self }
    }

    /// Installs the filter in the calling thread; with no_new_privs only where the kernel asks for it. Gives the descriptor
    /// where it asks, if it does. Async-signal-safe: runs between fork and exec.
    ///
    /// # Errors
    /// What the kernel answers.
    pub fn install(&self) -> io::Result<Option<i32>> {
        self.install_one().or_else(|_| {
            // SAFETY: no pointers.
            unsafe { libc::prctl(libc::PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) };
            self.install_one()
        })
    }

    /// A process tree has one who answers, so the kernel refuses where it has one already: then calls stop. Signals and
    /// freezers take a thread out of its waiting (no `SECCOMP_FILTER_FLAG_WAIT_KILLABLE_RECV`); it then asks again, or goes to
    /// its tracer.
    fn install_one(&self) -> io::Result<Option<i32>> {
        let flags = libc::SECCOMP_FILTER_FLAG_NEW_LISTENER;
        let asking = self.asking.as_deref().and_then(|code| set_filter(code, flags).ok());
        match asking {
            Some(descriptor) => Ok(Some(descriptor)),
            None => set_filter(&self.stopping, 0).map(|_| None),
        }
    }
}

fn set_filter(code: &[libc::sock_filter], flags: libc::c_ulong) -> io::Result<i32> {
    #[allow(clippy::cast_possible_truncation)]
    // at most 4096 instructions (BPF_MAXINSNS), else the kernel refuses
    let program = libc::sock_fprog { len: code.len() as u16, filter: code.as_ptr().cast_mut() };
    // SAFETY: `program` describes instructions that the kernel copies.
    let result =
        unsafe { libc::syscall(libc::SYS_seccomp, libc::SECCOMP_SET_MODE_FILTER, flags, &raw const program) };
    if result < 0 { Err(io::Error::last_os_error()) } else { Ok(i32::try_from(result).unwrap_or(-1)) }
}

/// The instructions. `asks`: calls that have to be approved ask for that, else they stop like the rest.
fn code(gate: Option<&Gate>, rules: &[Rule], asks: bool) -> Vec<libc::sock_filter> {
    // 32-bit entry (int 0x80, sysenter) has other numbers and other structures: it is answered ENOSYS by the kernel
    // itself, in every variant.
    let mut code = vec![load(ARCH), skip_if_equal(ARCH_X86_64), answer(RET_ERRNO | libc::ENOSYS as u32)];
    if let Some(gate) = gate {
        for (offset, value) in
            [(INSTRUCTION_POINTER, low(gate.after)), (INSTRUCTION_POINTER + 4, high(gate.after))]
        {
            code.extend([load(offset), skip_if_equal(value), answer(RET_TRACE)]);
        }
        let mut rules: Vec<&Rule> = rules.iter().collect();
        rules.sort_by_key(|rule| rule.nr);
        code.push(load(NR));
        code.extend(search(gate, &rules, asks));
    } else {
        code.push(answer(RET_TRACE));
    }
    code
}

/// Looks a number, which has been loaded, up in rules that are in order; ends with an answer. Every call of an agent
/// comes by here: one after the other, a hundred rules would cost more than the call.
fn search(gate: &Gate, rules: &[&Rule], asks: bool) -> Vec<libc::sock_filter> {
    match rules {
        [] => vec![answer(RET_TRACE)],
        [rule] => {
            let mut code = vec![skip_if_equal(rule.nr), answer(RET_TRACE)];
            code.extend(checks(gate, rule, asks));
            code
        }
        _ => {
            let (lower, upper) = rules.split_at(rules.len() / 2);
            let [lower, higher] = [lower, upper].map(|half| search(gate, half, asks));
            let mut code = vec![skip_if_at_least(upper[0].nr), jump(higher.len())];
            code.extend(higher);
            code.extend(lower);
            code
        }
    }
}

/// What is asked of a call with the right number; ends with an answer.
fn checks(gate: &Gate, rule: &Rule, asks: bool) -> Vec<libc::sock_filter> {
    let mut code = any_of(&rule.any, RET_ALLOW);
    if asks {
        code.extend(any_of(&rule.approved, RET_NOTIFY));
    }
    if !rule.with_secret.is_empty() {
        let last = ARGUMENTS + 5 * 8;
        for (offset, value) in [(last, low(gate.secret)), (last + 4, high(gate.secret))] {
            code.extend([load(offset), skip_if_equal(value), answer(RET_TRACE)]);
        }
        code.extend(any_of(&rule.with_secret, RET_ALLOW));
    }
    code.push(answer(RET_TRACE));
    code
}

/// Answers with `verdict` if one of these holds, else goes on behind.
fn any_of(alternatives: &Alternatives, verdict: u32) -> Vec<libc::sock_filter> {
    let alternatives: Vec<&[(u8, u32)]> = alternatives.iter().map(Vec::as_slice).collect();
    any(&alternatives, verdict)
}

/// Answers if all conditions of one of these hold, else goes on behind. Those that begin alike share their beginning:
/// there are hundreds of socket options, and a filter may have 4096 instructions.
fn any(alternatives: &[&[(u8, u32)]], verdict: u32) -> Vec<libc::sock_filter> {
    let mut code = Vec::new();
    let alike = |one: &&[(u8, u32)], other: &&[(u8, u32)]| one.first() == other.first();
    let mut loaded = None;
    for group in alternatives.chunk_by(alike) {
        let Some((argument, value)) = group[0].first() else {
            code.push(answer(verdict));
            continue;
        };
        let rests: Vec<&[(u8, u32)]> = group.iter().map(|conditions| &conditions[1..]).collect();
        let inner = any(&rests, verdict);
        if loaded != Some(*argument) {
            code.push(load(ARGUMENTS + 8 * u32::from(*argument)));
        }
        code.extend([skip_if_equal(*value), jump(inner.len())]);
        // What is inside may load something else, but then answers or comes back here.
        loaded = rests.iter().all(|rest| rest.is_empty()).then_some(*argument);
        code.extend(inner);
    }
    code
}
