/* fexecve and execveat: an open file, a memfd, a deleted file, close-on-exec, /proc/self/exe. */
#include "check.h"
#include <sys/mman.h>
#include <sys/sendfile.h>

extern char **environ;

static void run(int fd, const char *what) {
    char *arguments[] = {"echo", "ok   executed", NULL};
    pid_t child = fork();
    if (child == 0) {
        fexecve(fd, arguments, environ);
        _exit(127);
    }
    report_end(child, what);
}

static void copy_echo(int to) {
    int from = (int)must(open("/bin/echo", O_RDONLY), "open");
    while (sendfile(to, from, NULL, 1 << 20) > 0)
        ;
    close(from);
}

int main(int argc, char **argv) {
    if (argc > 1) {
        check(fcntl(7, F_GETFD) == -1 && fcntl(8, F_GETFD) == 0, "close-on-exec closes, others stay");
        return 12;
    }
    int fd = (int)must(open("/bin/echo", O_RDONLY | O_CLOEXEC), "open");
    run(fd, "an open file");
    int memory = (int)must(memfd_create("guest", MFD_CLOEXEC), "memfd_create");
    copy_echo(memory);
    run(memory, "a memfd");
    int copy = (int)must(open("copy", O_RDWR | O_CREAT, 0755), "open");
    copy_echo(copy);
    close(copy);
    copy = (int)must(open("copy", O_RDONLY), "open");
    unlink("copy");
    run(copy, "a deleted file");
    pid_t child = fork();
    if (child == 0) {
        int directory = open("/bin", O_PATH | O_DIRECTORY);
        syscall(SYS_execveat, directory, "echo", (char *[]){"echo", "ok   execveat", NULL}, environ, 0);
        _exit(127);
    }
    report_end(child, "execveat");
    must(dup3(fd, 7, O_CLOEXEC), "dup3");
    must(dup2(fd, 8), "dup2");
    execl("/proc/self/exe", argv[0], "again", NULL);
    return 1;
}
