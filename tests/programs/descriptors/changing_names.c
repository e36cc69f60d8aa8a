/* A name that leads to a file, a FIFO, a directory or nowhere, and changes while it is opened. */
#include "check.h"
#include <sys/mman.h>
#include <sys/stat.h>

enum { OPENS = 600 };

static void change(void) {
    const char *targets[] = {"file", "fifo", "directory", "file", "missing"};
    for (unsigned i = 0;; i++) {
        unlink("next");
        must(symlink(targets[i % 5], "next"), "symlink");
        must(rename("next", "name"), "rename");
        if (i % 7 == 0)
            unlink("name");
    }
}

/* What has been opened is as it should be: a file can be mapped. */
static int is_whole(int fd) {
    struct stat facts;
    if (fstat(fd, &facts) != 0)
        return 0;
    if (!S_ISREG(facts.st_mode))
        return S_ISFIFO(facts.st_mode) || S_ISDIR(facts.st_mode);
    char *mapped = mmap(NULL, 4096, PROT_READ, MAP_PRIVATE, fd, 0);
    return mapped != MAP_FAILED && *mapped == 'x' && munmap(mapped, 4096) == 0;
}

int main(void) {
    int file = (int)must(open("file", O_CREAT | O_WRONLY, 0600), "open"), opened = 0, whole = 0, same = 0;
    must(write(file, "x", 1), "write");
    must(mkfifo("fifo", 0600), "mkfifo");
    must(mkdir("directory", 0700), "mkdir");
    must(symlink("file", "name"), "symlink");
    pid_t child = (pid_t)must(fork(), "fork");
    if (child == 0)
        change();
    /* Whoever is quick would otherwise try them all while the name is missing. */
    for (int i = 0; opened < OPENS; i++) {
        int flags = (int[]){0, O_DIRECTORY, O_CLOEXEC, O_NOFOLLOW}[i % 4];
        int fd = open("name", O_RDONLY | O_NONBLOCK | flags);
        if (fd == -1)
            continue;
        opened++;
        whole += is_whole(fd);
        same += fd == file + 1;
        close(fd);
    }
    kill(child, SIGKILL);
    must(waitpid(child, NULL, 0), "waitpid");
    check(whole == opened, "what was opened is whole");
    check(same == opened, "it has had the next number every time");
    unlink("next");
    unlink("name");
    return 0;
}
