/* A system call changes rax, rcx and r11, and nothing else: general, vector and control registers. */
#include "check.h"

struct all {
    uint64_t rax, rbx, rcx, rdx, rsi, rdi, rbp, r8, r9, r10, r11, r12, r13, r14, r15, after;
};

/* call_with_marks(registers, number): loads marks, calls, stores what it finds. */
__asm__(".text\n"
        "call_with_marks:\n\t"
        "push %rbx\n\tpush %rbp\n\tpush %r12\n\tpush %r13\n\tpush %r14\n\tpush %r15\n\tpush %rdi\n\t"
        "mov %rsi, %rax\n\t"
        "mov $0x1001, %rbx\n\t"
        "xor %edi, %edi\n\t"
        "mov $0x1003, %rdx\n\t"
        "mov $0x1004, %rsi\n\t"
        "mov $0x1005, %rbp\n\t"
        "mov $0x1008, %r8\n\t"
        "mov $0x1009, %r9\n\t"
        "mov $0x1010, %r10\n\t"
        "mov $0x1012, %r12\n\t"
        "mov $0x1013, %r13\n\t"
        "mov $0x1014, %r14\n\t"
        "mov $0x1015, %r15\n\t"
        "stc\n\t"
        "syscall\n"
        "1:\n\t"
        "push %rax\n\t"
        "mov 8(%rsp), %rax\n\t"
        "pop (%rax)\n\t"
        "mov %rbx, 8(%rax)\n\t"
        "mov %rcx, 16(%rax)\n\t"
        "mov %rdx, 24(%rax)\n\t"
        "mov %rsi, 32(%rax)\n\t"
        "mov %rdi, 40(%rax)\n\t"
        "mov %rbp, 48(%rax)\n\t"
        "mov %r8, 56(%rax)\n\t"
        "mov %r9, 64(%rax)\n\t"
        "mov %r10, 72(%rax)\n\t"
        "mov %r11, 80(%rax)\n\t"
        "mov %r12, 88(%rax)\n\t"
        "mov %r13, 96(%rax)\n\t"
        "mov %r14, 104(%rax)\n\t"
        "mov %r15, 112(%rax)\n\t"
        "lea 1b(%rip), %rcx\n\t"
        "mov %rcx, 120(%rax)\n\t"
        "pop %rdi\n\tpop %r15\n\tpop %r14\n\tpop %r13\n\tpop %r12\n\tpop %rbp\n\tpop %rbx\n\t"
        "ret\n");
void call_with_marks(struct all *registers, long number);

static int kept(const struct all *r) {
    return r->rbx == 0x1001 && r->rdx == 0x1003 && r->rsi == 0x1004 && r->rdi == 0 && r->rbp == 0x1005 &&
           r->r8 == 0x1008 && r->r9 == 0x1009 && r->r10 == 0x1010 && r->r12 == 0x1012 && r->r13 == 0x1013 &&
           r->r14 == 0x1014 && r->r15 == 0x1015;
}

static void test(long number, uint64_t result, const char *what) {
    struct all registers = {0};
    call_with_marks(&registers, number);
    check(registers.rax == result, what);
    check(kept(&registers), "other registers are kept");
    check(registers.rcx == registers.after, "rcx is the address behind the instruction");
    check(registers.r11 & 1, "r11 holds the flags");
}

int main(void) {
    double vector[4] = {1.5, 2.5, 3.5, 4.5}, after[4];
    long result;
    test(SYS_getpid, (uint64_t)getpid(), "getpid");
    test(SYS_getsid, (uint64_t)getsid(0), "getsid");
    test(9999, (uint64_t)-ENOSYS, "an unknown number");
    test(SYS_close + 0x100000000, 0, "only the lower half of rax is the number");
    check_error(fcntl(0, F_GETFD), EBADF, "close");
    __asm__ volatile("movupd (%2), %%xmm6\n\tmovupd 16(%2), %%xmm15\n\tsyscall\n\t"
                     "movupd %%xmm6, (%3)\n\tmovupd %%xmm15, 16(%3)"
                     : "=a"(result)
                     : "0"((long)SYS_getpid), "r"(vector), "r"(after)
                     : "rcx", "r11", "xmm6", "xmm15", "memory");
    check(result == getpid() && after[1] == 2.5 && after[3] == 4.5, "vector registers are kept");
    unsigned control = 0x5f80, seen = 0, before;
    __asm__ volatile("stmxcsr %0" : "=m"(before));
    __asm__ volatile("ldmxcsr %0" : : "m"(control));
    getppid();
    raise(SIGURG);
    __asm__ volatile("stmxcsr %0" : "=m"(seen));
    __asm__ volatile("ldmxcsr %0" : : "m"(before));
    check(seen == control, "the control register is kept");
    return 0;
}
