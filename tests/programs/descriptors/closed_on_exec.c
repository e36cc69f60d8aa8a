/* Which descriptors are closed on exec is set in a place that is hot: the next program has exactly the others. */
#include "check.h"
#include "hot.h"

enum { FIRST = 3, LAST = 12, ROUNDS = 20 };

static int is_kept(int fd) {
    return fd % 3 == 0;
}

static int after_exec(void) {
    int wrong = 0;
    for (int fd = FIRST; fd <= LAST; fd++)
        wrong += (hot(SYS_fcntl, fd, F_GETFD, 0) == 0) != is_kept(fd);
    check(wrong == 0, "kept and closed");
    int next = (int)must(open("/dev/null", O_RDONLY), "open");
    check(next == FIRST + 1, "the lowest number that is free");
    return 0;
}

int main(int argc, char **argv) {
    if (argc > 1)
        return after_exec();
    int pipes[2], wrong = 0;
    must(pipe(pipes), "pipe");
    for (int fd = FIRST + 2; fd <= LAST; fd++)
        must(open(fd % 2 ? "/dev/null" : "/dev/zero", O_RDONLY | (fd % 4 ? 0 : O_CLOEXEC)), "open");
    heat();
    for (int i = 0; i < ROUNDS; i++)
        for (int fd = FIRST; fd <= LAST; fd++) {
            wrong += hot(SYS_fcntl, fd, F_SETFD, (i + fd) % 2) != 0;
            wrong += hot(SYS_fcntl, fd, F_GETFD, 0) != (i + fd) % 2;
        }
    for (int fd = FIRST; fd <= LAST; fd++)
        wrong += hot(SYS_fcntl, fd, F_SETFD, is_kept(fd) ? 0 : FD_CLOEXEC) != 0;
    wrong += hot(SYS_fcntl, LAST + 1, F_SETFD, FD_CLOEXEC) != -EBADF;
    check(wrong == 0, "every result is right");
    execv("/proc/self/exe", (char *[]){argv[0], "again", NULL});
    return 1;
}
