//! Why a site cannot be patched.

/// Why a site cannot be patched, or not with that stub. `at` is the address of the instruction that is the
/// reason; it is not in the text, which is the same for all sites that share it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum Refusal {
    /// The bytes at the site are not `0f 05`.
    #[error("there is no syscall instruction")]
    NotASyscall { at: u64 },
    /// The site is not in the half of the address space that programs have.
    #[error("not an address of a program")]
    NotAUserAddress { at: u64 },
    /// The readable bytes end before the last displaced instruction, or before the jump, does.
    #[error("the code ends too soon to hold a jump")]
    TooFewBytes { at: u64 },
    /// The bytes are no instruction, or one that is not known.
    #[error("unknown instruction")]
    Undecodable { at: u64 },
    /// The return address that a relocated call pushes would be one in the stub.
    #[error("a call follows the system call too closely")]
    Call { at: u64 },
    /// `int3`: somebody's breakpoint, who wants to take it back later.
    #[error("a breakpoint follows the system call too closely")]
    Breakpoint { at: u64 },
    /// `syscall`, `sysenter`, `int n`: the kernel would be entered from the stub.
    #[error("another system call follows too closely")]
    SecondSystemCall { at: u64 },
    /// Far jump, far return, `iret` and others that load CS.
    #[error("a far jump or return follows the system call too closely")]
    FarTransfer { at: u64 },
    /// A relative branch with prefixes, which processors of different makers read differently.
    #[error("a branch with prefixes follows the system call too closely")]
    PrefixedBranch { at: u64 },
    /// `xbegin`: where an abort goes is relative to the instruction.
    #[error("a transaction begins too close to the system call")]
    Transaction { at: u64 },
    /// x87: the FPU remembers the address of the last such instruction, and programs can store it
    /// (`fnstenv`).
    #[error("an x87 instruction, which records its own address, follows the system call too closely")]
    RecordsItsAddress { at: u64 },
    /// An instruction that a program may not execute. (`hlt` may be displaced: it always faults.)
    #[error("a privileged instruction follows the system call too closely")]
    Privileged { at: u64 },
    /// With SS it delays traps by an instruction; the others are as rare, and the agent relies on GS.
    #[error("a load of a segment register follows the system call too closely")]
    SegmentLoad { at: u64 },
    /// `popf` may set the trap flag, which takes effect one instruction later.
    #[error("the flags are loaded from the stack too close to the system call")]
    LoadsFlags { at: u64 },
    /// An operand relative to EIP: only the low 4 GiB are reached.
    #[error("an operand relative to eip follows the system call too closely")]
    EipRelative { at: u64 },
    /// A displaced branch goes to bytes of the window where no instruction is known to begin.
    #[error("a branch goes into the bytes that the jump takes")]
    BranchIntoWindow { at: u64 },
    /// A displaced instruction reads or writes memory that the patch overwrites.
    #[error("an operand lies in the bytes that the jump takes")]
    OperandInWindow { at: u64 },
    /// [`Site::accepts`](crate::Site::accepts) is false for this stub.
    #[error("no stub for it can be at {stub:#x}")]
    WrongPlace { at: u64, stub: u64 },
    /// What a displaced instruction refers to is more than 2 GiB away from its copy.
    #[error("what the instruction refers to is out of reach of the stub")]
    OutOfReach { at: u64 },
}
