/* Pointers that don't hold give EFAULT, half-valid buffers what they hold; never the end of the program. */
#include "check.h"
#include <poll.h>
#include <sys/epoll.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/time.h>
#include <sys/uio.h>

int main(void) {
    volatile uintptr_t nowhere = 64; /* hidden from the compiler, which would warn */
    char *bad = (char *)nowhere;
    int ends[2], pair[2];
    must(pipe(ends), "pipe");
    must(socketpair(AF_UNIX, SOCK_STREAM, 0, pair), "socketpair");
    char *pages = mmap(NULL, 8192, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    munmap(pages + 4096, 4096);
    memset(pages, '/', 4096);
    check_error(write(ends[1], bad, 10), EFAULT, "write");
    check(write(ends[1], pages + 4090, 6) == 6, "write up to the end of memory");
    int file = open("/etc/passwd", O_RDONLY);
    check_error(read(file, bad, 10), EFAULT, "read");
    check(read(file, pages + 4080, 16) == 16, "read up to the end of memory");
    check_error(open(bad, O_RDONLY), EFAULT, "open");
    check_error(open(pages + 4000, O_RDONLY), EFAULT, "a name without an end");
    check_error(stat("/", (struct stat *)bad), EFAULT, "stat");
    check_error(pipe((int *)bad), EFAULT, "pipe");
    check_error(readv(file, (struct iovec *)bad, 2), EFAULT, "readv");
    check_error(writev(ends[1], &(struct iovec){bad, 5}, 1), EFAULT, "writev");
    check_error(poll((struct pollfd *)bad, 1, 0), EFAULT, "poll");
    check_error(sendmsg(pair[0], (struct msghdr *)bad, 0), EFAULT, "sendmsg");
    check_error(syscall(SYS_clock_gettime, 0, bad), EFAULT, "clock_gettime");
    check_error(syscall(SYS_rt_sigaction, SIGUSR1, bad, NULL, 8), EFAULT, "rt_sigaction");
    check_error(syscall(SYS_rt_sigprocmask, SIG_BLOCK, bad, NULL, 8), EFAULT, "rt_sigprocmask");
    check_error(syscall(SYS_nanosleep, bad, NULL), EFAULT, "nanosleep");
    check_error(syscall(SYS_getcwd, bad, 100), EFAULT, "getcwd");
    check_error(syscall(SYS_uname, bad), EFAULT, "uname");
    check_error(getsockname(pair[0], (struct sockaddr *)pages, (socklen_t *)bad), EFAULT, "getsockname");
    check_error(epoll_ctl(epoll_create1(0), EPOLL_CTL_ADD, ends[0], (struct epoll_event *)bad), EFAULT, "epoll_ctl");
    check_error(syscall(SYS_getrandom, bad, 8, 0), EFAULT, "getrandom");
    check(write(ends[1], bad, 0) == 0, "nothing from nowhere");
    return 0;
}
