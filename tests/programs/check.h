/* Prints a verdict instead of a value that differs from run to run. */
#ifndef CHECK_H
#define CHECK_H

#ifndef _GNU_SOURCE
#define _GNU_SOURCE
#endif
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/syscall.h>
#include <sys/types.h>
#include <sys/wait.h>
#include <unistd.h>

static inline void check(int holds, const char *what) {
    printf("%s %s\n", holds ? "ok  " : "FAIL", what);
    fflush(stdout);
}

/* The call failed with this error. */
static inline void check_error(long result, int error, const char *what) {
    int seen = errno;
    printf("%s %s: %s\n", result == -1 && seen == error ? "ok  " : "FAIL", what,
           result == -1 ? strerrorname_np(seen) : "no error");
    fflush(stdout);
}

/* Ends the program if what a test rests on does not work. */
static inline long must(long result, const char *what) {
    if (result == -1) {
        printf("FAIL %s: %s\n", what, strerrorname_np(errno));
        exit(99);
    }
    return result;
}

/* Waits for a child and tells how it ended. */
static inline void report_end(pid_t child, const char *who) {
    int status;
    if (waitpid(child, &status, 0) != child)
        printf("FAIL wait for %s: %s\n", who, strerrorname_np(errno));
    else if (WIFEXITED(status))
        printf("ok   %s exited with %d\n", who, WEXITSTATUS(status));
    else
        printf("ok   %s ended by SIG%s\n", who, sigabbrev_np(WTERMSIG(status)));
    fflush(stdout);
}

static inline void handle(int number, void (*handler)(int), int flags) {
    struct sigaction action = {.sa_handler = handler, .sa_flags = flags};
    must(sigaction(number, &action, NULL), "sigaction");
}

#endif
