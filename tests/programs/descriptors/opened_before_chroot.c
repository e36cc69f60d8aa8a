/* What was open before the process got another root and another identity is mapped, and so is what it opens then. What
   it may not open again makes no difference. */
#include "check.h"
#include <sys/mman.h>
#include <sys/socket.h>
#include <sys/stat.h>

#include "hot.h"

static const char text[] = "some text";

static int shows(int fd) {
    char *seen = mmap(NULL, sizeof text, PROT_READ, MAP_PRIVATE, fd, 0);
    return seen != MAP_FAILED && memcmp(seen, text, sizeof text) == 0;
}

static int ends[2];

/* Sends a descriptor through a socket (unix(7)), or takes one. */
static int pass(int fd) {
    char byte = 'x';
    union {
        char bytes[CMSG_SPACE(sizeof fd)];
        struct cmsghdr header;
    } control = {.header = {CMSG_LEN(sizeof fd), SOL_SOCKET, SCM_RIGHTS}};
    struct iovec part = {&byte, 1};
    struct msghdr message = {.msg_iov = &part, .msg_iovlen = 1, .msg_control = &control, .msg_controllen = sizeof control};
    if (fd >= 0) {
        memcpy(CMSG_DATA(&control.header), &fd, sizeof fd);
        return (int)must(sendmsg(ends[0], &message, 0), "sendmsg");
    }
    must(recvmsg(ends[1], &message, 0), "recvmsg");
    memcpy(&fd, CMSG_DATA(&control.header), sizeof fd);
    return fd;
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
    int copies[] = {dup(get(".")), fcntl(get("file"), F_DUPFD_CLOEXEC, 40)};
    check(fchdir(copies[0]) == 0, "a directory by another number");
    check(shows(copies[1]) && fcntl(copies[1], F_GETFD) == FD_CLOEXEC, "a file by another number");
    int closed = pass(-1);
    must(setuid(getuid()), "setuid");
    char byte = 0;
    check(pread(closed, &byte, 1, 0) == 1 && byte == text[0], "a file that may not be opened");
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
    must(socketpair(AF_UNIX, SOCK_DGRAM, 0, ends), "socketpair");
    int closed = (int)must(open("closed", O_CREAT | O_WRONLY, 0600), "open");
    must(write(closed, text, sizeof text), "write");
    close(closed);
    closed = get("closed");
    must(chmod("closed", 0), "chmod");
    pid_t child = (pid_t)must(fork(), "fork");
    if (child == 0)
        confined(geteuid() == 0);
    pass(closed);
    report_end(child, "the child");
    return 0;
}
