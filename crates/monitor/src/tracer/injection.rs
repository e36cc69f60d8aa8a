//! For tests: a signal at every instruction of stubs and agent, one after the other.
//!
//! The program makes a call as a marker, and then the call that matters, again and again. On the first of these ways the
//! thread is stepped, to learn over which instructions it leads. On each of the next it stops at one of them, by the
//! processor's breakpoint, and a signal is sent. When all have had theirs it is stepped again; if nothing new is met, the
//! way is covered. So a program needs about as many rounds as there are instructions, whatever loops there are.
//!
//! The marker's last argument, which the kernel does not look at, tells kinds of calls apart: each has its own account.

use std::collections::VecDeque;
use std::sync::atomic::Ordering;
use std::time::Duration;

use rustc_hash::FxHashMap;
use serde_json::json;
use stretto_abi::ring::BULK;
use stretto_tracee::{Error, Registers, Remote, Resume, Stopped};

use super::Tracer;
use crate::config::{Config, Injection};
use crate::signals_unsafe;
use crate::taskset::number;

/// Opcodes, and the flags that pushf does not push (RF and VM; Intel SDM, volume 2, PUSHF) or that a step sets (TF).
const PUSHF: u8 = 0x9c;
const POPF: u8 = 0x9d;
const REP_MOVSB: [u8; 2] = [0xf3, 0xa4];
const HIDDEN: u64 = 1 << 16 | 1 << 17 | 1 << 8;

/// How often a thread may fail to come to an instruction before that is given up: what a waiting thread does differs from
/// time to time.
const ATTEMPTS: u32 = 3;
/// Stepped ways with nothing new, after which a kind is done: stepping takes long.
const ENOUGH: u32 = 3;
/// By how much the others stand still longer while a thread is stepped, which takes about so much longer.
const SLOWER: u64 = 100;

/// An instruction.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
struct Place {
    address: u64,
    /// From the beginning of the stub, or of the agent.
    offset: u64,
    in_stub: bool,
}

/// A signal that is still to be sent.
#[derive(Clone, Copy, Debug)]
struct Wish {
    place: Place,
    /// At the how-manieth passage over it.
    passage: u32,
    attempts: u32,
}

/// One kind of calls.
#[derive(Debug, Default)]
struct Account {
    /// Instructions on the ways so far, and the most passages that were seen or are of interest.
    known: FxHashMap<Place, u32>,
    wishes: VecDeque<Wish>,
    /// Stepped ways with nothing new.
    fruitless: u32,
}

/// Where a stepped thread is on its way.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Part {
    /// In the marker, whose site may be patched too.
    Marker,
    /// In the program.
    Before,
    /// In the stub or the agent.
    Inside,
}

/// What happens on the way that has begun.
#[derive(Debug)]
enum Way {
    /// Stepped: passages over each instruction so far.
    Learnt(Part, FxHashMap<Place, u32>),
    /// Up to a breakpoint: passages so far.
    Hunted(Wish, u32),
    /// One signal was sent; up to a breakpoint where another is due.
    HuntedAgain(Wish),
    /// Not watched: it stands still for a while.
    Delayed,
}

#[derive(Debug)]
struct Round {
    tid: i32,
    kind: u64,
    way: Way,
}

/// What has been injected so far, and what is to come.
#[derive(Debug)]
pub(super) struct Injector {
    plan: Injection,
    accounts: FxHashMap<u64, Account>,
    round: Option<Round>,
}

impl Injector {
    /// The injector of a run, if its plan wants one.
    pub(super) fn new(config: &Config) -> Option<Box<Self>> {
        let plan = config.injection?;
        Some(Box::new(Self { plan, accounts: FxHashMap::default(), round: None }))
    }

    /// Any instruction of this kind, another one each time.
    fn somewhere(&self, kind: u64) -> Option<Wish> {
        let known = &self.accounts.get(&kind)?.known;
        let index = usize::try_from(signals_unsafe::random()).unwrap_or(0) % known.len().max(1);
        known.keys().nth(index).map(|&place| Wish { place, passage: 1, attempts: 0 })
    }

    fn round_of(&mut self, tid: i32) -> Option<&mut Round> {
        self.round.as_mut().filter(|round| round.tid == tid)
    }

    /// A round begins.
    fn begin(&mut self, tid: i32, kind: u64) {
        let account = self.accounts.entry(kind).or_default();
        let way = match account.wishes.pop_front() {
            Some(wish) => Way::Hunted(wish, 0),
            None if account.fruitless >= ENOUGH => return,
            None => Way::Learnt(Part::Marker, FxHashMap::default()),
        };
        self.round = Some(Round { tid, kind, way });
    }

    /// Takes up what a stepped round has met; how many signals that makes more.
    fn take_up(&mut self, kind: u64, passages: &FxHashMap<Place, u32>) -> usize {
        let Injection { passages: most, stride, .. } = self.plan;
        let account = self.accounts.entry(kind).or_default();
        let before = account.wishes.len();
        for (&place, &seen) in passages.iter().filter(|(place, _)| place.offset % stride == 0) {
            let known = account.known.entry(place).or_default();
            let now = seen.min(most).max(*known);
            let news = (*known + 1..=now).map(|passage| Wish { place, passage, attempts: 0 });
            account.wishes.extend(news);
            *known = now;
        }
        let news = account.wishes.len() - before;
        account.fruitless += u32::from(news == 0);
        news
    }

    /// The thread has not come to the instruction.
    fn missed(&mut self, kind: u64, wish: Wish) -> bool {
        let attempts = wish.attempts + 1;
        let again = attempts < ATTEMPTS;
        if again {
            self.accounts.entry(kind).or_default().wishes.push_back(Wish { attempts, ..wish });
        }
        again
    }
}

impl Tracer<'_> {
    /// At the entry of a call: perhaps it is the marker, or the first call behind the round.
    pub(super) fn look_for_marker(&mut self, stopped: &Stopped, registers: &Registers) -> Result<(), Error> {
        let Some(plan) = self.injector.as_ref().map(|injector| injector.plan) else { return Ok(()) };
        let (tid, marks) = (stopped.tid(), number(registers) == plan.marker);
        if plan.watched != self.variant {
            if let (Some(injector), true, true) = (&mut self.injector, marks, plan.delay > 0) {
                injector.round = Some(Round { tid, kind: 0, way: Way::Delayed });
            }
            return Ok(());
        }
        if self.place(tid, registers.rip).is_none() {
            self.end_round(stopped)?;
        }
        if let (Some(injector), true) = (&mut self.injector, marks) {
            injector.begin(tid, registers.r9);
            self.session.events.event("round", json!({"kind": registers.r9}));
            let stepped = matches!(injector.round, Some(Round { way: Way::Learnt(..), .. }));
            self.session.stepping.store(stepped, Ordering::Release);
        }
        Ok(())
    }

    /// Whether a thread stopped for the injection only.
    pub(super) fn is_of_injection(&mut self, stopped: &Stopped) -> Result<bool, Error> {
        let Some(injector) = &mut self.injector else { return Ok(false) };
        let Some(round) = injector.round_of(stopped.tid()) else { return Ok(false) };
        let Ok(info) = stopped.signal_info() else { return Ok(false) };
        let Round { kind, way, .. } = round;
        match way {
            Way::Hunted(wish, passages) if info.is_breakpoint() => {
                *passages += 1;
                if *passages == wish.passage {
                    let (kind, wish) = (*kind, *wish);
                    self.sent_first(stopped, kind, wish)?;
                }
                Ok(true)
            }
            Way::HuntedAgain(wish) if info.is_breakpoint() => {
                let (kind, wish, signal) = (*kind, *wish, injector.plan.second);
                injector.round = None;
                stopped.set_breakpoint(None)?;
                self.send(stopped.tid(), signal);
                self.tell("again", kind, wish);
                Ok(true)
            }
            Way::Learnt(..) => Ok(info.is_step()),
            _ => Ok(false),
        }
    }

    /// How a thread goes on that may be on a way that counts.
    pub(super) fn inject_on_the_way(
        &mut self,
        stopped: &Stopped,
        how: Resume,
        signal: i32,
    ) -> Result<Resume, Error> {
        let tid = stopped.tid();
        let Some(round) = self.injector.as_mut().and_then(|injector| injector.round_of(tid)) else {
            return Ok(how);
        };
        if signal != 0 && !matches!(round.way, Way::HuntedAgain(_)) {
            // What a handler does is not part of the round.
            self.end_round(stopped)?;
            return Ok(how);
        }
        match round.way {
            Way::Hunted(wish, 0) => stopped.set_breakpoint(Some(wish.place.address))?,
            Way::Learnt(..) if how == Resume::Continue => return self.step(stopped),
            Way::Delayed if how == Resume::Continue => self.stand_still(),
            _ => {}
        }
        Ok(how)
    }

    /// The watched thread comes to wait for this one.
    fn stand_still(&mut self) {
        let Some(injector) = &mut self.injector else { return };
        injector.round = None;
        let factor = if self.session.stepping.load(Ordering::Acquire) { SLOWER } else { 1 };
        std::thread::sleep(Duration::from_micros(injector.plan.delay * factor));
    }

    fn end_round(&mut self, stopped: &Stopped) -> Result<(), Error> {
        let tid = stopped.tid();
        let Some(injector) = &mut self.injector else { return Ok(()) };
        let Some(Round { kind, way, .. }) = injector.round.take_if(|round| round.tid == tid) else {
            return Ok(());
        };
        match way {
            Way::Delayed => {}
            Way::HuntedAgain(_) => stopped.set_breakpoint(None)?,
            Way::Learnt(_, passages) => self.learn(kind, &passages),
            Way::Hunted(wish, _) => {
                stopped.set_breakpoint(None)?;
                if !injector.missed(kind, wish) {
                    self.tell("missed", kind, wish);
                }
            }
        }
        Ok(())
    }

    fn step(&mut self, stopped: &Stopped) -> Result<Resume, Error> {
        loop {
            let registers = stopped.registers()?;
            let place = self.place(stopped.tid(), registers.rip);
            let round = self.injector.as_mut().and_then(|injector| injector.round.as_mut());
            let Some(Round { way: Way::Learnt(part, passages), .. }) = round else {
                return Ok(Resume::Continue);
            };
            match (*part, place) {
                (Part::Marker, Some(_)) => {}
                (Part::Marker | Part::Before, None) => *part = Part::Before,
                (Part::Before | Part::Inside, Some(place)) => {
                    *part = Part::Inside;
                    *passages.entry(place).or_default() += 1;
                }
                (Part::Inside, None) => {
                    self.end_round(stopped)?;
                    return Ok(Resume::Continue);
                }
            }
            match carried_out(stopped.tid(), &registers) {
                Some(registers) => stopped.set_registers(&registers)?,
                None => return Ok(Resume::Step),
            }
        }
    }

    fn place(&self, tid: i32, address: u64) -> Option<Place> {
        if let Some(offset) = self.in_agent(address) {
            return Some(Place { address, offset, in_stub: false });
        }
        let patch = self.tasks.get(&tid)?.mm.borrow().patches.at_stub(address)?;
        Some(Place { address, offset: address - patch.stub(), in_stub: true })
    }

    /// The thread has come to its instruction.
    fn sent_first(&mut self, stopped: &Stopped, kind: u64, wish: Wish) -> Result<(), Error> {
        let tid = stopped.tid();
        let Some(injector) = &mut self.injector else { return Ok(()) };
        let signal = injector.plan.signal;
        let next = if injector.plan.second == 0 { None } else { injector.somewhere(kind) };
        injector.round = next.map(|wish| Round { tid, kind, way: Way::HuntedAgain(wish) });
        stopped.set_breakpoint(next.map(|wish| wish.place.address))?;
        self.send(tid, signal);
        self.tell("injected", kind, wish);
        Ok(())
    }

    /// Not to the thread: that is how the monitor sends what it has put off.
    fn send(&self, tid: i32, signal: i32) {
        if let (Some(injector), Some(task)) = (&self.injector, self.tasks.get(&tid)) {
            signals_unsafe::send(task.set.tid(injector.plan.signalled), signal);
        }
    }

    fn tell(&self, event: &str, kind: u64, wish: Wish) {
        let Wish { place, passage, .. } = wish;
        let part = if place.in_stub { "stub" } else { "agent" };
        let details = json!({"kind": kind, "part": part, "offset": place.offset, "passage": passage});
        self.session.events.event(event, details);
    }

    /// A stepped round is over.
    fn learn(&mut self, kind: u64, passages: &FxHashMap<Place, u32>) {
        let Some(injector) = &mut self.injector else { return };
        let news = injector.take_up(kind, passages);
        let offsets = |in_stub: bool| {
            let places = passages.keys().filter(|place| place.in_stub == in_stub);
            let mut offsets: Vec<u64> = places.map(|place| place.offset).collect();
            offsets.sort_unstable();
            offsets
        };
        let steps = passages.values().sum::<u32>();
        let details = json!({
            "kind": kind, "steps": steps, "news": news, "stub": offsets(true), "agent": offsets(false),
        });
        self.session.events.event("stepped", details);
    }
}

/// Carries out an instruction that can't be stepped well. The registers behind it; `None`: it is another one.
///
/// One that pushes or pops the flags would show the flag that makes the processor step, and the kernel loses track of
/// whose that is (arch/x86/kernel/step.c, is_setting_trap_flag). One that copies is stepped once for each byte; what it
/// can't copy to its end it has to do itself, which changes nothing of what has been copied.
fn carried_out(tid: i32, registers: &Registers) -> Option<Registers> {
    let memory = Remote::new(tid);
    let mut opcode = [0; 2];
    if memory.read(registers.rip, &mut opcode) == 0 {
        return None;
    }
    let Registers { rip, rsp, rsi, rdi, rcx, .. } = *registers;
    match opcode {
        [PUSHF, _] => {
            let rsp = rsp - 8;
            let pushed = memory.write(rsp, &(registers.eflags & !HIDDEN).to_le_bytes()) == 8;
            pushed.then_some(Registers { rip: rip + 1, rsp, ..*registers })
        }
        [POPF, _] => {
            let eflags = memory.word(rsp)? & !HIDDEN;
            Some(Registers { rip: rip + 1, rsp: rsp + 8, eflags, ..*registers })
        }
        REP_MOVSB => {
            let mut bytes = vec![0; usize::try_from(rcx).ok().filter(|&length| length <= BULK)?];
            let copied =
                memory.read(rsi, &mut bytes) == bytes.len() && memory.write(rdi, &bytes) == bytes.len();
            copied.then_some(Registers { rip: rip + 2, rsi: rsi + rcx, rdi: rdi + rcx, rcx: 0, ..*registers })
        }
        _ => None,
    }
}
