/* approved WHAT: all variants make the directory "agreed", in a call that the monitor approves at the gate; the leader
   has been taken over. WHAT: "again": it comes once more with the same call; "rewound": and tells that it is at the
   same record; "same": followers agree to its record, then it comes with that path; "other": or with another one;
   "overwritten": or with another one that it has put into the record; "own", "post", "shared": or with that one, but in
   the program's memory, in what it tells the others of itself, in what other processes of the leader may write;
   "withdrawn": it takes the record back, all make the call in the monitor, then it comes with the record again.
   "claimed": a follower has been taken over, and says that it has agreed, and that it is elsewhere. */
#include "hostile.h"

enum { LINE = 64, SLOW = 44 /* offset of Notices::slow, crates/abi/src/ring/post.rs */, PATH = 33 /* in a record */ };

static const char agreed[] = "agreed";

/* A site that has been patched: the agent makes the call. */
static long make(void) {
    return hot(SYS_mkdir, (long)agreed, 0700, 0);
}

/* Publishes the record of `make`, as the agent does, and waits until the follower has agreed. */
static void publish(void) {
    volatile uint64_t *record = records() + post()->at / 8;
    volatile uint32_t *slow = (volatile uint32_t *)(context()->ring + SLOW);
    uint32_t number = post()->done;
    uint8_t inputs[16] = {1};
    memcpy(inputs + 1, agreed, sizeof agreed);
    memcpy(inputs + 1 + sizeof agreed, (uint32_t[]){0700}, 4);
    memcpy((void *)(uintptr_t)(record + 4), inputs, sizeof inputs);
    record[1] = SYS_mkdir | (uint64_t)post()->before / 64 << 48;
    record[2] = 1 + sizeof agreed + 4;
    record[0] = (uint64_t)slow[0] << 32 | number << 2 | 1;
    at_gate(SYS_futex, (long)record, 1 /* FUTEX_WAKE */, MAX_VARIANTS, 0, 0, (long)plan()->secret);
    while (post_of(1)->agreed != number + 1)
        ;
}

/* The path in the record. */
static char *published(void) {
    return (char *)(uintptr_t)(records() + post()->at / 8) + PATH;
}

/* Where the leader has the path with which it comes. */
static const char *path_of(const char *what) {
    if (strcmp(what, "own") == 0)
        return agreed;
    if (strcmp(what, "shared") == 0)
        return strcpy((char *)(uintptr_t)plan()->doorbells + PAGE / 2, agreed);
    if (strcmp(what, "post") == 0)
        return strcpy((char *)(uintptr_t)post() + PAGE - LINE, agreed);
    if (strcmp(what, "other") == 0)
        return strcpy(published() + 4 * LINE, "other!");
    return strcmp(what, "overwritten") == 0 ? strcpy(published(), "other!") : published();
}

/* As a leader does that leaves its agent: the followers come to the monitor with the call. */
static void withdraw(void) {
    volatile uint64_t *record = records() + post()->at / 8;
    uint32_t number = post()->done;
    record[LINE / 8] = 0;
    post()->at += LINE;
    post()->done = number + 1;
    record[0] = (record[0] & ~3UL) | 3;
    at_gate(SYS_futex, (long)record, 1 /* FUTEX_WAKE */, MAX_VARIANTS, 0, 0, (long)plan()->secret);
    if (syscall(SYS_mkdir, agreed, 0700) != 0)
        _exit(92);
    post()->at -= LINE;
    post()->done = number;
}

static void attack(const char *what) {
    long result;
    if (strcmp(what, "again") == 0 || strcmp(what, "rewound") == 0) {
        if (strcmp(what, "rewound") == 0)
            ((volatile struct post *)post())->done -= 1;
        char *path = strcpy(published(), agreed);
        result = at_gate(SYS_mkdir, (long)path, 0700, 0, 0, 0, (long)plan()->secret);
    } else {
        publish();
        if (strcmp(what, "withdrawn") == 0)
            withdraw();
        result = at_gate(SYS_mkdir, (long)path_of(what), 0700, 0, 0, 0, (long)plan()->secret);
        if (result == 0 && strcmp(what, "same") == 0)
            _exit(0);
    }
    /* Refused at the gate, it gives what no system call does. */
    if (result >= -4095)
        close(open("owned", O_CREAT | O_WRONLY, 0600));
    _exit(94);
}

/* To the agent of the leader it has agreed to the next call, to the monitor it has not. */
static void claim(void) {
    uint32_t number = post()->done;
    post()->done = number + 7;
    post()->agreed = number + 1;
    for (;;)
        ;
}

int main(int count, char **arguments) {
    if (count != 2)
        return 95;
    warm_up();
    int before = strcmp(arguments[1], "again") == 0 || strcmp(arguments[1], "rewound") == 0;
    if (before && make() != 0)
        return 93;
    int claimed = strcmp(arguments[1], "claimed") == 0;
    if (claimed && variant() == 1)
        claim();
    if (variant() == 0 && !claimed)
        attack(arguments[1]);
    if (make() < -4095)
        say("no result of a call\n");
    say("after\n");
    return 0;
}
