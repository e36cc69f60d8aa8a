/* masks WHO HOW: one variant blocks the signals that all are about to take. HOW: "frame": what its handler returns to
   blocks them; "memory": the mask that it waits with is changed, while it waits, by a process that shares its memory. */
#include "hostile.h"
#include <sched.h>
#include <sys/time.h>
#include <ucontext.h>

static const char *who, *how;
static sigset_t waiting;
static char stack[65536];

static void handler(int number, siginfo_t *info, void *frame) {
    (void)info;
    if (number == SIGUSR1 && strcmp(how, "frame") == 0 && concerns(who))
        memset(&((ucontext_t *)frame)->uc_sigmask, 0xff, sizeof(uint64_t));
}

/* Whether our parent waits with SIGUSR2 let through, which it blocks otherwise. */
static int is_waiting(void) {
    char path[64], text[4096];
    snprintf(path, sizeof path, "/proc/%d/status", getppid());
    int fd = open(path, O_RDONLY);
    ssize_t length = read(fd, text, sizeof text - 1);
    close(fd);
    text[length > 0 ? length : 0] = 0;
    const char *blocked = strstr(text, "SigBlk:");
    return blocked && !(strtoull(blocked + sizeof "SigBlk:" - 1, NULL, 16) >> (SIGUSR2 - 1) & 1);
}

static int interrupt(void *unused) {
    (void)unused;
    while (!is_waiting())
        sched_yield();
    if (concerns(who))
        memset(&waiting, 0xff, sizeof(uint64_t));
    return kill(getppid(), SIGUSR2);
}

int main(int count, char **arguments) {
    struct sigaction action = {.sa_sigaction = handler, .sa_flags = SA_SIGINFO | SA_RESTART};
    struct itimerval once = {{0, 0}, {0, 100000}};
    if (count != 3)
        return 95;
    who = arguments[1], how = arguments[2];
    warm_up();
    sigaction(SIGUSR1, &action, NULL);
    sigaction(SIGUSR2, &action, NULL);
    sigaction(SIGALRM, &action, NULL);
    raise(SIGUSR1);
    if (strcmp(how, "memory") == 0) {
        sigset_t blocked;
        sigemptyset(&blocked);
        sigaddset(&blocked, SIGUSR2);
        sigprocmask(SIG_BLOCK, &blocked, NULL);
        clone(interrupt, stack + sizeof stack, CLONE_VM | SIGCHLD, NULL);
        sigsuspend(&waiting);
    } else {
        setitimer(ITIMER_REAL, &once, NULL);
        for (int i = 0; i < 50; i++)
            usleep(10000);
    }
    say("after\n");
    return 0;
}
