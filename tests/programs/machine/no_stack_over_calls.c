/* A call needs no stack: rsp may hold anything, and what lies below it is not touched. */
#include "check.h"

enum { CALLS = 200 };

static long call_with_stack(uint64_t stack) {
    long result;
    __asm__ volatile("mov %%rsp, %%rbx\n\t"
                     "mov %1, %%rsp\n\t"
                     "mov $39, %%eax\n\t"
                     "syscall\n\tnop\n\tnop\n\tnop\n\t"
                     "mov %%rsp, %%rdx\n\t"
                     "mov %%rbx, %%rsp\n\t"
                     "sub %1, %%rdx\n\t"
                     "or %%rdx, %%rax"
                     : "=&a"(result)
                     : "r"(stack)
                     : "rbx", "rcx", "rdx", "r11", "memory");
    return result;
}

int main(void) {
    static char memory[8192];
    int wrong = 0;
    memset(memory, 'm', sizeof memory);
    for (int i = 0; i < CALLS; i++) {
        wrong += call_with_stack(0) != getpid();
        wrong += call_with_stack(0xdeadbeefdeadbeefULL) != getpid();
        wrong += call_with_stack((uint64_t)memory + 4096 + (uint64_t)i) != getpid();
    }
    check(wrong == 0, "every call gave what it should, and left rsp alone");
    for (size_t i = 0; i < sizeof memory; i++)
        wrong += memory[i] != 'm';
    check(wrong == 0, "nothing is written below or above the stack pointer");
    return 0;
}
