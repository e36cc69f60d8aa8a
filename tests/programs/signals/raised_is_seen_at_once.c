/* A signal that a process sends itself has been handled when the call returns (POSIX, kill). */
#include "check.h"

static volatile sig_atomic_t seen;

static void note(int number) {
    (void)number;
    seen++;
}

int main(void) {
    int late = 0;
    handle(SIGUSR1, note, 0);
    for (int i = 1; i <= 300; i++) {
        raise(SIGUSR1);
        late += seen != i;
    }
    check(late == 0, "raise");
    seen = 0;
    for (int i = 1; i <= 300; i++) {
        kill(getpid(), SIGUSR1);
        late += seen != i;
    }
    check(late == 0, "kill");
    seen = 0;
    for (int i = 1; i <= 300; i++) {
        syscall(SYS_tgkill, getpid(), syscall(SYS_gettid), SIGUSR1);
        late += seen != i;
    }
    check(late == 0, "tgkill");
    return 0;
}
