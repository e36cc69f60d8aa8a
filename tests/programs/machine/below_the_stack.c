/* The red zone: 128 bytes below the stack pointer survive system calls and signals (System V ABI). */
#include "check.h"

static volatile sig_atomic_t calls;

static void note(int number) {
    (void)number;
    calls++;
}

static long __attribute__((noinline)) keep(long number, long first, long second) {
    long result;
    __asm__ volatile("movq $0x1234, -8(%%rsp)\n\tmovq $0x5678, -120(%%rsp)\n\tsyscall\n\t"
                     "cmpq $0x1234, -8(%%rsp)\n\tjne 1f\n\tcmpq $0x5678, -120(%%rsp)\n\tjne 1f\n\t"
                     "mov $1, %%eax\n\tjmp 2f\n1:\txor %%eax, %%eax\n2:"
                     : "=a"(result)
                     : "0"(number), "D"(first), "S"(second)
                     : "rcx", "r11", "memory", "cc");
    return result;
}

int main(void) {
    handle(SIGUSR1, note, 0);
    check(keep(SYS_getppid, 0, 0) == 1, "over a call");
    check(keep(SYS_kill, getpid(), SIGUSR1) == 1 && calls == 1, "over a signal");
    return 0;
}
