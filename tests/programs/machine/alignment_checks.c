/* A program that has the processor check its alignment (AC): a call is no access of the program's. */
#include "check.h"

enum { CALLS = 200, ALIGNMENT_CHECK = 0x40000 };

static long checked_call(uint64_t *flags) {
    long result;
    __asm__ volatile("sub $128, %%rsp\n\tpushfq\n\tpushfq\n\torq %2, (%%rsp)\n\tpopfq\n\t"
                     "mov $39, %%eax\n\tsyscall\n\tnop\n\tnop\n\tnop\n\t"
                     "pushfq\n\tpop %1\n\tpopfq\n\tadd $128, %%rsp"
                     : "=&a"(result), "=&r"(*flags)
                     : "r"((uint64_t)ALIGNMENT_CHECK)
                     : "rcx", "r11", "memory", "cc");
    return result;
}

int main(void) {
    int wrong = 0;
    pid_t self = getpid();
    for (int i = 0; i < CALLS; i++) {
        uint64_t flags = 0;
        wrong += checked_call(&flags) != self;
        wrong += (flags & ALIGNMENT_CHECK) == 0;
    }
    check(wrong == 0, "every call gave what it should, and the flag stayed");
    return 0;
}
