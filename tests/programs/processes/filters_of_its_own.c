/* A program that lets itself make few calls from now on (seccomp), as services do: those that it may make work. */
#include "check.h"
#include <linux/audit.h>
#include <linux/filter.h>
#include <linux/seccomp.h>
#include <stddef.h>
#include <sys/prctl.h>

#include "hot.h"

#define ALLOW(number) \
    BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, number, 0, 1), BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ALLOW)

static int restrict_self(unsigned otherwise) {
    struct sock_filter code[] = {
        BPF_STMT(BPF_LD | BPF_W | BPF_ABS, offsetof(struct seccomp_data, nr)),
        ALLOW(SYS_read),
        ALLOW(SYS_write),
        ALLOW(SYS_getpid),
        ALLOW(SYS_exit_group),
        ALLOW(SYS_rt_sigreturn),
        BPF_STMT(BPF_RET | BPF_K, otherwise),
    };
    struct sock_fprog program = {sizeof code / sizeof *code, code};
    return prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) || prctl(PR_SET_SECCOMP, SECCOMP_MODE_FILTER, &program);
}

/* Ends with 0 if all calls gave what they should. */
static void talk(int ends[2], unsigned otherwise) {
    pid_t self = getpid();
    int wrong = 0;
    char out[100], in[100];
    if (restrict_self(otherwise) != 0)
        _exit(2);
    for (int i = 0; i < 200; i++) {
        memset(out, i, sizeof out);
        wrong += hot(SYS_write, ends[1], (long)out, sizeof out) != sizeof out;
        wrong += hot(SYS_read, ends[0], (long)in, sizeof in) != sizeof in || memcmp(in, out, sizeof in) != 0;
        wrong += hot(SYS_getpid, 0, 0, 0) != self;
    }
    if (otherwise != SECCOMP_RET_KILL_PROCESS)
        wrong += hot(SYS_getppid, 0, 0, 0) != -EACCES;
    _exit(wrong != 0);
}

int main(void) {
    static const unsigned others[] = {SECCOMP_RET_ERRNO | EACCES, SECCOMP_RET_KILL_PROCESS};
    int ends[2];
    must(pipe(ends), "pipe");
    for (int hot_before = 0; hot_before < 2; hot_before++) {
        for (size_t i = 0; i < 2; i++) {
            pid_t child = fork();
            if (child == 0)
                talk(ends, others[i]);
            report_end(child, i ? "one that ends for any other call" : "one that is refused other calls");
        }
        heat();
    }
    return 0;
}
