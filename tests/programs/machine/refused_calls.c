/* Calls that Stretto refuses because they would escape it: every one fails, and the program goes on. */
#include "check.h"
#include <sys/ptrace.h>
#include <sys/uio.h>

static void refused(long result, const char *what) {
    printf("%s %s\n", result == -1 ? "refused" : "ALLOWED", what);
    fflush(stdout);
}

int main(void) {
    char buffer[256] = {0};
    struct iovec local = {buffer, 8}, remote = {buffer + 8, 8};
    pid_t child = fork();
    if (child == 0) {
        pause();
        _exit(0);
    }
    refused(syscall(SYS_io_uring_setup, 4, buffer), "io_uring_setup");
    refused(syscall(SYS_userfaultfd, 0), "userfaultfd");
    refused(syscall(SYS_bpf, 0, buffer, 48), "bpf");
    refused(syscall(SYS_perf_event_open, buffer, 0, -1, -1, 0), "perf_event_open");
    refused(syscall(SYS_memfd_secret, 0), "memfd_secret");
    refused(process_vm_readv(child, &local, 1, &remote, 1, 0), "process_vm_readv");
    refused(process_vm_writev(child, &local, 1, &remote, 1, 0), "process_vm_writev");
    refused(ptrace(PTRACE_ATTACH, child, NULL, NULL), "ptrace of its child");
    refused(syscall(SYS_rseq, buffer, 32, 0, 1), "rseq");
    kill(child, SIGKILL);
    report_end(child, "the child");
    return 0;
}
