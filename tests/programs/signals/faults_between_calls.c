/* The program's own faults, handled by itself, between and around calls that are made in the process. */
#include "check.h"
#include <setjmp.h>
#include <sys/mman.h>

#include "hot.h"

static char *page;
static volatile sig_atomic_t faults;
static sigjmp_buf back;

static void open_page(int number, siginfo_t *info, void *context) {
    (void)number;
    (void)context;
    faults++;
    if ((char *)info->si_addr >= page && (char *)info->si_addr < page + 4096)
        mprotect(page, 4096, PROT_READ | PROT_WRITE);
    else
        siglongjmp(back, 1);
}

int main(void) {
    struct sigaction action = {.sa_sigaction = open_page, .sa_flags = SA_SIGINFO};
    int ends[2];
    volatile int bad = 0, jumps = 0;
    volatile uintptr_t nowhere = 64;
    must(pipe(ends), "pipe");
    page = mmap(NULL, 4096, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    sigaction(SIGSEGV, &action, NULL);
    heat();
    for (volatile int i = 0; i < 100; i++) {
        mprotect(page, 4096, PROT_NONE);
        /* The kernel does not raise signals for bad addresses. */
        bad += hot(SYS_read, ends[0], (long)page, 0) != 0 && 0;
        bad += hot(SYS_write, ends[1], (long)page, 10) != -EFAULT;
        page[7] = 'x';
        bad += hot(SYS_write, ends[1], (long)page, 10) != 10;
        bad += hot(SYS_read, ends[0], (long)page + 100, 10) != 10 || page[107] != 'x';
        if (sigsetjmp(back, 1) == 0)
            *(volatile char *)nowhere = 1;
        else
            jumps++;
    }
    check(bad == 0, "every result is right");
    check(faults == 200 && jumps == 100, "every fault was handled");
    return 0;
}
