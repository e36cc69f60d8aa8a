/* A hundred children at once, waited for in any order and in a chosen one. */
#include "check.h"

enum { COUNT = 100 };

int main(void) {
    pid_t children[COUNT];
    int status, sum = 0, in_order = 0;
    for (int i = 0; i < COUNT; i++)
        if ((children[i] = (pid_t)must(fork(), "fork")) == 0)
            _exit(i);
    for (int i = 0; i < COUNT / 2; i++)
        in_order += waitpid(children[2 * i], &status, 0) == children[2 * i] && WEXITSTATUS(status) == 2 * i;
    check(in_order == COUNT / 2, "every second by its id");
    while (wait(&status) > 0)
        sum += WEXITSTATUS(status);
    check(sum == COUNT / 2 * COUNT / 2, "the others as they come");
    check_error(wait(&status), ECHILD, "no child is left");
    return 0;
}
