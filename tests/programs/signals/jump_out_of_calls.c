/* Handlers that never return: out of a read that waits, and of a write into a pipe that nobody reads. */
#include "check.h"
#include <setjmp.h>
#include <sys/time.h>

#include "hot.h"

enum { ROUNDS = 30 };
static sigjmp_buf back;

static void leave(int number) {
    siglongjmp(back, number);
}

int main(void) {
    int silent[2], unread[2], word[2];
    volatile int reads = 0, writes = 0, good = 0;
    char byte;
    must(pipe(silent), "pipe");
    must(pipe(unread), "pipe");
    must(pipe(word), "pipe");
    close(unread[0]);
    heat();
    handle(SIGALRM, leave, 0);
    handle(SIGPIPE, leave, 0);
    for (volatile int i = 0; i < ROUNDS; i++) {
        struct itimerval once = {{0, 0}, {0, 3000}};
        if (sigsetjmp(back, 1) == 0) {
            setitimer(ITIMER_REAL, &once, NULL);
            for (;;)
                hot(SYS_read, silent[0], (long)&byte, 1);
        }
        reads++;
        if (sigsetjmp(back, 1) == 0) {
            hot(SYS_write, unread[1], (long)"x", 1);
            check(0, "SIGPIPE comes before the result of write");
        }
        writes++;
        /* What follows is as good as ever. */
        good += hot(SYS_write, word[1], (long)"w", 1) == 1 && hot(SYS_read, word[0], (long)&byte, 1) == 1 && byte == 'w';
    }
    check(reads == ROUNDS, "out of read");
    check(writes == ROUNDS, "out of write");
    check(good == ROUNDS, "calls after that");
    return 0;
}
