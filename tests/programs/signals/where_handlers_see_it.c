/* Whenever a signal comes, its handler sees the program: an instruction of the program or its libraries, and the
   registers that the program has there. */
#include "check.h"
#include <sys/time.h>
#include <ucontext.h>

#include "code.h"

enum { ROUNDS = 400000 };
static volatile sig_atomic_t ticks, elsewhere, changed, at_call, after_call, wrong_after;
static volatile int marked;
extern const char marked_call[], marked_after[], marked_end[];

static void look(int number, siginfo_t *info, void *context) {
    const greg_t *registers = ((ucontext_t *)context)->uc_mcontext.gregs;
    uintptr_t at = (uintptr_t)registers[REG_RIP];
    (void)number;
    (void)info;
    ticks++;
    elsewhere += !is_code(at);
    if (at < (uintptr_t)marked_call || at >= (uintptr_t)marked_end)
        return;
    changed += registers[REG_RBX] != 0x1111 || registers[REG_RBP] != 0x2222 || registers[REG_R12] != 0x3333 ||
               registers[REG_R13] != 0x4444 || registers[REG_R14] != 0x5555 || registers[REG_R15] != 0x6666 ||
               registers[REG_RDI] != 0x7777 || registers[REG_RSI] != 0x8888 || registers[REG_RDX] != 0x9999 ||
               registers[REG_R8] != 0xaaaa || registers[REG_R9] != 0xbbbb || registers[REG_R10] != 0xcccc;
    at_call += at == (uintptr_t)marked_call;
    if (at == (uintptr_t)marked_after) {
        after_call++;
        wrong_after += registers[REG_RCX] != (greg_t)marked_after || registers[REG_RAX] != getpid();
    }
}

/* call(): getpid with marks in all registers that a call keeps; its result. */
__asm__(".text\n"
        "call:\n\t"
        "push %rbx\n\tpush %rbp\n\tpush %r12\n\tpush %r13\n\tpush %r14\n\tpush %r15\n\t"
        "mov $0x1111, %ebx\n\tmov $0x2222, %ebp\n\tmov $0x3333, %r12d\n\tmov $0x4444, %r13d\n\t"
        "mov $0x5555, %r14d\n\tmov $0x6666, %r15d\n\tmov $0x7777, %edi\n\tmov $0x8888, %esi\n\t"
        "mov $0x9999, %edx\n\tmov $0xaaaa, %r8d\n\tmov $0xbbbb, %r9d\n\tmov $0xcccc, %r10d\n\t"
        "mov $39, %eax\n"
        "marked_call:\n\t"
        "syscall\n"
        "marked_after:\n\t"
        "nop\n\tnop\n\tnop\n\tnop\n"
        "marked_end:\n\t"
        "pop %r15\n\tpop %r14\n\tpop %r13\n\tpop %r12\n\tpop %rbp\n\tpop %rbx\n\tret\n");
long call(void);

int main(void) {
    struct sigaction action = {.sa_sigaction = look, .sa_flags = SA_SIGINFO | SA_RESTART};
    struct itimerval often = {{0, 500}, {0, 500}}, never = {{0, 0}, {0, 0}};
    int bad = 0;
    long self = getpid();
    note_code();
    must(sigaction(SIGALRM, &action, NULL), "sigaction");
    setitimer(ITIMER_REAL, &often, NULL);
    for (int i = 0; i < ROUNDS && ticks < 200; i++)
        bad += call() != self;
    while (ticks == 0)
        bad += call() != self;
    setitimer(ITIMER_REAL, &never, NULL);
    check(bad == 0, "every call gave what it should");
    check(elsewhere == 0, "every handler saw an instruction of the program");
    check(changed == 0, "every handler saw the program's registers");
    check(wrong_after == 0, "behind the call, rcx and rax are as the kernel leaves them");
    return 0;
}
