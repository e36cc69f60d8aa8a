/* Breaks that the kernel, or a filter of the program's own, refuses: the heap stays as it is. */
#include "check.h"
#include <linux/filter.h>
#include <linux/seccomp.h>
#include <stddef.h>
#include <sys/prctl.h>

static void forbid_brk(void) {
    struct sock_filter code[] = {
        BPF_STMT(BPF_LD | BPF_W | BPF_ABS, offsetof(struct seccomp_data, nr)),
        BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, SYS_brk, 0, 1),
        BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ERRNO | EPERM),
        BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ALLOW),
    };
    struct sock_fprog filter = {4, code};
    must(prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0), "no new privileges");
    must(prctl(PR_SET_SECCOMP, SECCOMP_MODE_FILTER, &filter), "filter");
}

int main(void) {
    static char buffer[4096];
    setvbuf(stdout, buffer, _IOFBF, sizeof buffer); /* malloc must not move the break */
    char *start = sbrk(0);
    check(sbrk(100000) == start, "growth");
    check(syscall(SYS_brk, start - 4096) == (long)sbrk(0), "an end before the beginning");
    check(syscall(SYS_brk, -1L) == (long)sbrk(0) && syscall(SYS_brk, 1L << 46) == (long)sbrk(0), "ends nowhere");
    pid_t child = fork();
    if (child == 0) {
        forbid_brk();
        start[90000] = 3;
        check_error(syscall(SYS_brk, start + 5000), EPERM, "forbidden to become shorter");
        check_error(syscall(SYS_brk, start + 2000000), EPERM, "forbidden to become longer");
        _exit(start[90000] != 3);
    }
    report_end(child, "a child that must not move its break");
    check(brk(start) == 0, "back to the start");
    return 0;
}
