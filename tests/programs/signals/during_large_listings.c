/* A timer rings while large directories are listed: no entry is left out, none comes twice. */
#include "check.h"
#include <dirent.h>
#include <sys/stat.h>
#include <sys/time.h>

#include "hot.h"

enum { FILES = 1200, ROUNDS = 100 };
static volatile sig_atomic_t ticks;

static void tick(int number) {
    (void)number;
    ticks++;
}

int main(void) {
    static char entries[1 << 19];
    struct itimerval often = {{0, 2000}, {0, 2000}}, never = {{0, 0}, {0, 0}};
    int wrong = 0;
    mkdir("many", 0700);
    for (int i = 0; i < FILES; i++) {
        char path[320];
        snprintf(path, sizeof path, "many/%0240d", i);
        close((int)must(open(path, O_CREAT | O_WRONLY, 0600), "open"));
    }
    heat();
    handle(SIGALRM, tick, SA_RESTART);
    setitimer(ITIMER_REAL, &often, NULL);
    for (int round = 0; round < ROUNDS; round++) {
        int directory = (int)must(open("many", O_RDONLY | O_DIRECTORY), "open"), count = 0;
        for (long got; (got = hot(SYS_getdents64, directory, (long)entries, sizeof entries)) > 0;)
            for (long at = 0; at < got; at += ((struct dirent *)(entries + at))->d_reclen)
                count++;
        wrong += count != FILES + 2;
        close(directory);
    }
    setitimer(ITIMER_REAL, &never, NULL);
    check(wrong == 0, "every list is whole");
    while (ticks == 0) {
        setitimer(ITIMER_REAL, &often, NULL);
        pause();
    }
    check(ticks > 0, "the timer rang");
    return system("rm -r many");
}
