/* A system call from a place of its own: after a few calls its instruction is patched, whatever libc does. */
#ifndef HOT_H
#define HOT_H

/* Enough for any threshold of visits in every variant. */
enum { HOT = 40 };

__attribute__((noipa)) static long hot6(long number, long a, long b, long c, long d, long e, long f) {
    register long r10 __asm__("r10") = d;
    register long r8 __asm__("r8") = e;
    register long r9 __asm__("r9") = f;
    long result;
    __asm__ volatile("syscall\n\tnop\n\tnop\n\tnop"
                     : "=a"(result)
                     : "0"(number), "D"(a), "S"(b), "d"(c), "r"(r10), "r"(r8), "r"(r9)
                     : "rcx", "r11", "memory");
    return result;
}

__attribute__((unused)) static long hot(long number, long a, long b, long c) {
    return hot6(number, a, b, c, 0, 0, 0);
}

/* Makes the place hot. */
__attribute__((unused)) static void heat(void) {
    for (int i = 0; i < HOT; i++)
        hot(39 /* getpid */, 0, 0, 0);
}

#endif
