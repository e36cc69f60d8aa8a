/* A program that jumps to the instructions right behind a system call: it finds them there, also when the call has
   been made often. */
#include "check.h"

enum { HOT = 60 };

/* enter(where): goes to `where`; each instruction leaves its mark in the result. */
__asm__(".text\n"
        "enter:\n\t"
        "xor %edx, %edx\n\t"
        "mov $39, %eax\n\t"
        "jmp *%rdi\n"
        "at_call:\n\t"
        "syscall\n"
        "behind:\n\t"
        "inc %dl\n"
        "one_more:\n\t"
        "inc %dh\n"
        "last:\n\t"
        "lea 0x10000(%rdx), %rax\n\t"
        "ret\n"
        /* enter_long: the same with one long instruction behind the call */
        "enter_long:\n\t"
        "mov $39, %eax\n\t"
        "jmp *%rdi\n"
        "long_call:\n\t"
        "syscall\n"
        "long_behind:\n\t"
        "movabs $0x1122334455667788, %rax\n\t"
        "ret\n"
        /* enter_loop: a jump back, decided by flags */
        "enter_loop:\n\t"
        "mov $5, %ebx\n\t"
        "jmp *%rdi\n"
        "loop_call:\n\t"
        "syscall\n"
        "loop_behind:\n\t"
        "dec %ebx\n\t"
        "mov $39, %eax\n\t"
        "jnz loop_call\n\t"
        "mov %ebx, %eax\n\t"
        "pop %rbx\n\t"
        "ret\n"
        "loop:\n\t"
        "push %rbx\n\t"
        "mov $39, %eax\n\t"
        "jmp enter_loop\n");
long enter(const void *where), enter_long(const void *where), loop(const void *where);
extern const char at_call[], behind[], one_more[], last[], long_call[], long_behind[], loop_call[], loop_behind[];

static int often(long (*function)(const void *), const void *where, long expected) {
    int wrong = 0;
    for (int i = 0; i < HOT; i++)
        wrong += function(where) != expected;
    return wrong;
}

static void all(const char *when) {
    int wrong = often(enter, behind, 0x10101) + often(enter, one_more, 0x10100) + often(enter, last, 0x10000);
    wrong += often(enter_long, long_behind, 0x1122334455667788) + often(loop, loop_behind, 0);
    check(wrong == 0, when);
}

int main(void) {
    all("before any call");
    check(often(enter, at_call, 0x10101) == 0, "short instructions behind a call");
    check(often(enter_long, long_call, 0x1122334455667788) == 0, "a long one");
    check(often(loop, loop_call, 0) == 0, "a jump back");
    all("when the calls are hot");
    check(often(enter, at_call, 0x10101) == 0, "short instructions, again");
    check(often(enter_long, long_call, 0x1122334455667788) == 0, "a long one, again");
    check(often(loop, loop_call, 0) == 0, "a jump back, again");
    return 0;
}
