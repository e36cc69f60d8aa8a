/* makecontext and swapcontext; a handler that switches to another context. */
#include "check.h"
#include <ucontext.h>

static ucontext_t main_context, other;
static int steps;

static void run(int increment) {
    for (int i = 0; i < 100; i++) {
        steps += increment;
        swapcontext(&other, &main_context);
    }
}

static void switch_over(int number) {
    (void)number;
    swapcontext(&main_context, &other);
}

int main(void) {
    static char stack[64 * 1024];
    getcontext(&other);
    other.uc_stack.ss_sp = stack;
    other.uc_stack.ss_size = sizeof stack;
    other.uc_link = &main_context;
    makecontext(&other, (void (*)(void))run, 1, 3);
    for (int i = 0; i < 50; i++)
        swapcontext(&main_context, &other);
    check(steps == 150, "50 switches there and back");
    handle(SIGUSR1, switch_over, 0);
    for (int i = 0; i < 50; i++)
        raise(SIGUSR1);
    check(steps == 300, "50 switches out of a handler");
    return 0;
}
