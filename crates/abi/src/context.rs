//! What the agent finds at the gs base of its thread, and behind its own text.
//!
//! The monitor fills both in; the offsets below are written in assembly in the agent's entry and in every stub.

use core::sync::atomic::{AtomicU32, AtomicU64};

/// One thread's place in a variant: this record, and the agent's stack above it.
#[derive(Debug, Default)]
#[repr(C)]
pub struct Context {
    /// Its own address.
    pub this: u64,
    /// The agent's entry: stubs jump to `gs:[8]`.
    pub entry: u64,
    /// Where the agent's stack begins, growing down.
    pub stack: u64,
    /// The stub that the thread came through; where it goes on.
    pub link: AtomicU64,
    /// The thread's ring; 0: none yet, so every call goes to the monitor. The monitor sets it.
    pub ring: AtomicU64,
    /// Address of the [`Plan`].
    pub plan: u64,
    /// Result of the call that a pseudo call is about.
    pub result: AtomicU64,
    /// Address of what lies apart from the leader's: a count, then [`REGIONS`] times leader's address, own, length. The
    /// monitor writes it.
    pub regions: u64,
    /// Leader: the address of the process' [`Turns`](crate::turn::Turns); 0: the monitor gives them out. The monitor sets
    /// it.
    pub turns: AtomicU64,
}

/// Bytes from one context to the next: the record in the first page, the stack in the others.
pub const SLOT: u64 = 32 << 10;
/// Contexts of a variant's process that the monitor maps at once.
pub const SLOTS: u64 = 32;

impl Context {
    /// A context at `this`, as it lies in memory.
    #[must_use]
    pub fn bytes(this: u64, entry: u64, plan: u64, regions: u64) -> [u8; core::mem::size_of::<Self>()] {
        let words = [this, entry, this + SLOT, 0, 0, plan, 0, regions, 0];
        let mut bytes = [0; core::mem::size_of::<Self>()];
        for (place, word) in bytes.as_chunks_mut().0.iter_mut().zip(words) {
            *place = word.to_le_bytes();
        }
        bytes
    }
}

/// How many regions a variant may have that lie apart; one with more does without its agent.
pub const REGIONS: usize = 1000;
/// Where the regions stand in the first slot, which has no stack.
pub const REGIONS_AT: u64 = 4096;

/// Offset of [`Context::ring`].
pub const RING: u64 = 32;
/// Offset of [`Context::result`].
pub const RESULT: u64 = 48;
/// Offset of [`Context::turns`].
pub const TURNS: u64 = 64;

/// The program's registers as the agent's entry pushes them, at the top of its stack.
#[derive(Clone, Copy, Debug, Default)]
#[repr(C)]
pub struct Frame {
    pub flags: u64,
    pub r15: u64,
    pub r14: u64,
    pub r13: u64,
    pub r12: u64,
    pub r10: u64,
    pub r9: u64,
    pub r8: u64,
    pub rdi: u64,
    pub rsi: u64,
    pub rbp: u64,
    pub rbx: u64,
    pub rdx: u64,
    /// The number of the call; then its result.
    pub rax: u64,
    pub rsp: u64,
}

/// Size of [`Frame`], which ends where the stack begins.
pub const FRAME: u64 = 15 * 8;
/// Bytes below it in which the entry keeps vector registers, aligned.
pub const BELOW_FRAME: u64 = 8 + 8 * 16;

/// What the agent of one variant needs to know; stands in sealed memory behind its text.
#[derive(Debug, Default)]
#[repr(C)]
pub struct Plan {
    /// Address and length of the table of descriptions.
    pub table: u64,
    pub table_length: u64,
    /// Address and length of the policy, see [`crate::policy`].
    pub policy: u64,
    pub policy_length: u64,
    /// Stands in the sixth argument register of a call from the gate, which none of them uses.
    pub secret: u64,
    /// Which variant this is; 0 leads.
    pub variant: u32,
    /// How often a waiting variant looks before it sleeps.
    pub looks: u32,
    /// How often it looks before it lets others on its CPU run, and looks again; never 0.
    pub before_yield: u32,
    /// Stays 0: the word that the gate looks at when no signal matters.
    pub never: AtomicU32,
    /// The variants on the same CPU, as bits: waiting for one of them means letting it run.
    pub neighbours: u32,
    /// Address of the run's [`Doorbells`](crate::doorbell::Doorbells).
    pub doorbells: u64,
    /// Followers: the key of their digests. The leader's is 0.
    pub key: [u64; 2],
}

impl Plan {
    /// Its bytes, as they lie in memory.
    #[must_use]
    pub fn bytes(&self) -> [u8; core::mem::size_of::<Self>()] {
        let words = [
            self.table,
            self.table_length,
            self.policy,
            self.policy_length,
            self.secret,
            u64::from(self.variant) | u64::from(self.looks) << 32,
            u64::from(self.before_yield),
            u64::from(self.neighbours),
            self.doorbells,
            self.key[0],
            self.key[1],
        ];
        let mut bytes = [0; core::mem::size_of::<Self>()];
        for (place, word) in bytes.as_chunks_mut().0.iter_mut().zip(words) {
            *place = word.to_le_bytes();
        }
        bytes
    }
}

/// What the gate gives when the call was not made: a signal came, or the monitor does not let it pass now. No system call
/// gives that: what is negative is an error number above -4096.
pub const CANCELLED: i64 = i64::MIN / 2 + 1;
/// What the gate gives when the monitor does not approve the call yet: not all followers have agreed. As [`CANCELLED`].
pub const NOT_YET: i64 = CANCELLED + 1;
/// The monitor's answer, with the call's number in its lower half, to one that has no place at the gate: the thread stops
/// with it as with any other, and does not get what lies in a record. No system call gives that either.
pub const ELSEWHERE: u64 = 1 << 63;

/// The pseudo call by which the agent tells the monitor that a signal is due behind a call that it has finished.
/// No system call of Linux has this number.
pub const SIGNAL_POINT: u64 = 0x5354;
/// The pseudo call by which the agent asks the monitor to hand out the outputs of a call that has been carried out.
pub const OUTPUTS_POINT: u64 = 0x5355;
/// The pseudo call by which a leader's agent tells the monitor that a turn is open that somebody needs.
pub const TURN_POINT: u64 = 0x5356;

const _: () = {
    assert!(core::mem::offset_of!(Context, entry) == 8);
    assert!(core::mem::offset_of!(Context, stack) == 16);
    assert!(core::mem::offset_of!(Context, link) == 24);
    assert!(core::mem::offset_of!(Context, ring) as u64 == RING);
    assert!(core::mem::offset_of!(Context, result) as u64 == RESULT);
    assert!(core::mem::offset_of!(Context, turns) as u64 == TURNS);
    assert!(core::mem::size_of::<Frame>() as u64 == FRAME);
};
