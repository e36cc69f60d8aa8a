/* A program's own handlers for SIGSEGV, SIGBUS, SIGILL, SIGFPE and SIGTRAP: address, repair, skip, jump. */
#include "check.h"
#include <setjmp.h>
#include <sys/mman.h>
#include <ucontext.h>

static char *area;
static volatile sig_atomic_t faults, address_is_right, skipped;
static sigjmp_buf back;

static void repair(int number, siginfo_t *info, void *context) {
    (void)number;
    (void)context;
    faults++;
    address_is_right += info->si_code == SEGV_ACCERR && info->si_addr == area + 4096 * (faults - 1) + 5;
    mprotect(area + 4096 * (faults - 1), 4096, PROT_READ | PROT_WRITE);
}

/* Skips the two bytes of `ud2`; `int3` has passed already. */
static void skip(int number, siginfo_t *info, void *context) {
    greg_t *rip = &((ucontext_t *)context)->uc_mcontext.gregs[REG_RIP];
    (void)info;
    skipped++;
    if (number == SIGILL)
        *rip += 2;
}

static void jump(int number) {
    siglongjmp(back, number);
}

static void end_of(const char *what, int number, int block) {
    pid_t child = fork();
    if (child == 0) {
        sigset_t set;
        sigemptyset(&set);
        sigaddset(&set, number);
        if (block)
            sigprocmask(SIG_BLOCK, &set, NULL);
        else
            handle(number, SIG_IGN, 0);
        *(volatile char *)16 = 1;
        _exit(0);
    }
    report_end(child, what);
}

int main(void) {
    struct sigaction action = {.sa_sigaction = repair, .sa_flags = SA_SIGINFO};
    area = mmap(NULL, 100 * 4096, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    sigaction(SIGSEGV, &action, NULL);
    for (int i = 0; i < 100; i++)
        area[4096 * i + 5] = (char)i;
    check(faults == 100 && address_is_right == 100, "100 faults repaired, addresses told");
    check(area[4096 * 77 + 5] == 77, "the stores took place");

    action.sa_sigaction = skip;
    sigaction(SIGILL, &action, NULL);
    sigaction(SIGTRAP, &action, NULL);
    __asm__ volatile("ud2");
    __asm__ volatile("int3");
    check(skipped == 2, "ud2 skipped, int3 passed");

    handle(SIGSEGV, jump, 0);
    handle(SIGFPE, jump, 0);
    for (volatile int i = 0; i < 10; i++)
        if (sigsetjmp(back, 1) == 0)
            *(volatile int *)8 = 1;
    check(1, "10 jumps out of null dereferences");
    if (sigsetjmp(back, 1) == 0) {
        volatile int zero = 0;
        printf("%d\n", 1 / zero);
    }
    check(1, "a jump out of a division by zero");
    if (sigsetjmp(back, 1) == 0)
        ((void (*)(void))(uintptr_t)0x123456)();
    check(1, "a jump out of a wild call");

    fflush(stdout);
    end_of("a fault while SIGSEGV is blocked", SIGSEGV, 1);
    end_of("a fault while SIGSEGV is ignored", SIGSEGV, 0);
    return 0;
}
