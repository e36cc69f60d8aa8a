/* Every way for exec to fail; the program goes on as it was. */
#include "check.h"
#include <sys/stat.h>

static void put(const char *path, const char *content, mode_t mode) {
    int fd = (int)must(open(path, O_WRONLY | O_CREAT | O_TRUNC, 0600), path);
    write(fd, content, strlen(content));
    fchmod(fd, mode);
    close(fd);
}

int main(void) {
    char *no_arguments[] = {"x", NULL};
    char *huge = malloc(200 * 1024);
    memset(huge, 'x', 200 * 1024);
    huge[200 * 1024 - 1] = 0;
    char *too_long[] = {"x", huge, NULL};
    put("text", "no program\n", 0755);
    put("closed", "#!/bin/sh\n", 0644);
    put("lost", "#!/nonexistent\n", 0755);
    put("short", "\177ELF", 0755);
    symlink("loop", "loop");
    must(pipe((int[2]){0, 0}), "pipe");

    check_error(execv("nonexistent", no_arguments), ENOENT, "missing");
    check_error(execv("", no_arguments), ENOENT, "empty name");
    check_error(execv("/", no_arguments), EACCES, "directory");
    check_error(execv("closed", no_arguments), EACCES, "not executable");
    check_error(execv("text", no_arguments), ENOEXEC, "no known format");
    check_error(execv("short", no_arguments), ENOEXEC, "too short");
    check_error(execv("lost", no_arguments), ENOENT, "missing interpreter");
    check_error(execv("text/x", no_arguments), ENOTDIR, "no directory");
    check_error(execv("loop", no_arguments), ELOOP, "loop of links");
    check_error(execv("/bin/true", too_long), E2BIG, "argument too long");
    check_error(syscall(SYS_execve, NULL, no_arguments, NULL), EFAULT, "no path");
    check_error(syscall(SYS_execve, "/bin/true", (char **)16, NULL), EFAULT, "bad arguments");
    check(access("text", F_OK) == 0, "the program goes on");
    for (int i = 0; i < 100; i++)
        execv("nonexistent", no_arguments);
    execl("/bin/echo", "echo", "ok   at last it succeeds", NULL);
    return 1;
}
