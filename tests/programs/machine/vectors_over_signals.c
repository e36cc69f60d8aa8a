/* Vector registers and flags of the interrupted program survive its handlers. */
#include "check.h"
#include <immintrin.h>
#include <sys/time.h>

static volatile sig_atomic_t calls;

static void spoil(int number) {
    (void)number;
    __asm__ volatile("pxor %%xmm0, %%xmm0\n\tpxor %%xmm1, %%xmm1\n\tpxor %%xmm7, %%xmm7" ::: "xmm0", "xmm1", "xmm7");
    calls++;
}

int main(void) {
    double sum = 0;
    handle(SIGALRM, spoil, SA_RESTART);
    setitimer(ITIMER_REAL, &(struct itimerval){{0, 2000}, {0, 2000}}, NULL);
    long i = 0;
    while (calls < 20) {
        for (int j = 0; j < 1000; j++)
            sum += 0.5;
        i += 1000;
        getppid();
    }
    check(sum == 0.5 * (double)i, "a sum over 20 signals");
    return 0;
}
