/* Descriptors are duplicated, marked and closed in places that are hot: every variant does that for itself. */
#include "check.h"
#include "hot.h"

enum { ROUNDS = 100, HIGH = 30 };

int main(void) {
    int wrong = 0;
    for (int i = 0; i < ROUNDS; i++) {
        long high = hot(SYS_fcntl, STDOUT_FILENO, F_DUPFD, HIGH), low = hot(SYS_dup, STDOUT_FILENO, 0, 0);
        wrong += high != HIGH || low != 3;
        wrong += hot(SYS_fcntl, high, F_SETFD, FD_CLOEXEC) != 0 || hot(SYS_fcntl, high, F_GETFD, 0) != FD_CLOEXEC;
        wrong += hot(SYS_fcntl, high, F_GETFL, 0) < 0;
        wrong += hot(SYS_dup2, low, high, 0) != high || hot(SYS_fcntl, high, F_GETFD, 0) != 0;
        wrong += hot(SYS_close, low, 0, 0) != 0 || hot(SYS_close, low, 0, 0) != -EBADF;
        wrong += hot(SYS_close, high, 0, 0) != 0;
    }
    check(wrong == 0, "every result is right");
    return 0;
}
