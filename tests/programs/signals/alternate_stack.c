/* sigaltstack: the handler's locals lie on it, overflow of the normal stack can be survived. */
#include "check.h"
#include <setjmp.h>
#include <sys/resource.h>

static char alternate[64 * 1024];
static volatile sig_atomic_t inside, flags_inside;
static sigjmp_buf escape;

static int lies_in_alternate(const void *address) {
    return (const char *)address >= alternate && (const char *)address < alternate + sizeof alternate;
}

static void note(int number) {
    stack_t now;
    char local = (char)number;
    sigaltstack(NULL, &now);
    inside = lies_in_alternate(&local);
    flags_inside = now.ss_flags;
}

static void overflowed(int number) {
    char local = (char)number;
    inside = lies_in_alternate(&local);
    siglongjmp(escape, 1);
}

static int descend(volatile char *above) {
    volatile char room[4096];
    room[0] = *above;
    return descend(room) + room[0];
}

int main(void) {
    stack_t stack = {.ss_sp = alternate, .ss_size = sizeof alternate}, old;
    struct rlimit limit = {1 << 20, RLIM_INFINITY};
    volatile char bottom = 0;
    must(sigaltstack(&stack, NULL), "sigaltstack");
    sigaltstack(NULL, &old);
    check(old.ss_sp == alternate && old.ss_flags == 0, "the alternate stack is set");
    handle(SIGUSR1, note, SA_ONSTACK);
    raise(SIGUSR1);
    check(inside == 1, "the handler runs on it");
    check(flags_inside == SS_ONSTACK, "SS_ONSTACK inside");
    handle(SIGUSR2, note, 0);
    raise(SIGUSR2);
    check(inside == 0, "a handler without SA_ONSTACK does not");
    check_error(sigaltstack(&(stack_t){.ss_sp = alternate, .ss_size = 10}, NULL), ENOMEM, "too small");

    setrlimit(RLIMIT_STACK, &limit);
    handle(SIGSEGV, overflowed, SA_ONSTACK);
    for (int i = 0; i < 3; i++) {
        inside = 0;
        if (sigsetjmp(escape, 1) == 0)
            descend(&bottom);
        check(inside == 1, "stack overflow is handled on it");
    }
    stack.ss_flags = SS_DISABLE;
    must(sigaltstack(&stack, NULL), "disable");
    raise(SIGUSR1);
    check(inside == 0, "disabled again");
    return 0;
}
