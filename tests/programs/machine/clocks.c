/* Clocks of every kind don't go backwards and fit each other. */
#include "check.h"
#include <sys/time.h>
#include <time.h>

static long long now(clockid_t clock) {
    struct timespec at = {0, 0};
    clock_gettime(clock, &at);
    return at.tv_sec * 1000000000LL + at.tv_nsec;
}

int main(void) {
    clockid_t clocks[] = {CLOCK_REALTIME, CLOCK_MONOTONIC, CLOCK_MONOTONIC_RAW, CLOCK_BOOTTIME,
                          CLOCK_PROCESS_CPUTIME_ID, CLOCK_THREAD_CPUTIME_ID, CLOCK_MONOTONIC_COARSE};
    struct timespec resolution, short_time = {0, 20000000};
    struct timeval day;
    for (size_t i = 0; i < sizeof clocks / sizeof *clocks; i++) {
        int backwards = 0;
        long long before = now(clocks[i]);
        for (int j = 0; j < 100; j++) {
            long long at = now(clocks[i]);
            backwards += at < before;
            before = at;
        }
        check(backwards == 0 && before > 0, "a clock goes forwards");
    }
    gettimeofday(&day, NULL);
    check(llabs(now(CLOCK_REALTIME) / 1000000000 - day.tv_sec) <= 2, "gettimeofday");
    check(llabs(time(NULL) - day.tv_sec) <= 2, "time");
    long long before = now(CLOCK_MONOTONIC);
    nanosleep(&short_time, NULL);
    check(now(CLOCK_MONOTONIC) - before >= 20000000, "nanosleep takes its time");
    before = now(CLOCK_MONOTONIC);
    clock_nanosleep(CLOCK_MONOTONIC, TIMER_ABSTIME, &(struct timespec){0, 1}, NULL);
    check(now(CLOCK_MONOTONIC) - before < 5000000000, "a time that has passed");
    check(clock_getres(CLOCK_MONOTONIC, &resolution) == 0 && resolution.tv_nsec > 0, "clock_getres");
    check_error(clock_gettime(9999, &resolution), EINVAL, "no such clock");
    check(clock() >= 0, "clock");
    return 0;
}
