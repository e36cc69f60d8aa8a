/* Programs that begin after many calls were made in the process: by exec, by vfork and exec, and by spawn. */
#include "check.h"
#include <spawn.h>

#include "hot.h"

enum { ROUNDS = 10 };
extern char **environ;

static int talk(void) {
    pid_t self = getpid();
    int bad = 0;
    for (int i = 0; i < 100; i++)
        bad += hot(SYS_getpid, 0, 0, 0) != self;
    return bad;
}

static void end(pid_t child, int *good) {
    int status;
    *good += waitpid(child, &status, 0) == child && WIFEXITED(status) && WEXITSTATUS(status) == 7;
}

int main(int count, char **arguments) {
    int good = 0;
    volatile int bad = 0;
    if (count > 1) {
        int left = atoi(arguments[1]);
        char number[16];
        if (talk() != 0)
            return 1;
        if (left == 0)
            return 7;
        snprintf(number, sizeof number, "%d", left - 1);
        execl("/proc/self/exe", "again", number, NULL);
        return 2;
    }
    char *const again[] = {"again", "0", NULL};
    for (int i = 0; i < ROUNDS; i++) {
        bad += talk();
        pid_t child = vfork();
        if (child == 0) {
            execv("/proc/self/exe", again);
            _exit(3);
        }
        end(child, &good);
        bad += talk();
        must(posix_spawn(&child, "/proc/self/exe", NULL, NULL, again, environ), "posix_spawn");
        end(child, &good);
    }
    check(bad == 0, "the parent's calls");
    check(good == 2 * ROUNDS, "programs begun by vfork and spawn");
    pid_t child = fork();
    if (child == 0)
        execl("/proc/self/exe", "again", "20", NULL);
    good = 0;
    end(child, &good);
    check(good == 1, "twenty programs, one after the other, in one process");
    return 0;
}
