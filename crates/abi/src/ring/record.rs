//! A record: where it lies, how far it has got, and its head.

/// Records begin at multiples of this: a cache line.
pub(super) const LINE: u64 = 64;
/// Words of a record's head.
pub(super) const HEAD: usize = 4;

/// Where the next record begins, and its number.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Cursor {
    pub number: u32,
    pub at: u64,
}

/// How far a record has got.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Phase {
    /// Inputs are there.
    Published,
    /// Outputs are there.
    Done,
    /// The leader has gone to the monitor with this call.
    Cancelled,
}

/// The monitor hands out the outputs.
pub const BY_MONITOR: u8 = 1;
/// A signal is due behind the call.
pub const THEN_SIGNAL: u8 = 2;
/// The leader did not wait for the followers.
pub const AHEAD: u8 = 4;

/// Inputs and outputs are in the bulk.
pub const BULK_INPUTS: u8 = 8;
/// Outputs are in the bulk.
pub const BULK_OUTPUTS: u8 = 16;
/// The monitor hands out the outputs that are there: the leader has lost its turn.
pub const WITH_OUTPUTS: u8 = 32;

/// The head of a record, clamped.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Head {
    pub phase: Phase,
    pub epoch: u32,
    pub nr: u32,
    pub flags: u8,
    pub inputs: usize,
    pub outputs: usize,
    pub result: i64,
}

/// The tag of a record: its number, and its phase in the two lowest bits. Never 0.
#[must_use]
pub fn tag(number: u32, phase: Phase) -> u32 {
    let phase = match phase {
        Phase::Published => 1,
        Phase::Done => 2,
        Phase::Cancelled => 3,
    };
    number << 2 | phase
}

fn padded(bytes: usize) -> usize {
    (bytes + 7) & !7
}

impl Head {
    /// Whether the inputs are in the bulk.
    #[must_use]
    pub fn inputs_in_bulk(&self) -> bool {
        self.flags & BULK_INPUTS != 0
    }

    /// Whether the outputs are in the bulk.
    #[must_use]
    pub fn outputs_in_bulk(&self) -> bool {
        self.flags & (BULK_INPUTS | BULK_OUTPUTS) != 0
    }

    /// Byte offset of the outputs in the payload, or in the bulk.
    #[must_use]
    pub fn outputs_at(&self) -> usize {
        if self.flags & BULK_OUTPUTS == 0 { padded(self.inputs) } else { 0 }
    }

    /// Byte offset of the arguments in the payload.
    #[must_use]
    pub fn arguments_at(&self) -> usize {
        self.taken(false)
    }

    /// Bytes that inputs and outputs take of the bulk, or of the payload.
    pub(super) fn taken(&self, bulk: bool) -> usize {
        let inputs = if self.inputs_in_bulk() == bulk { padded(self.inputs) } else { 0 };
        let outputs = if self.outputs_in_bulk() == bulk { padded(self.outputs) } else { 0 };
        inputs + outputs
    }

    /// Bytes of the record.
    pub(super) fn length(&self) -> u64 {
        if self.phase == Phase::Cancelled {
            return LINE;
        }
        let bytes = (8 * HEAD + self.arguments_at() + 48) as u64;
        bytes.div_ceil(LINE) * LINE
    }
}
