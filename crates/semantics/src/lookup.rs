use stretto_abi::table::{CallRow, NONE, Row, Table};

use crate::expr::evaluate;
use crate::memory::Memory;

/// What the table knows of a call.
#[derive(Clone, Copy, Debug)]
pub enum Lookup<R = CallRow> {
    /// Its description; that of the sub-command if it has some.
    Known(R),
    /// No such number.
    UnknownNumber,
    /// The call is known, its sub-command (second field) is not.
    UnknownCommand(R, u64),
}

/// Selectors within selectors: `setsockopt` level and name are one pair, so two suffice.
const LEVELS: usize = 3;

/// Finds the description of a call.
pub fn lookup<M: Memory>(table: &Table<'_>, nr: u64, args: &[u64; 6], memory: &mut M) -> Lookup {
    match find(table, nr, args, memory) {
        Lookup::Known(row) => Lookup::Known(row.decoded()),
        Lookup::UnknownNumber => Lookup::UnknownNumber,
        Lookup::UnknownCommand(row, value) => Lookup::UnknownCommand(row.decoded(), value),
    }
}

/// Finds the description of a call, in place.
pub fn find<'t, M: Memory>(table: &Table<'t>, nr: u64, args: &[u64; 6], memory: &mut M) -> Lookup<Row<'t>> {
    let Some(mut row) = table.row_of(nr) else {
        return Lookup::UnknownNumber;
    };
    for _ in 0..LEVELS {
        if row.selector() == NONE {
            return Lookup::Known(row);
        }
        let value = evaluate(table, row.selector(), args, memory);
        match table.sub_row(&row, value) {
            Some(sub) => row = sub,
            None => return Lookup::UnknownCommand(row, value),
        }
    }
    Lookup::Known(row)
}
