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
    int wrong = 0;
    mkdir("many", 0700);
    for (int i = 0; i < FILES; i++) {
        char path[320];
        snprintf(path, sizeof path, "many/%0240d", i);
        close((int)must(open(path, O_CREAT | O_WRONLY, 0600), "open"));
    }
    heat();
    handle(SIGALRM, tick, SA_RESTART);
    for (int round = 0; round < ROUNDS; round++) {
        struct itimerval soon = {{0, 0}, {0, 20 + round * 97 % 1500}};
        int directory = (int)must(open("many", O_RDONLY | O_DIRECTORY), "open"), count = 0;
        setitimer(ITIMER_REAL, &soon, NULL);
        for (long got; (got = hot(SYS_getdents64, directory, (long)entries, sizeof entries)) > 0;)
            for (long at = 0; at < got; at += ((struct dirent *)(entries + at))->d_reclen)
                count++;
        wrong += count != FILES + 2;
        close(directory);
    }
    check(wrong == 0, "every list is whole");
    struct itimerval often = {{0, 20000}, {0, 20000}};
    setitimer(ITIMER_REAL, &often, NULL);
    while (ticks < ROUNDS / 10)
        pause();
    return system("rm -r many");
}
