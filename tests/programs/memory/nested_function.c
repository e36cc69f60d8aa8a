/* The address of a nested function: gcc puts a trampoline on the stack, which is therefore executable. */
#include "check.h"

static int apply(int (*function)(int), int count) {
    int sum = 0;
    for (int i = 0; i < count; i++)
        sum += function(i);
    return sum;
}

int main(int argc, char **argv) {
    int factor = argc + 1;
    (void)argv;
    int scale(int value) {
        return value * factor;
    }
    check(apply(scale, 10) == 90, "a trampoline on the stack");
    pid_t child = fork();
    if (child == 0)
        _exit(apply(scale, 4));
    report_end(child, "a child that uses it too");
    return 0;
}
