/* The 32-bit entry `int 0x80` from 64-bit code: natively getpid, under Stretto refused. */
#include "check.h"

static void refused(int number) {
    printf("refused by SIG%s\n", sigabbrev_np(number));
    fflush(stdout);
    _exit(0);
}

int main(void) {
    long result = 20; /* getpid of i386 */
    handle(SIGSEGV, refused, 0);
    handle(SIGSYS, refused, 0);
    handle(SIGILL, refused, 0);
    __asm__ volatile("int $0x80" : "+a"(result) : : "r8", "r9", "r10", "r11", "memory");
    if (result == getpid())
        puts("worked");
    else
        puts((int)result == -ENOSYS ? "refused with ENOSYS" : (int)result == -EPERM ? "refused with EPERM" : "odd");
    return 0;
}
