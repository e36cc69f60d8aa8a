/* Ends as its argument says: a number is an exit status, a name a signal. */
#include "check.h"
#include <sys/resource.h>

static void bye(void) {
    puts("atexit");
}

static void last(void) {
    puts("second");
}

static int descend(volatile char *above) {
    volatile char room[4096];
    room[0] = *above;
    return descend(room) + room[0];
}

int main(int argc, char **argv) {
    struct rlimit none = {0, 0};
    const char *how = argc > 1 ? argv[1] : "0";
    setrlimit(RLIMIT_CORE, &none);
    atexit(bye);
    at_quick_exit(last);
    puts("begin");
    fflush(stdout);
    if (strcmp(how, "abort") == 0)
        abort();
    if (strcmp(how, "quick") == 0)
        quick_exit(2);
    if (strcmp(how, "null") == 0)
        return *(volatile int *)0;
    if (strcmp(how, "trap") == 0)
        __builtin_trap();
    if (strcmp(how, "stack") == 0)
        return descend((volatile char *)how);
    for (int number = 1; number < NSIG; number++)
        if (sigabbrev_np(number) && strcmp(how, sigabbrev_np(number)) == 0)
            raise(number);
    exit(atoi(how));
}
