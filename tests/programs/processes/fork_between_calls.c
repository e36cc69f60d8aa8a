/* Fifty forks in the midst of calls that are made in the process: child and parent both go on with them. */
#include "check.h"

#include "hot.h"

enum { FORKS = 50, CALLS = 30 };

/* Sends itself bytes, and asks who it is. How many results were wrong. */
static int talk(int ends[2], int seed) {
    pid_t self = getpid(), parent = getppid();
    int bad = 0;
    for (int i = 0; i < CALLS; i++) {
        unsigned char out[48], in[48];
        memset(out, seed + i, sizeof out);
        bad += hot(SYS_write, ends[1], (long)out, sizeof out) != sizeof out;
        bad += hot(SYS_getpid, 0, 0, 0) != self || hot(SYS_getppid, 0, 0, 0) != parent;
        bad += hot(SYS_read, ends[0], (long)in, sizeof in) != sizeof in || memcmp(in, out, sizeof in) != 0;
    }
    return bad;
}

int main(void) {
    int ends[2], bad = 0, children = 0;
    must(pipe(ends), "pipe");
    for (int i = 0; i < FORKS; i++) {
        bad += talk(ends, i);
        pid_t child = fork();
        if (child == 0) {
            int own[2];
            must(pipe(own), "pipe");
            _exit(talk(own, i + 7));
        }
        bad += talk(ends, i + 1);
        int status;
        children += waitpid(child, &status, 0) == child && status == 0;
    }
    check(bad == 0, "the parent's calls");
    check(children == FORKS, "the children's calls");
    return 0;
}
