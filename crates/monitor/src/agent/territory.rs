//! Calls that would touch the agent's memory, in whichever variant it lies.

use stretto_abi::table::{CallRow, Kind, Mechanism, Table, category};

use super::image::{AREA, AREAS};
use crate::config::MAX_VARIANTS;
use crate::taskset::Inputs;

/// Whether a call is about a range of memory: its first argument is an address, the second a length.
#[must_use]
pub fn is_about_a_range(table: &Table<'_>, row: &CallRow) -> bool {
    row.category == category::MEMORY && table.node(row.args[0]).is_some_and(|node| node.kind == Kind::Address)
}

/// Whether a call means memory where the agents of any variant may lie. It is refused in all of them: the answer must
/// not tell which variant has something there.
#[must_use]
pub fn touches(table: &Table<'_>, row: &CallRow, args: &[u64; 6]) -> bool {
    if !is_about_a_range(table, row) {
        return false;
    }
    let [first, second, third, fourth, fifth, _] = *args;
    match row.mechanism {
        Mechanism::Brk => false,
        // Without MAP_FIXED the address is only a wish, and the kernel finds another place.
        Mechanism::Mmap if fourth & libc::MAP_FIXED as u64 == 0 && fourth & FIXED_NOREPLACE == 0 => false,
        Mechanism::Mremap => overlaps(first, second) || overlaps(first, third) || overlaps(fifth, third),
        _ => overlaps(first, second),
    }
}

/// Whether a call gives the kernel something that lies in the areas. What begins below them ends there: their first
/// page is not mapped.
#[must_use]
pub fn gives(inputs: &Inputs) -> bool {
    inputs.parts.iter().any(|(part, _)| is_within(part.address))
}

/// Whether something lies in the areas. Other processes of the variant may change some of it while the kernel reads
/// (`stretto_abi::doorbell`), and without Stretto there is nothing: a call that names it fails.
#[must_use]
pub fn is_within(address: u64) -> bool {
    overlaps(address, 1)
}

const FIXED_NOREPLACE: u64 = libc::MAP_FIXED_NOREPLACE as u64;

/// Whether an mmap without MAP_FIXED wishes for a place where agents may lie: the kernel must find another one.
#[must_use]
pub fn wishes(row: &CallRow, args: &[u64; 6]) -> bool {
    row.mechanism == Mechanism::Mmap && overlaps(args[0], args[1])
}

fn overlaps(address: u64, length: u64) -> bool {
    let end = AREAS + AREA * MAX_VARIANTS as u64;
    address < end && address.saturating_add(length) > AREAS
}

#[cfg(test)]
mod tests {
    use stretto_semantics::Part;

    use super::*;

    #[test]
    fn what_a_call_gives_from_the_areas_is_found() {
        let part = |address| (Part { argument: 0, depth: 1, node: 0, field: 0, address }, 0);
        let inputs =
            |address| Inputs { parts: vec![part(0), part(0x1000), part(address)], ..Inputs::default() };
        assert!(!gives(&inputs(AREAS - 1)) && gives(&inputs(AREAS)) && gives(&inputs(AREAS + AREA)));
    }

    #[test]
    fn ranges_that_reach_into_the_areas_overlap() {
        assert!(!overlaps(AREAS - 4096, 4096));
        assert!(overlaps(AREAS - 4096, 4097));
        assert!(overlaps(0, u64::MAX));
        assert!(!overlaps(AREAS + AREA * MAX_VARIANTS as u64, 4096));
    }
}
