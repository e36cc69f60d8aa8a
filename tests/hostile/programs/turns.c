/* turns WHO WHAT: one variant writes something else into the word of its turn (crates/abi/src/turn.rs), again and again,
   while two threads hand work to each other. WHAT: "open", at the record that is next; "open-further"; "open-behind";
   "taken"; "garbage". */
#include "hostile.h"
#include <pthread.h>

enum { ROUNDS = 300 };
static int to_other[2], to_main[2];
/* Written without lock, as threads that take turns may. */
static unsigned long order;
static uint64_t ring_of_main;

static void *other(void *argument) {
    char byte;
    for (int i = 0; i < ROUNDS; i++) {
        if (hot(SYS_read, to_other[0], (long)&byte, 1) != 1)
            return argument;
        order = order * 3 + 1;
        hot(SYS_getppid, 0, 0, 0);
        if (i % 3 == 0 && hot(SYS_write, to_main[1], (long)&byte, 1) != 1)
            return argument;
    }
    return NULL;
}

static void lie(const char *what, int round) {
    volatile struct post *post = (volatile struct post *)(ring_of_main + PAGE * (1 + (uint64_t)variant()));
    uint32_t next = post->done;
    if (strcmp(what, "open") == 0)
        post->turn = next << 2 | 1;
    else if (strcmp(what, "open-further") == 0)
        post->turn = (next + 100) << 2 | 1;
    else if (strcmp(what, "open-behind") == 0)
        post->turn = (next - 100) << 2 | 1;
    else if (strcmp(what, "taken") == 0)
        post->turn = 2;
    else
        post->turn = (uint32_t)round * 2654435761U;
}

int main(int count, char **arguments) {
    pthread_t thread;
    void *wrong;
    char byte = 'x';
    if (count != 3 || pipe(to_other) < 0 || pipe(to_main) < 0)
        return 95;
    warm_up();
    ring_of_main = context()->ring;
    pthread_create(&thread, NULL, other, to_other);
    for (int i = 0; i < ROUNDS; i++) {
        if (concerns(arguments[1]))
            lie(arguments[2], i);
        hot(SYS_write, to_other[1], (long)&byte, 1);
        order = order * 5 + 2;
        if (concerns(arguments[1]))
            lie(arguments[2], i);
        for (volatile int j = 0; j < 2000; j++)
            ;
        if (i % 3 == 0)
            hot(SYS_read, to_main[0], (long)&byte, 1);
        hot(SYS_write, to_main[1] + 1000, (long)&order, sizeof order);
    }
    pthread_join(thread, &wrong);
    say(wrong ? "wrong\n" : "after\n");
    return 0;
}
