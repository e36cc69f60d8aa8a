/* clone with its own stack and various sets of flags. */
#include "check.h"
#include <sched.h>
#include <sys/mman.h>
#include <sys/stat.h>

static int shared;

static int set_shared(void *value) {
    shared = *(int *)value;
    return 5;
}

static int close_descriptor(void *fd) {
    close(*(int *)fd);
    return 0;
}

static int change_directory(void *unused) {
    (void)unused;
    umask(0123);
    return chdir("/usr");
}

int main(void) {
    size_t size = 256 * 1024;
    char *stack = mmap(NULL, size, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_STACK, -1, 0);
    char *top = stack + size, directory[100];
    int value = 9, ends[2];
    pid_t written = 0;
    must(pipe(ends), "pipe");

    pid_t child = clone(set_shared, top, CLONE_VM | CLONE_VFORK | SIGCHLD, &value);
    check(shared == 9, "CLONE_VM | CLONE_VFORK shares memory");
    report_end(child, "the child");
    shared = 0;
    child = clone(set_shared, top, SIGCHLD, &value);
    report_end(child, "a child without CLONE_VM");
    check(shared == 0, "it has its own memory");
    child = clone(set_shared, top, CLONE_PARENT_SETTID | CLONE_CHILD_SETTID | SIGCHLD, &value, &written, NULL,
                  &written);
    check(written == child, "CLONE_PARENT_SETTID");
    report_end(child, "the child");
    child = clone(close_descriptor, top, CLONE_FILES | SIGCHLD, &ends[0]);
    report_end(child, "a child with CLONE_FILES");
    check_error(fcntl(ends[0], F_GETFD), EBADF, "it closed its parent's descriptor");
    child = clone(close_descriptor, top, SIGCHLD, &ends[1]);
    report_end(child, "a child without CLONE_FILES");
    check(fcntl(ends[1], F_GETFD) == 0, "it closed its own");
    child = clone(change_directory, top, CLONE_FS | SIGCHLD, NULL);
    report_end(child, "a child with CLONE_FS");
    check(strcmp(getcwd(directory, sizeof directory), "/usr") == 0 && umask(0) == 0123,
          "it changed its parent's directory and umask");
    child = clone(set_shared, top, 0, &value);
    check_error(waitpid(child, NULL, 0), ECHILD, "a child without a signal is no child to waitpid");
    check(waitpid(child, NULL, __WCLONE) == child, "but with __WCLONE");
    check_error(clone(set_shared, top, CLONE_SIGHAND | SIGCHLD, &value), EINVAL, "CLONE_SIGHAND alone");
    return 0;
}
