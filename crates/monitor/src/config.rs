//! What a run is asked to do.

/// The greatest number of variants.
pub const MAX_VARIANTS: usize = 8;

/// How the variants' address spaces differ.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Layout {
    /// No code address is valid in two variants; data lies at the same addresses.
    DisjointCode,
    /// Mapped data differs as well.
    Disjoint,
}

/// What follows a divergence.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Reaction {
    /// Everything ends.
    Kill,
    /// The leader goes on alone.
    Audit,
    /// The odd variants are dropped while the leader is in the majority.
    Vote,
}

/// A facility for tests: a signal at every instruction of stubs and agent, see `tracer::injection`.
#[derive(Clone, Copy, Debug)]
pub struct Injection {
    /// The variant whose way through stub and agent counts.
    pub watched: usize,
    /// The variant that the signal is sent to.
    pub signalled: usize,
    /// Number of the call behind which that way begins.
    pub marker: u64,
    pub signal: i32,
    /// Another one, that is sent at any instruction behind the first; 0: none.
    pub second: i32,
    /// How many passages over an instruction, on one way, get a signal each.
    pub passages: u32,
    /// Of so many instructions one gets a signal.
    pub stride: u64,
    /// Microseconds that the other variants stand still behind the marker.
    pub delay: u64,
}

/// The plan of one run. Paths and strings are as the kernel wants them.
#[derive(Clone, Debug)]
pub struct Config {
    /// The program and its arguments.
    pub argv: Vec<Vec<u8>>,
    /// `KEY=value` strings.
    pub env: Vec<Vec<u8>>,
    /// 1 to [`MAX_VARIANTS`].
    pub variants: usize,
    /// A binary of its own for some variants.
    pub variant_paths: Vec<(usize, Vec<u8>)>,
    /// See [`Layout`].
    pub layout: Layout,
    /// See [`Reaction`].
    pub reaction: Reaction,
    /// Whether each variant and its tracer share one CPU.
    pub pin: bool,
    /// Whether the run lasts until the last process has ended, not only the first.
    pub wait_for_orphans: bool,
    /// Whether Stretto's own process stops when the program's first process does: right for a command, wrong for
    /// a library in somebody else's process.
    pub follow_stops: bool,
    /// Seconds that a variant may lag behind the others; 0 = for ever.
    pub timeout: f64,
    /// File that events are appended to.
    pub log: Option<std::path::PathBuf>,
    /// Compiled descriptions of the system calls.
    pub table: Vec<u8>,
    /// Where each of them is checked (`stretto_abi::policy`); `None`: all in the monitor, and there are no agents.
    pub policy: Option<Vec<u8>>,
    /// Visits of a `syscall` instruction before it is patched to call the agent.
    pub patch_after: u32,
    /// Directory in which hot sites are remembered; `None`: none are.
    pub hot_sites: Option<std::path::PathBuf>,
    /// See [`Injection`].
    pub injection: Option<Injection>,
}
