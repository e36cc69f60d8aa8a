/* Again and again the program jumps to the instruction behind a call, which a patch has covered, and makes no call: signals
   come to it anyway, and it goes on where it was. */
#include "check.h"
#include <sys/time.h>

enum { SITES = 16, EACH = 2, APART = 4096 };
static volatile sig_atomic_t ticks;
extern const char sites[], sites_end[];

/* Functions far enough apart for all kinds of jumps, among them some that end in a breakpoint: getpid, and behind it an
   instruction of six bytes, at which the jump ends. */
__asm__(".text\n.balign 4096\n"
        "sites:\n"
        ".rept 16\n\t.balign 4096\n\tmov $39, %eax\n\tsyscall\n\tcmp $0xfffffffffffff000, %rax\n\tret\n.endr\n"
        "\t.balign 4096\nsites_end:\n");

static void tick(int number) {
    (void)number;
    ticks++;
}

int main(void) {
    struct itimerval often = {{0, 30000}, {0, 30000}}, never = {{0, 0}, {0, 0}};
    pid_t self = getpid();
    int wrong = 0;
    handle(SIGALRM, tick, SA_RESTART);
    for (int site = 0; site < SITES; site++) {
        int (*call)(void) = (int (*)(void))(sites + APART * site);
        void (*behind)(void) = (void (*)(void))(sites + APART * site + 7);
        for (int i = 0; i < 40; i++)
            wrong += call() != self;
        int before = ticks;
        setitimer(ITIMER_REAL, &often, NULL);
        while (ticks < before + EACH)
            behind();
        setitimer(ITIMER_REAL, &never, NULL);
        wrong += call() != self;
    }
    check(sites_end - sites == APART * SITES, "all places");
    check(wrong == 0, "every call gave what it should");
    return 0;
}
