//! What the filter lets pass at the gate, from the descriptions and the policy.

use stretto_abi::policy::{Mode, mode};
use stretto_abi::table::{CallRow, Expr, NONE, Table, Who};

/// One number, and what its arguments have to be.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Rule {
    pub nr: u32,
    /// The last argument register must hold the variant's secret: the kernel ignores it.
    pub secret: bool,
    /// Any of these must hold; each is a list of (argument, value of its low half). One empty list: always.
    pub any: Vec<Vec<(u8, u32)>>,
}

const SCHED_YIELD: u32 = 24;
const FUTEX: u32 = 202;
const EVENTFD2: u32 = 290;
const FUTEX_WAITV: u32 = 449;
const RESTART_SYSCALL: u32 = 219;
const FUTEX_WAKE: u32 = 1;

/// What every agent needs for itself: waiting, waking, letting others run, and that the kernel restarts a call at the gate.
#[must_use]
pub fn own() -> Vec<Rule> {
    vec![
        Rule { nr: FUTEX, secret: true, any: vec![vec![(1, FUTEX_WAKE)]] },
        Rule { nr: FUTEX_WAITV, secret: true, any: vec![Vec::new()] },
        Rule { nr: SCHED_YIELD, secret: true, any: vec![Vec::new()] },
        Rule { nr: RESTART_SYSCALL, secret: false, any: vec![Vec::new()] },
    ]
}

/// What followers hold in place of a new descriptor of the leader's.
#[must_use]
pub fn placeholder() -> Rule {
    let any = [0, libc::EFD_CLOEXEC.cast_unsigned()].map(|flags| vec![(0, 0), (1, flags)]);
    Rule { nr: EVENTFD2, secret: true, any: any.to_vec() }
}

/// The policy of the calls that followers make too; the others are the monitor's, if a follower makes them.
#[must_use]
pub fn of_followers(table: &Table<'_>, policy: &[u8]) -> Vec<u8> {
    let each = |row: u32| table.call(row).is_some_and(|row| row.who == Who::Each);
    (0..).zip(policy).map(|(row, mode)| if each(row) { *mode } else { Mode::Monitored as u8 }).collect()
}

/// The rules for the program's calls, and the policy without what no filter can say: such rows are monitored.
#[must_use]
pub fn rules(table: &Table<'_>, policy: &[u8]) -> (Vec<Rule>, Vec<u8>) {
    let mut allowed = vec![0; table.rows() as usize];
    let mut rules = Vec::new();
    for nr in 0..table.numbers() {
        let Some(row) = table.by_number(u64::from(nr)) else { continue };
        let mut rule = Rule { nr, secret: row.args[5] == NONE, any: Vec::new() };
        collect(table, policy, &row, &[], &mut rule, &mut allowed);
        if !rule.any.is_empty() && !own().iter().any(|own| own.nr == nr) {
            rules.push(rule);
        }
    }
    (rules, allowed)
}

fn collect(
    table: &Table<'_>,
    policy: &[u8],
    row: &CallRow,
    conditions: &[(u8, u32)],
    rule: &mut Rule,
    allowed: &mut [u8],
) {
    if row.selector == NONE {
        let mode = mode(policy, row.row);
        let fits = !rule.secret || row.args[5] == NONE;
        let passes = matches!(mode, Mode::Lockstep | Mode::Ahead) && fits;
        if passes {
            rule.any.push(conditions.to_vec());
        }
        // What is approved stops at the gate.
        if (passes || mode == Mode::Approved)
            && let Some(place) = allowed.get_mut(row.row as usize)
        {
            *place = mode as u8;
        }
        return;
    }
    for (value, sub) in table.sub_calls(row) {
        if let Some(more) = condition(table, row.selector, value) {
            let conditions = [conditions, &more].concat();
            collect(table, policy, &sub, &conditions, rule, allowed);
        }
    }
}

/// "The selector has this value", over the low halves of arguments.
#[allow(clippy::cast_possible_truncation)] // halves are what is wanted
fn condition(table: &Table<'_>, selector: u32, value: u64) -> Option<Vec<(u8, u32)>> {
    let argument = |index: u32| match table.expr(index)? {
        Expr::Arg { arg, width: 4 } => Some(arg as u8),
        _ => None,
    };
    match table.expr(selector)? {
        Expr::Arg { arg, width: 4 } => Some(vec![(arg as u8, value as u32)]),
        Expr::Pair(one, other) => {
            Some(vec![(argument(one)?, (value >> 32) as u32), (argument(other)?, value as u32)])
        }
        _ => None,
    }
}
