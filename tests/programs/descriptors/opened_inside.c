/* What a place that makes many calls has opened is there for every call that needs it. */
#include "check.h"
#include <sys/mman.h>
#include <sys/resource.h>
#include <sys/stat.h>

#include "hot.h"

static const char text[] = "some text";

static int get(const char *path, int flags) {
    return (int)must(hot(SYS_open, (long)path, flags, 0600), "open");
}

static int shows(int fd) {
    char *seen = mmap(NULL, sizeof text, PROT_READ, MAP_PRIVATE, fd, 0);
    int good = seen != MAP_FAILED && memcmp(seen, text, sizeof text) == 0;
    if (seen != MAP_FAILED)
        munmap(seen, sizeof text);
    return good;
}

static void directories(void) {
    char place[4096];
    int outside = get(".", O_RDONLY), inside = get("folder", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    check(fchdir(inside) == 0 && getcwd(place, sizeof place) && strcmp(strrchr(place, '/'), "/folder") == 0,
          "a directory is entered");
    check((fcntl(inside, F_GETFD) & FD_CLOEXEC) != 0 && fcntl(outside, F_GETFD) == 0, "and closed on exec as before");
    check(fchdir(outside) == 0 && access("folder", F_OK) == 0, "and left");
    close(outside);
    close(inside);
    int file = get("file", O_RDONLY);
    check_error(fchdir(file), ENOTDIR, "a file can't be entered");
    close(file);
}

static void programs(void) {
    pid_t child = (pid_t)must(fork(), "fork");
    if (child == 0) {
        char *const arguments[] = {"true", NULL};
        int folder = get("/usr/bin", O_RDONLY | O_DIRECTORY);
        syscall(SYS_execveat, folder, "true", arguments, environ, 0);
        _exit(9);
    }
    report_end(child, "a program by its directory");
    if ((child = (pid_t)must(fork(), "fork")) == 0) {
        char *const arguments[] = {"true", NULL};
        int file = get("/usr/bin/true", O_RDONLY | O_CLOEXEC);
        syscall(SYS_execveat, file, "", arguments, environ, AT_EMPTY_PATH);
        _exit(9);
    }
    report_end(child, "a program by its file");
}

static void mappings(void) {
    int reading = get("file", O_RDONLY), writing = get("file", O_RDWR), removed = get("other", O_CREAT | O_RDWR);
    must(write(removed, text, sizeof text), "write");
    must(unlink("other"), "unlink");
    check(shows(reading) && shows(reading), "what is open for reading is mapped, twice");
    check(shows(writing), "what is open for writing is mapped");
    check(shows(removed), "what has no name any more is mapped");
    close(reading);
    close(writing);
    close(removed);
    for (int i = 0; i < HOT; i++) {
        int fd = get("file", O_RDONLY);
        if (!shows(fd))
            check(0, "mapped again and again");
        close(fd);
    }
}

static void full_table(void) {
    struct rlimit limit = {64, 64}, before;
    must(getrlimit(RLIMIT_NOFILE, &before), "getrlimit");
    limit.rlim_max = before.rlim_max;
    must(setrlimit(RLIMIT_NOFILE, &limit), "setrlimit");
    int last = -1, next, opened = 0;
    while ((next = (int)hot(SYS_open, (long)"file", O_RDONLY, 0)) >= 0) {
        last = next;
        opened++;
    }
    check(next == -EMFILE && opened > HOT && shows(last), "with a full table, too");
    for (next = last; opened > 0; next--, opened--)
        close(next);
    must(setrlimit(RLIMIT_NOFILE, &before), "setrlimit");
}

int main(void) {
    must(mkdir("folder", 0700), "mkdir");
    int fd = (int)must(open("file", O_CREAT | O_WRONLY, 0600), "open");
    must(write(fd, text, sizeof text), "write");
    close(fd);
    heat();
    directories();
    programs();
    mappings();
    full_table();
    return 0;
}
