//! Where two variants' inputs differ first.

use stretto_abi::table::Table;
use stretto_semantics::Part;
use stretto_tracee::Remote;

use crate::gather::WINDOW;
use crate::taskset::{CallArrival, Inputs};

/// The first difference between the leader's inputs and another's.
#[derive(Clone, Debug)]
pub struct Difference {
    pub argument: u8,
    pub name: String,
    /// Offset in the part that differs.
    pub offset: usize,
    part: usize,
}

/// How many bytes of context a report shows, before the difference and in all.
const BEFORE: u64 = 48;
const CONTEXT: usize = 128;

fn part_at(inputs: &Inputs, at: usize) -> Option<usize> {
    inputs.parts.iter().rposition(|(_, start)| *start <= at)
}

/// Where two variants' memory differs first, if it was compared by digests: the offset in `part`. `at`: which byte of
/// the inputs differs.
fn behind_digests(
    leader: (&CallArrival, i32),
    other: (&CallArrival, i32),
    at: usize,
    part: usize,
) -> Option<usize> {
    let inputs = &leader.0.inputs;
    let digests = inputs.digests.iter().find(|digests| (digests.start..digests.end).contains(&at))?;
    let (_, start) = inputs.parts[part];
    let offset = (digests.start - start) + (at - digests.start) / size_of::<u64>() * WINDOW;
    let [one, two] = [leader, other].map(|(call, tid)| {
        let mut window = vec![0; WINDOW];
        let address = call.inputs.parts.get(part).map_or(0, |(part, _)| part.address);
        let got = Remote::new(tid).read(address.wrapping_add(offset as u64), &mut window);
        window.truncate(got);
        window
    });
    Some(offset + stretto_semantics::first_difference(&one, &two).unwrap_or(0))
}

/// Compares the inputs of two arrivals at the same call, each with its thread.
#[must_use]
pub fn first(
    table: &Table<'_>,
    leader: (&CallArrival, i32),
    other: (&CallArrival, i32),
) -> Option<Difference> {
    let at = stretto_semantics::first_difference(&leader.0.inputs.bytes, &other.0.inputs.bytes)?;
    let part = part_at(&leader.0.inputs, at)?;
    let (Part { argument, field, .. }, start) = leader.0.inputs.parts[part];
    let offset = behind_digests(leader, other, at, part).unwrap_or(at - start);
    let leader = leader.0;
    let argument_name =
        leader.row().and_then(|row| row.arg_names.get(usize::from(argument)).map(|&name| table.string(name)));
    let mut name = argument_name.unwrap_or("").to_owned();
    if field != 0 {
        name = format!("{name}.{}", table.string(field));
    }
    Some(Difference { argument, name, offset, part })
}

/// Memory around the difference in one variant, as the report shows it; `None` if the part is a register.
#[must_use]
pub fn context(difference: &Difference, call: &CallArrival, tid: i32) -> Option<serde_json::Value> {
    let (part, first) = call.inputs.parts.get(difference.part)?;
    if part.address == 0 {
        return None;
    }
    let address = part.address.wrapping_add(difference.offset as u64);
    let start = address.saturating_sub(BEFORE).max(part.address);
    let mut bytes = vec![0; CONTEXT];
    let got = if call.done.is_some() {
        // A leader that has gone ahead may have something else in its memory by now.
        let end =
            call.inputs.parts.get(difference.part + 1).map_or(call.inputs.bytes.len(), |(_, next)| *next);
        let from = first + usize::try_from(start - part.address).unwrap_or(0);
        let recorded = call.inputs.bytes.get(from..end).unwrap_or(&[]);
        let length = recorded.len().min(CONTEXT);
        bytes[..length].copy_from_slice(&recorded[..length]);
        length
    } else {
        Remote::new(tid).read(start, &mut bytes)
    };
    let hex: String = bytes[..got].iter().map(|byte| format!("{byte:02x}")).collect();
    Some(serde_json::json!({"address": address, "start": start, "hex": hex}))
}
