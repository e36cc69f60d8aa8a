/* killed WHAT: the leader does something at its gate of which the followers know nothing, and a signal ends it.
   WHAT: "unseen": no record tells, and a call at the gate raises SIGPIPE; "agreed": the same with the record of another
   call, to which the followers have agreed; "recorded", "published": a record tells of a call that the followers will not
   make, and a timer rings before they get there; "nothing": they will, and all is well. */
#include "hostile.h"
#include <linux/futex.h>
#include <sys/time.h>

enum { PUBLISHED = 1, DONE = 2, AHEAD = 4, BYTES = 128 };
static int broken[2];

/* Longer than the timer, and much shorter than a variant may take. */
static void compute(void) {
    for (long left = 600000000; left > 0; left--)
        __asm__ volatile("" : "+r"(left));
}

/* Writes the next record, of a call without inputs, and wakes who waits for it. */
static void record(long number, unsigned phase) {
    volatile uint64_t *at = records() + post()->at / 8;
    uint64_t epoch = ((volatile uint32_t *)context()->ring)[11]; /* crates/abi/src/ring/post.rs: slow[0] */
    uint32_t own = post()->done, before = post()->before;
    at[1] = (uint64_t)number | (uint64_t)(phase == DONE ? AHEAD : 0) << 32 | (uint64_t)(before / 64) << 48;
    at[2] = at[3] = 0;
    if (phase == DONE) {
        at[BYTES / 8] = 0;
        post()->before = BYTES;
        post()->at += BYTES;
        post()->done++;
    }
    __atomic_store_n(at, epoch << 32 | (uint32_t)(own << 2 | phase), __ATOMIC_SEQ_CST);
    at_gate(SYS_futex, (long)(uintptr_t)at, FUTEX_WAKE, MAX_VARIANTS, 0, 0, (long)plan()->secret);
}

static void write_at_gate(int fd, const char *text) {
    at_gate(SYS_write, fd, (long)text, (long)strlen(text), 0, 0, (long)plan()->secret);
}

static void attack(const char *what) {
    uint32_t agreed = post()->done + 1;
    if (strcmp(what, "recorded") == 0 || strcmp(what, "published") == 0) {
        record(SYS_getuid, strcmp(what, "recorded") == 0 ? DONE : PUBLISHED);
        for (;;)
            __asm__ volatile("");
    }
    if (strcmp(what, "agreed") == 0) {
        record(SYS_getppid, PUBLISHED);
        while (post_of(1)->agreed != agreed)
            __asm__ volatile("pause");
    }
    write_at_gate(STDOUT_FILENO, "at the gate\n");
    for (int i = 0; i < 10; i++)
        write_at_gate(broken[1], "nobody reads this\n");
    if (strcmp(what, "agreed") == 0) /* else they wait for the end of their call */
        record(SYS_getppid, DONE);
    for (;;)
        write_at_gate(broken[1], "nobody reads this\n");
}

int main(int count, char **arguments) {
    if (count != 2)
        return 95;
    int nothing = strcmp(arguments[1], "nothing") == 0;
    int rings = nothing || strcmp(arguments[1], "recorded") == 0 || strcmp(arguments[1], "published") == 0;
    struct itimerval once = {{0, 0}, {0, 100000}};
    if (pipe(broken) != 0)
        return 94;
    close(broken[0]);
    warm_up();
    if (rings)
        setitimer(ITIMER_REAL, &once, NULL);
    for (int i = 0; i < 10; i++)
        hot(SYS_getppid, 0, 0, 0);
    if (variant() == 0 && !nothing)
        attack(arguments[1]);
    if (rings && variant() != 0)
        compute();
    for (int i = 0; i < 10; i++)
        hot(SYS_getppid, 0, 0, 0);
    for (;;)
        if (rings)
            __asm__ volatile("");
        else
            hot(SYS_getppid, 0, 0, 0);
    return 0;
}
