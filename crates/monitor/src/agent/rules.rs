//! What the filter lets pass at the gate, from the descriptions and the policy.

use stretto_abi::policy::{Mode, mode};
use stretto_abi::table::{CallRow, Expr, NONE, Table, Who};

/// One number, and what its arguments have to be.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Rule {
    pub nr: u32,
    /// Any of these must hold.
    pub any: Alternatives,
    /// Or any of these, if the last argument register holds the variant's secret: the kernel ignores it.
    pub with_secret: Alternatives,
    /// The monitor is asked if any of these holds (`approval`).
    pub approved: Alternatives,
}

/// Each is a list of (argument, value of its low half). One empty list: always.
pub type Alternatives = Vec<Vec<(u8, u32)>>;

impl Rule {
    fn with_secret(nr: u32, with_secret: Alternatives) -> Self {
        Self { nr, any: Vec::new(), with_secret, approved: Vec::new() }
    }
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
        Rule::with_secret(FUTEX, vec![vec![(1, FUTEX_WAKE)]]),
        Rule::with_secret(FUTEX_WAITV, vec![Vec::new()]),
        Rule::with_secret(SCHED_YIELD, vec![Vec::new()]),
        Rule { any: vec![Vec::new()], ..Rule::with_secret(RESTART_SYSCALL, Vec::new()) },
    ]
}

/// Whether a call at the gate is one of those, but for restarting, which is the program's.
#[must_use]
pub fn is_own(nr: u64, args: &[u64; 6]) -> bool {
    let holds = |(arg, value): &(u8, u32)| args[usize::from(*arg)] == u64::from(*value);
    let alike = |rule: &Rule| rule.with_secret.iter().any(|conditions| conditions.iter().all(holds));
    own().iter().any(|rule| u64::from(rule.nr) == nr && alike(rule))
}

/// Whether it is that.
#[must_use]
pub fn restarts(nr: u64) -> bool {
    nr == u64::from(RESTART_SYSCALL)
}

/// What followers hold in place of a new descriptor of the leader's.
#[must_use]
pub fn placeholder() -> Rule {
    let any = [0, libc::EFD_CLOEXEC.cast_unsigned()].map(|flags| vec![(0, 0), (1, flags)]);
    Rule::with_secret(EVENTFD2, any.to_vec())
}

/// The policy of the calls that followers make too; the others are the monitor's, if a follower makes them.
#[must_use]
pub fn of_followers(table: &Table<'_>, policy: &[u8]) -> Vec<u8> {
    let each = |row: u32| table.call(row).is_some_and(|row| row.who == Who::Each);
    (0..).zip(policy).map(|(row, mode)| if each(row) { *mode } else { Mode::Monitored as u8 }).collect()
}

/// The rules for the program's calls and the agent's own, and the policy without what no filter can say: such rows are
/// monitored.
#[must_use]
pub fn rules(table: &Table<'_>, policy: &[u8]) -> (Vec<Rule>, Vec<u8>) {
    let mut allowed = vec![0; table.rows() as usize];
    let mut rules = own();
    for nr in 0..table.numbers() {
        let Some(row) = table.by_number(u64::from(nr)) else { continue };
        // Six arguments leave no room for the secret.
        let spare = row.args[5] == NONE;
        let mut collecting = Collecting {
            table,
            policy,
            spare,
            passing: Vec::new(),
            approved: Vec::new(),
            allowed: &mut allowed,
        };
        collecting.add(&row, &[]);
        let Collecting { passing, approved, .. } = collecting;
        if passing.is_empty() && approved.is_empty() {
            continue;
        }
        let index = rules.iter().position(|rule| rule.nr == nr).unwrap_or_else(|| {
            rules.push(Rule::with_secret(nr, Vec::new()));
            rules.len() - 1
        });
        let rule = &mut rules[index];
        if spare { &mut rule.with_secret } else { &mut rule.any }.extend(passing);
        rule.approved = approved;
    }
    (rules, allowed)
}

/// What passes of one number.
struct Collecting<'c> {
    table: &'c Table<'c>,
    policy: &'c [u8],
    /// The last argument register holds the secret.
    spare: bool,
    passing: Alternatives,
    approved: Alternatives,
    allowed: &'c mut [u8],
}

impl Collecting<'_> {
    /// Adds a row that applies under these conditions, or its sub-commands.
    fn add(&mut self, row: &CallRow, conditions: &[(u8, u32)]) {
        if row.selector != NONE {
            for (value, sub) in self.table.sub_calls(row) {
                if let Some(more) = condition(self.table, row.selector, value) {
                    self.add(&sub, &[conditions, &more].concat());
                }
            }
            return;
        }
        let mode = mode(self.policy, row.row);
        let fits = !self.spare || row.args[5] == NONE;
        let passes = matches!(mode, Mode::Lockstep | Mode::Ahead) && fits;
        if passes {
            self.passing.push(conditions.to_vec());
        } else if mode == Mode::Approved {
            self.approved.push(conditions.to_vec());
        }
        // What is approved waits at the gate.
        if (passes || mode == Mode::Approved)
            && let Some(place) = self.allowed.get_mut(row.row as usize)
        {
            *place = mode as u8;
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
