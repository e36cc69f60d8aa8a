//! Warnings about what a program asked for and can't have.

use stretto_abi::table::{CallRow, category};

use crate::session::Session;
use crate::taskset::{CallArrival, Meaning, TaskSet};

/// Warns about a number or sub-command without a description; returns the error number that the program gets.
pub fn unknown(session: &Session, set: &TaskSet, call: &CallArrival, meaning: &Meaning) -> i32 {
    let site = call.registers.rip.wrapping_sub(2);
    match meaning {
        Meaning::UnknownCommand(parent, value) => {
            if asks_descriptor(parent) && !is_open(set.tid(0), call.args()[0]) {
                return libc::EBADF;
            }
            let name = session.table().map_or_else(String::new, |table| table.string(parent.name).to_owned());
            let message = format!(
                "{name}: sub-command {value:#x} is not described (called at {site:#x}); it got an error"
            );
            session.events.warn("unknown-subcommand", &format!("{name} {value}"), &message);
            i32::try_from(parent.errno).ok().filter(|&errno| errno != 0).unwrap_or(libc::EINVAL)
        }
        _ => {
            let nr = call.nr();
            let message = format!("system call {nr} is not described (called at {site:#x}); it got ENOSYS");
            session.events.warn("unknown-call", &nr.to_string(), &message);
            libc::ENOSYS
        }
    }
}

/// Whether the first argument of a call with sub-commands is a descriptor: so it is in its families of calls.
fn asks_descriptor(parent: &CallRow) -> bool {
    matches!(parent.category, category::DESCRIPTOR | category::NETWORK)
}

#[allow(clippy::cast_possible_truncation)] // descriptors are ints
fn is_open(tid: i32, fd: u64) -> bool {
    std::fs::symlink_metadata(format!("/proc/{tid}/fd/{}", fd as i32)).is_ok()
}

/// Notes a refused call in the log.
pub fn refused(session: &Session, call: &CallArrival, row: &CallRow) {
    if session.events.logged() {
        let Some(table) = session.table() else { return };
        let name = table.string(row.name);
        session.events.event(
            "refused",
            serde_json::json!({"call": name, "reason": table.string(row.note), "site": call.registers.rip - 2}),
        );
    }
}

/// Warns that variants are kept from running.
pub fn no_cpu(session: &Session, variants: &[usize]) {
    let names: Vec<String> = variants.iter().map(ToString::to_string).collect();
    let names = names.join(", ");
    let limit = session.config.timeout;
    let message = format!(
        "variant {names} has been behind for {limit} s for want of a CPU; the others wait (see `stretto run \
         --placement` and docs/howto/run-a-server.md)"
    );
    session.events.warn("no-cpu", &names, &message);
}
