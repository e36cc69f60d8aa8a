/* leaves_call: the program forks. The leader does so at its gate, with a signal on its way: the kernel takes it out of the
   call, to be entered again behind the handler. In its place the leader makes a call that nobody has agreed to. */
#include "hostile.h"
#include <sys/time.h>

static volatile sig_atomic_t alarms;

static void count_alarm(int number) {
    alarms += number != 0;
}

/* Followers come late, so that the leader waits for them when the alarm comes. */
static void compute(void) {
    for (volatile long i = 0; i < 300000000; i++)
        ;
}

int main(void) {
    struct sigaction action = {.sa_handler = count_alarm, .sa_flags = SA_RESTART};
    struct itimerval soon = {.it_value = {.tv_usec = 50000}};
    sigaction(SIGALRM, &action, NULL);
    warm_up();
    setitimer(ITIMER_REAL, &soon, NULL);
    long child;
    if (variant() == 0) {
        child = at_gate(SYS_fork, 0, 0, 0, 0, 0, 0);
        if (child < 0)
            syscall(SYS_creat, "unchecked", 0600);
    } else {
        compute();
        child = hot(SYS_fork, 0, 0, 0);
    }
    if (child == 0)
        _exit(0);
    waitpid((pid_t)child, NULL, 0);
    say("after\n");
    return 0;
}
