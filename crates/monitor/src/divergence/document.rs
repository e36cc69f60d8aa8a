//! The JSON document of a divergence.

use serde_json::{Value, json};
use stretto_abi::table::Table;
use stretto_tracee::{Registers, Remote};

use super::Kind;
use super::difference::{self, Difference};
use crate::backtrace::{self, backtrace};
use crate::config::Layout;
use crate::layout::maps;
use crate::session::Session;
use crate::taskset::{Arrival, HistoryEntry, Meeting, TaskSet};

/// Frames of a back-trace.
const FRAMES: usize = 48;

/// Builds the document; every thread that has arrived is stopped.
pub fn build(session: &Session, set: &TaskSet, meeting: &Meeting, kind: &Kind, odd: &[usize]) -> Value {
    let table = session.table();
    let leader = meeting.arrivals[0].as_deref();
    let difference = first_difference(table.as_ref(), set, meeting, odd);
    let call = match (kind, leader) {
        (Kind::Result(row, _), _) => Some(json!({"nr": row.nr, "name": string(table.as_ref(), row.name)})),
        (_, Some(Arrival::Call(call))) => {
            Some(json!({"nr": call.nr(), "name": name(table.as_ref(), call.nr())}))
        }
        _ => odd.iter().find_map(|&variant| match meeting.arrivals[variant].as_deref() {
            Some(Arrival::Call(call)) => {
                Some(json!({"nr": call.nr(), "name": name(table.as_ref(), call.nr())}))
            }
            _ => None,
        }),
    };
    let variants: Vec<Value> = session
        .active()
        .map(|variant| describe(session, table.as_ref(), set, meeting, kind, variant, difference.as_ref()))
        .collect();
    let command: Vec<String> =
        session.config.argv.iter().map(|word| String::from_utf8_lossy(word).into_owned()).collect();
    json!({
        "stretto": env!("CARGO_PKG_VERSION"),
        "kind": kind.name(),
        "task": set.id,
        "process": set.tid(0),
        "command": command,
        "layout": if session.config.layout == Layout::Disjoint { "disjoint" } else { "disjoint-code" },
        "variants_total": session.config.variants,
        "summary": summary(table.as_ref(), meeting, kind, odd, difference.as_ref()),
        "call": call,
        "argument": difference.as_ref().map(|difference| json!({
            "index": difference.argument, "name": difference.name, "offset": difference.offset,
        })),
        "odd": odd,
        "variants": variants,
    })
}

fn string(table: Option<&Table<'_>>, offset: u32) -> String {
    table.map_or_else(String::new, |table| table.string(offset).to_owned())
}

/// The name of a system call, or its number.
fn name(table: Option<&Table<'_>>, nr: u64) -> String {
    table
        .and_then(|table| table.by_number(nr).map(|row| table.string(row.name).to_owned()))
        .unwrap_or_else(|| format!("system call {nr}"))
}

fn first_difference(
    table: Option<&Table<'_>>,
    set: &TaskSet,
    meeting: &Meeting,
    odd: &[usize],
) -> Option<Difference> {
    let first = *odd.first()?;
    let Some(Arrival::Call(leader)) = meeting.arrivals[0].as_deref() else {
        return None;
    };
    let Some(Arrival::Call(other)) = meeting.arrivals[first].as_deref() else {
        return None;
    };
    if leader.nr() != other.nr() {
        return None;
    }
    difference::first(table?, (leader, set.tid(0)), (other, set.tid(first)))
}

fn doing(table: Option<&Table<'_>>, arrival: Option<&Arrival>) -> String {
    match arrival {
        Some(Arrival::Call(call)) => format!("called {}", name(table, call.nr())),
        Some(Arrival::Fault { info, .. }) => {
            format!("took signal {} at address {:#x}", info.signal(), info.address())
        }
        Some(Arrival::Timestamp { .. }) => "read the time stamp".to_owned(),
        Some(Arrival::Point { .. }) => "stands behind a call that a signal comes with".to_owned(),
        None => "has not come to a system call".to_owned(),
    }
}

fn summary(
    table: Option<&Table<'_>>,
    meeting: &Meeting,
    kind: &Kind,
    odd: &[usize],
    difference: Option<&Difference>,
) -> String {
    let first = odd.first().copied().unwrap_or(0);
    let other = meeting.arrivals[first].as_deref();
    match kind {
        Kind::Argument => {
            let call = match meeting.arrivals[0].as_deref() {
                Some(Arrival::Call(call)) => name(table, call.nr()),
                _ => "the call".to_owned(),
            };
            difference.map_or_else(
                || format!("variant {first} called {call} with other arguments than the leader"),
                |difference| {
                    format!(
                        "variant {first} called {call} with another {} than the leader (first difference at byte {})",
                        difference.name, difference.offset
                    )
                },
            )
        }
        Kind::Result(row, _) => {
            format!("{} gave variant {first} another result than the leader", string(table, row.name))
        }
        Kind::Death(signal) => {
            format!("variant {first} was ended by signal {signal}, the leader was not")
        }
        Kind::Unwritable(address) => {
            format!(
                "what the call gave the leader has no place in variant {first}: it can't write to {address:#x}"
            )
        }
        Kind::Timeout => format!("variant {first} did not follow the leader in time"),
        Kind::Ring => format!("variant {first} and the leader are at different places of their ring"),
        Kind::Call | Kind::Fault => {
            format!(
                "the leader {}, variant {first} {}",
                doing(table, meeting.arrivals[0].as_deref()),
                doing(table, other)
            )
        }
    }
}

fn describe(
    session: &Session,
    table: Option<&Table<'_>>,
    set: &TaskSet,
    meeting: &Meeting,
    kind: &Kind,
    variant: usize,
    difference: Option<&Difference>,
) -> Value {
    let tid = set.tid(variant);
    let arrival = meeting.arrivals[variant].as_deref();
    let maps = maps::text(tid);
    let frames = arrival.map(|arrival| frames(&maps, &arrival.program_registers(), tid)).unwrap_or_default();
    let context = match (arrival, difference) {
        (Some(Arrival::Call(call)), Some(difference)) => difference::context(difference, call, tid),
        _ => None,
    };
    let history: Vec<Value> = set
        .whole_history_of(variant, meeting.ring.as_deref())
        .iter()
        .map(|entry| history_line(table, entry))
        .collect();
    json!({
        "variant": variant,
        "role": if variant == 0 { "leader" } else { "follower" },
        "pid": process_of(tid),
        "tid": tid,
        "event": event(session, table, arrival, kind, variant),
        "difference": context,
        "registers": arrival.map(|arrival| registers(&arrival.program_registers())),
        "backtrace": frames,
        "maps": maps,
        "history": history,
    })
}

fn process_of(tid: i32) -> i32 {
    let text = std::fs::read_to_string(format!("/proc/{tid}/status")).unwrap_or_default();
    text.lines()
        .find_map(|line| line.strip_prefix("Tgid:"))
        .and_then(|word| word.trim().parse().ok())
        .unwrap_or(tid)
}

fn event(
    session: &Session,
    table: Option<&Table<'_>>,
    arrival: Option<&Arrival>,
    kind: &Kind,
    variant: usize,
) -> Value {
    match (arrival, kind) {
        (Some(Arrival::Call(call)), _) => json!({
            "type": "call", "nr": call.nr(), "name": name(table, call.nr()), "args": call.args(),
            "site": call.program_rip.wrapping_sub(2),
        }),
        (Some(Arrival::Fault { info, registers }), _) => json!({
            "type": "signal", "signal": info.signal(), "code": info.code(), "address": info.address(),
            "site": registers.rip,
        }),
        (Some(Arrival::Timestamp { registers, .. } | Arrival::Point { registers, .. }), _) => {
            json!({"type": "timestamp", "site": registers.rip})
        }
        (None, Kind::Result(row, results)) => {
            let position = session.active().position(|active| active == variant);
            let result = position.and_then(|position| results.get(position)).copied();
            json!({"type": "result", "nr": row.nr, "name": string(table, row.name), "result": result})
        }
        (None, Kind::Death(signal)) if variant != 0 => json!({"type": "death", "signal": signal}),
        (None, _) => json!({"type": "missing"}),
    }
}

fn frames(maps: &str, registers: &Registers, tid: i32) -> Vec<backtrace::Frame> {
    let memory = Remote::new(tid);
    let start = backtrace::Registers {
        rip: registers.rip,
        rsp: registers.rsp,
        rbp: registers.rbp,
        rbx: registers.rbx,
        r12: registers.r12,
        r13: registers.r13,
        r14: registers.r14,
        r15: registers.r15,
    };
    backtrace(maps, &start, &mut |address, buffer| memory.read(address, buffer), FRAMES)
}

fn registers(registers: &Registers) -> Value {
    json!({
        "rip": registers.rip, "rsp": registers.rsp, "rbp": registers.rbp, "rax": registers.rax,
        "rbx": registers.rbx, "rcx": registers.rcx, "rdx": registers.rdx, "rsi": registers.rsi,
        "rdi": registers.rdi, "r8": registers.r8, "r9": registers.r9, "r10": registers.r10,
        "r11": registers.r11, "r12": registers.r12, "r13": registers.r13, "r14": registers.r14,
        "r15": registers.r15, "eflags": registers.eflags,
    })
}

fn history_line(table: Option<&Table<'_>>, entry: &HistoryEntry) -> Value {
    json!({"nr": entry.nr, "name": name(table, entry.nr), "args": entry.args, "result": entry.result})
}
