/* A signal that comes while a large read is under way is handled although the program makes no call after it. */
#include "check.h"

#include "hot.h"

enum { ROUNDS = 150, SIZE = 300000 };
static volatile sig_atomic_t seen;

static void count(int number) {
    (void)number;
    seen++;
}

/* Waits for bytes; a while after each it sends the signal: any time during the read. */
static void send_signals(int from, pid_t to) {
    unsigned char byte;
    while (read(from, &byte, 1) == 1) {
        for (volatile int i = 0; i < 40 * byte; i++)
            ;
        kill(to, SIGUSR1);
    }
    _exit(0);
}

int main(void) {
    static char bytes[SIZE];
    int go[2], zero = open("/dev/zero", O_RDONLY);
    pid_t self = getpid(), child;
    handle(SIGUSR1, count, SA_RESTART);
    must(pipe(go), "pipe");
    heat();
    child = fork();
    if (child == 0) {
        close(go[1]);
        send_signals(go[0], self);
    }
    close(go[0]);
    for (int i = 0; i < ROUNDS; i++) {
        unsigned char byte = (unsigned char)(i * 5);
        int before = seen;
        must(write(go[1], &byte, 1), "write");
        hot(SYS_read, zero, (long)bytes, sizeof bytes);
        while (seen == before)
            ;
    }
    close(go[1]);
    report_end(child, "the sender");
    check(seen == ROUNDS, "every signal came");
    return 0;
}
