/* timer_create with a signal and its value, overruns, a timer that notifies a thread id. */
#include "check.h"
#include <time.h>

static volatile sig_atomic_t calls, wrong;
static int payload;

static void note(int number, siginfo_t *info, void *context) {
    (void)number;
    (void)context;
    calls++;
    wrong += info->si_code != SI_TIMER || info->si_value.sival_ptr != &payload;
}

int main(void) {
    struct sigaction action = {.sa_sigaction = note, .sa_flags = SA_SIGINFO};
    struct sigevent event = {
        .sigev_notify = SIGEV_SIGNAL, .sigev_signo = SIGRTMIN + 1, .sigev_value.sival_ptr = &payload};
    struct itimerspec often = {{0, 5000000}, {0, 5000000}}, never = {{0, 0}, {0, 0}}, now;
    sigset_t set, before;
    timer_t timer;
    sigaction(SIGRTMIN + 1, &action, NULL);
    must(timer_create(CLOCK_MONOTONIC, &event, &timer), "timer_create");
    must(timer_settime(timer, 0, &often, NULL), "timer_settime");
    while (calls < 5)
        pause();
    check(wrong == 0, "every signal carries the pointer");
    timer_gettime(timer, &now);
    check(now.it_interval.tv_nsec == 5000000, "timer_gettime");

    sigemptyset(&set);
    sigaddset(&set, SIGRTMIN + 1);
    sigprocmask(SIG_BLOCK, &set, &before);
    struct timespec while_blocked = {0, 60000000};
    nanosleep(&while_blocked, NULL);
    siginfo_t info;
    sigwaitinfo(&set, &info);
    check(info.si_overrun > 2, "overruns are counted");
    timer_settime(timer, 0, &never, NULL);
    must(timer_delete(timer), "timer_delete");
    check_error(timer_gettime(timer, &now), EINVAL, "a deleted timer");

    event.sigev_notify = SIGEV_THREAD_ID;
    event._sigev_un._tid = gettid();
    must(timer_create(CLOCK_REALTIME, &event, &timer), "timer_create for a thread");
    struct itimerspec once = {{0, 0}, {0, 1000000}};
    timer_settime(timer, 0, &once, NULL);
    check(sigwaitinfo(&set, &info) == SIGRTMIN + 1, "the thread's timer");
    event.sigev_notify = SIGEV_NONE;
    must(timer_create(CLOCK_MONOTONIC, &event, &timer), "timer_create without notification");
    check_error(timer_create(99, &event, &timer), EINVAL, "no such clock");
    return 0;
}
