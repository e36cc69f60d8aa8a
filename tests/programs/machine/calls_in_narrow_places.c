/* System calls where there is little room: one behind the other, before a call, before a jump, at the end of a page. */
#include "check.h"
#include <sys/mman.h>

enum { HOT = 60 };
typedef long (*function)(void);

__asm__(".text\n"
        "two:\n\tmov $39, %eax\n\tsyscall\n\tsyscall\n\tret\n"
        "three:\n\tmov $39, %eax\n\tsyscall\n\tmov $110, %eax\n\tsyscall\n\tmov $39, %eax\n\tsyscall\n\tret\n"
        "before_call:\n\tsub $8, %rsp\n\tmov $39, %eax\n\tsyscall\n\tcall keep\n\tadd $8, %rsp\n\tret\n"
        "keep:\n\tret\n"
        "before_jump:\n\tmov $39, %eax\n\tsyscall\n\tjmp 1f\n1:\tret\n"
        "before_return:\n\tmov $39, %eax\n\tsyscall\n\tret\n"
        "counted:\n\tmov $3, %edx\n1:\tmov $39, %eax\n\tsyscall\n\tmov %rdx, %rcx\n\tdec %rdx\n\tloop 1b\n\tret\n"
        "relative:\n\tmov $39, %eax\n\tsyscall\n\tcmp value(%rip), %eax\n\tsete %al\n\tmovzbl %al, %eax\n\tret\n");
long two(void), three(void), before_call(void), before_jump(void), before_return(void), counted(void), relative(void);
int value;

static int often(function call, long expected) {
    int wrong = 0;
    for (int i = 0; i < HOT; i++)
        wrong += call() != expected;
    return wrong;
}

/* mov eax, getpid; syscall, and what follows on the next page */
static function at_the_end(size_t room) {
    static const unsigned char code[] = {0xb8, 39, 0, 0, 0, 0x0f, 0x05, 0x90, 0x90, 0x90, 0xc3};
    unsigned char *pages = mmap(NULL, 8192, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    unsigned char *begin = pages + 4096 - 7 - room;
    memcpy(begin, code, sizeof code);
    mprotect(pages, 8192, PROT_READ | PROT_EXEC);
    return (function)(uintptr_t)begin;
}

int main(void) {
    long pid = getpid();
    value = (int)pid;
    check(often(two, -ENOSYS) == 0 || pid < 400, "two calls, the second with a number that does not exist");
    check(often(three, pid) == 0, "three calls");
    check(often(before_call, pid) == 0, "before a call");
    check(often(before_jump, pid) == 0, "before a jump");
    check(often(before_return, pid) == 0, "before a return");
    check(often(counted, pid) == 0, "before a loop");
    check(often(relative, 1) == 0, "before an operand relative to the instruction");
    int wrong = 0;
    for (size_t room = 0; room < 5; room++)
        wrong += often(at_the_end(room), pid);
    check(wrong == 0, "at the end of a page");
    return 0;
}
