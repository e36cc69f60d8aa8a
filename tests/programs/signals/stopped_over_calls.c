/* Job control stops the process in the midst of its calls, and lets it go on: nothing is lost. */
#include "check.h"
#include "hot.h"

enum { ROUNDS = 40 };
static volatile sig_atomic_t continued;

static void on_continue(int number) {
    (void)number;
    continued++;
}

int main(void) {
    int data[2];
    pid_t victim;
    must(pipe(data), "pipe");
    fflush(stdout);
    victim = fork();
    if (victim == 0) {
        char byte;
        int got = 0;
        close(data[1]);
        handle(SIGCONT, on_continue, SA_RESTART);
        pid_t self = getpid();
        int bad = 0;
        while (hot(SYS_read, data[0], (long)&byte, 1) == 1) {
            got++;
            for (int i = 0; i < 20; i++)
                bad += hot(SYS_getpid, 0, 0, 0) != self;
        }
        _exit(bad == 0 && got == ROUNDS ? 0 : 1);
    }
    close(data[0]);
    for (int i = 0; i < ROUNDS; i++) {
        write(data[1], "x", 1);
        kill(victim, SIGSTOP);
        int status;
        if (waitpid(victim, &status, WUNTRACED) != victim || !WIFSTOPPED(status))
            check(0, "it stops");
        kill(victim, SIGCONT);
        if (waitpid(victim, &status, WCONTINUED) != victim || !WIFCONTINUED(status))
            check(0, "it goes on");
    }
    /* Without looking: every stop is taken back, or ended. */
    for (int i = 0; i < ROUNDS; i++) {
        kill(victim, SIGSTOP);
        kill(victim, SIGCONT);
    }
    close(data[1]);
    report_end(victim, "the stopped process");
    return 0;
}
