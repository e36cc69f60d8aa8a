/* What was open before the process got another root and another identity is mapped, and so is what it opens then. */
#include "check.h"
#include <sys/mman.h>
#include <sys/stat.h>

#include "hot.h"

static const char text[] = "some text";

static int shows(int fd) {
    char *seen = mmap(NULL, sizeof text, PROT_READ, MAP_PRIVATE, fd, 0);
    return seen != MAP_FAILED && memcmp(seen, text, sizeof text) == 0;
}

static int get(const char *path) {
    return (int)must(hot(SYS_open, (long)path, O_RDONLY, 0), "open");
}

static void confined(int privileged) {
    int file = get("room/file"), folder = get("room");
    if (privileged) {
        must(chroot("room"), "chroot");
        must(setgid(65534), "setgid");
        must(setuid(65534), "setuid");
    } else {
        must(setuid(getuid()), "setuid");
        must(chdir("room"), "chdir");
    }
    check(shows(file), "a file from before");
    check(fchdir(folder) == 0, "a directory from before");
    for (int i = 0; i < 3; i++)
        check(shows(get("file")), "a file from there");
    _exit(0);
}

int main(void) {
    must(mkdir("room", 0755), "mkdir");
    int fd = (int)must(open("room/file", O_CREAT | O_WRONLY, 0644), "open");
    must(write(fd, text, sizeof text), "write");
    close(fd);
    heat();
    for (int i = 0; i < 3; i++)
        close(get("room/file"));
    pid_t child = (pid_t)must(fork(), "fork");
    if (child == 0)
        confined(geteuid() == 0);
    report_end(child, "the child");
    return 0;
}
