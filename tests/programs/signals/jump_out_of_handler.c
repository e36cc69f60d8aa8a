/* siglongjmp out of handlers: of a raised signal, of an alarm in a blocked read; the mask is restored. */
#include "check.h"
#include <setjmp.h>
#include <sys/time.h>

static sigjmp_buf back;

static void leave(int number) {
    siglongjmp(back, number);
}

int main(void) {
    int ends[2], number;
    volatile int left = 0;
    char byte;
    sigset_t now;
    must(pipe(ends), "pipe");
    handle(SIGUSR1, leave, 0);
    handle(SIGALRM, leave, SA_RESTART);
    for (volatile int i = 0; i < 200; i++) {
        if ((number = sigsetjmp(back, 1)) == 0) {
            raise(SIGUSR1);
            check(0, "never here");
        }
        left += number == SIGUSR1;
    }
    check(left == 200, "200 jumps out of a raised signal");
    for (volatile int i = 0; i < 5; i++) {
        struct itimerval soon = {{0, 20000}, {0, 10000}};
        if ((number = sigsetjmp(back, 1)) == 0) {
            setitimer(ITIMER_REAL, &soon, NULL);
            read(ends[0], &byte, 1);
            check(0, "never here");
        }
        setitimer(ITIMER_REAL, &(struct itimerval){{0, 0}, {0, 0}}, NULL);
        check(number == SIGALRM, "a jump out of a blocked read");
    }
    sigprocmask(SIG_BLOCK, NULL, &now);
    check(!sigismember(&now, SIGALRM) && !sigismember(&now, SIGUSR1), "nothing is blocked");
    return 0;
}
