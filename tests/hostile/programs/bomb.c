/* Processes beget processes, to a depth, and all of them make calls. Natively equal: nothing is hostile but the number. */
#include "hostile.h"

enum { WIDTH = 4, DEPTH = 4 };

static int talk(void) {
    int ends[2], wrong = pipe(ends) != 0;
    char out[40] = "hello", in[40];
    pid_t self = getpid();
    for (int i = 0; i < 25; i++) {
        wrong += hot(SYS_write, ends[1], (long)out, sizeof out) != sizeof out;
        wrong += hot(SYS_read, ends[0], (long)in, sizeof in) != sizeof in || memcmp(in, out, sizeof in) != 0;
        wrong += hot(SYS_getpid, 0, 0, 0) != self;
    }
    close(ends[0]);
    close(ends[1]);
    return wrong;
}

static int beget(int depth) {
    int wrong = talk(), status;
    if (depth == 0)
        return wrong;
    for (int i = 0; i < WIDTH; i++)
        if (fork() == 0)
            _exit(beget(depth - 1) != 0);
    wrong += talk();
    for (int i = 0; i < WIDTH; i++)
        wrong += wait(&status) < 0 || status != 0;
    return wrong;
}

int main(void) {
    say(beget(DEPTH) == 0 ? "all went well\n" : "something went wrong\n");
    return 0;
}
