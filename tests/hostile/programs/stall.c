/* stall WHO HOW: one variant does not go on, while the others make calls until the ring is full, and further.
   HOW: "loop"; "busy": it looks as if it did something; "asleep": at its gate; "waits": in other calls of the program's there,
   again and again; "dies"; "signals": the others are to take a signal meanwhile. */
#include "hostile.h"
#include <sys/time.h>

static void nothing(int number) {
    (void)number;
}

__attribute__((noreturn)) static void stall(const char *how) {
    static struct {
        uint64_t value, address;
        uint32_t flags, reserved;
    } waiter = {.flags = 2};
    waiter.address = (uint64_t)&waiter;
    if (strcmp(how, "dies") == 0)
        __builtin_trap();
    for (;;) {
        if (strcmp(how, "busy") == 0)
            post()->calls++;
        if (strcmp(how, "asleep") == 0)
            at_gate(449 /* futex_waitv */, (long)&waiter, 1, 0, 0, 0, (long)plan()->secret);
        if (strcmp(how, "waits") == 0)
            at_gate(SYS_poll, 0, 0, 100, 0, 0, (long)plan()->secret);
        __asm__ volatile("");
    }
}

int main(int count, char **arguments) {
    if (count != 4)
        return 95;
    struct itimerval once = {{0, 0}, {0, 300000}};
    int zero = open("/dev/zero", O_RDONLY), lockstep = strcmp(arguments[3], "lockstep") == 0;
    char byte;
    warm_up();
    if (strcmp(arguments[2], "signals") == 0) {
        signal(SIGALRM, nothing);
        setitimer(ITIMER_REAL, &once, NULL);
        for (int i = 0; i < 10; i++)
            hot(SYS_getppid, 0, 0, 0);
    }
    if (concerns(arguments[1]))
        stall(arguments[2]);
    if (lockstep)
        hot(SYS_read, zero, (long)&byte, 1);
    for (int i = 0; i < (strcmp(arguments[2], "signals") == 0 ? 50 : 100000); i++)
        hot(SYS_getppid, 0, 0, 0);
    if (strcmp(arguments[2], "signals") == 0)
        for (;;)
            __asm__ volatile("");
    say("after\n");
    return 0;
}
