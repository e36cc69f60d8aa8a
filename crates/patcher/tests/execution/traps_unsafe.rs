//! The part of the monitor: sends threads that trap in a window to the copy, or restores the original bytes.
//!
//! Anything else that traps ends the run and is reported, so that faults can be compared as well.

use std::ops::Range;

use crate::cpu_unsafe::Context;

const TRAP_FLAG: i64 = 0x100;
const SIGNALS: [i32; 5] = [libc::SIGTRAP, libc::SIGSEGV, libc::SIGBUS, libc::SIGFPE, libc::SIGILL];
/// No trial takes so many steps.
const STEPS: usize = 4096;

/// What the handler does, and what it has seen.
pub struct Traps {
    leave: u64,
    /// The bytes of the program that are patched at present, and what was there.
    pub window: Range<u64>,
    pub original: Vec<u8>,
    /// (address in the program, address of the copy).
    pub copies: Vec<(u64, u64)>,
    /// A breakpoint in the stub, where to go on in the unpatched program from there, and with which RCX.
    pub way_back: Option<(u64, u64, Option<u64>)>,
    /// Whether it was taken.
    pub went_back: bool,
    /// How often a thread was sent to a copy.
    pub redirected: u32,
    /// Whether the original bytes had to be restored.
    pub restored: bool,
    /// The signal that ended the run, and where.
    pub fault: Option<(i32, u64)>,
    /// Where single steps arrived. Never grows in the handler.
    pub steps: Vec<u64>,
}

impl Traps {
    pub fn new(leave: u64) -> Self {
        Self {
            leave,
            window: 0..0,
            original: Vec::new(),
            copies: Vec::new(),
            way_back: None,
            went_back: false,
            redirected: 0,
            restored: false,
            fault: None,
            steps: Vec::with_capacity(STEPS),
        }
    }

    /// Before a run: nothing is patched, nothing was seen.
    pub fn reset(&mut self) {
        self.window = 0..0;
        self.way_back = None;
        self.went_back = false;
        self.redirected = 0;
        self.restored = false;
        self.fault = None;
        self.steps.clear();
    }

    fn on_trap(&mut self, signal: i32, stepped: bool, registers: &mut [libc::greg_t; 23]) {
        let rip = registers[libc::REG_RIP as usize] as u64;
        if stepped {
            return self.on_step(rip, &mut registers[libc::REG_EFL as usize]);
        }
        // The kernel reports an `int3` behind it.
        let at = if signal == libc::SIGTRAP { rip - 1 } else { rip };
        let patched = self.window.contains(&at);
        let next = if patched && let Some(&(_, copy)) = self.copies.iter().find(|&&(place, _)| place == at) {
            self.redirected += 1;
            copy
        } else if patched {
            self.restored = true;
            self.restore();
            at
        } else if let Some((place, to, link)) = self.way_back
            && place == at
        {
            self.went_back = true;
            if let Some(link) = link {
                registers[libc::REG_RCX as usize] = link as i64;
            }
            self.restore();
            to
        } else {
            self.fault = Some((signal, rip));
            registers[libc::REG_EFL as usize] &= !TRAP_FLAG;
            self.leave
        };
        registers[libc::REG_RIP as usize] = next as i64;
    }

    /// Takes the patch back.
    fn restore(&mut self) {
        // SAFETY: the window is in writable memory of the trial, whose slices have ended before the run.
        unsafe {
            std::ptr::copy(self.original.as_ptr(), self.window.start as *mut u8, self.original.len());
        }
        self.window = 0..0;
    }

    fn on_step(&mut self, rip: u64, flags: &mut i64) {
        if self.steps.len() < STEPS {
            self.steps.push(rip);
        }
        if rip == self.leave || self.steps.len() == STEPS {
            *flags &= !TRAP_FLAG;
        }
    }
}

extern "C" fn handler(signal: i32, info: *mut libc::siginfo_t, ucontext: *mut libc::c_void) {
    const ARCH_GET_GS: i32 = 0x1004;
    const TRAP_TRACE: i32 = 2;
    let mut context: *mut Context = std::ptr::null_mut();
    // SAFETY: writes GS to the variable.
    unsafe { libc::syscall(libc::SYS_arch_prctl, ARCH_GET_GS, &raw mut context) };
    if context.is_null() {
        // Not a thread of this test: let it happen again, and end the process.
        // SAFETY: the default action needs no handler.
        unsafe { libc::signal(signal, libc::SIG_DFL) };
        return;
    }
    // SAFETY: the kernel passes valid pointers. GS points to the context of this thread, which is in `enter`
    // and accesses it only from assembly.
    let (info, ucontext, traps) =
        unsafe { (&*info, &mut *ucontext.cast::<libc::ucontext_t>(), &mut (*context).traps) };
    let stepped = signal == libc::SIGTRAP && info.si_code == TRAP_TRACE;
    traps.on_trap(signal, stepped, &mut ucontext.uc_mcontext.gregs);
}

/// Installs the handler, and gives the thread its alternate stack: the program's must not change.
pub fn install(stack: u64, length: usize) {
    set_stack(libc::stack_t { ss_sp: stack as *mut _, ss_flags: 0, ss_size: length });
    for signal in SIGNALS {
        // SAFETY: an empty sigaction is a valid one; the handler has the type that SA_SIGINFO needs.
        let failed = unsafe {
            let mut action: libc::sigaction = std::mem::zeroed();
            action.sa_sigaction = handler as *const () as usize;
            action.sa_flags = libc::SA_SIGINFO | libc::SA_ONSTACK;
            libc::sigaction(signal, &action, std::ptr::null_mut())
        };
        assert_eq!(failed, 0);
    }
}

/// Before the memory of the alternate stack goes.
pub fn remove_stack() {
    set_stack(libc::stack_t { ss_sp: std::ptr::null_mut(), ss_flags: libc::SS_DISABLE, ss_size: 0 });
}

fn set_stack(stack: libc::stack_t) {
    // SAFETY: the memory is the caller's, who takes it back with `remove_stack` first.
    let failed = unsafe { libc::sigaltstack(&stack, std::ptr::null_mut()) };
    assert_eq!(failed, 0);
}
