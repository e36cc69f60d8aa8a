/* Descriptor numbers are the lowest free ones, however others are closed and duplicated. */
#include "check.h"
#include <linux/close_range.h>
#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/timerfd.h>

static int zero(void) {
    return open("/dev/zero", O_RDONLY);
}

int main(void) {
    int two[2];
    printf("%d %d %d\n", zero(), zero(), open("new", O_CREAT | O_RDWR, 0600));
    close(4);
    printf("%d after close of 4\n", zero());
    close(3);
    pipe(two);
    printf("%d %d pipe\n", two[0], two[1]);
    socketpair(AF_UNIX, SOCK_STREAM, 0, two);
    printf("%d %d socketpair\n", two[0], two[1]);
    printf("%d dup, %d dup2, %d dup3\n", dup(3), dup2(3, 20), dup3(3, 21, O_CLOEXEC));
    printf("%d F_DUPFD, %d F_DUPFD_CLOEXEC\n", fcntl(3, F_DUPFD, 20), fcntl(3, F_DUPFD_CLOEXEC, 4));
    printf("%d eventfd, %d timerfd, %d epoll, %d memfd\n", eventfd(0, 0), timerfd_create(CLOCK_MONOTONIC, 0),
           epoll_create1(0), memfd_create("m", 0));
    printf("%d socket, %d directory, %d path\n", socket(AF_INET, SOCK_DGRAM, 0), open(".", O_RDONLY | O_DIRECTORY),
           open("/", O_PATH));
    printf("%d dup2 of itself\n", dup2(3, 3));
    check_error(dup3(3, 3, 0), EINVAL, "dup3 of itself");
    check_error(dup2(99, 5), EBADF, "dup2 of nothing");
    check_error(close(99), EBADF, "close of nothing");
    check_error(fcntl(3, F_DUPFD, 100000000), EINVAL, "F_DUPFD too high");
    check(close_range(6, 9, 0) == 0, "close_range");
    printf("%d %d after close_range\n", zero(), zero());
    check(close_range(10, ~0U, CLOSE_RANGE_CLOEXEC) == 0 && fcntl(20, F_GETFD) == FD_CLOEXEC, "CLOSE_RANGE_CLOEXEC");
    check(close_range(3, ~0U, 0) == 0, "close_range of all");
    printf("%d first again\n", zero());
    struct rlimit limit = {6, 6};
    setrlimit(RLIMIT_NOFILE, &limit);
    printf("%d %d\n", zero(), zero());
    check_error(zero(), EMFILE, "no more than the limit");
    check_error(pipe(two), EMFILE, "nor by pipe");
    check_error(dup(0), EMFILE, "nor by dup");
    check_error(dup2(0, 6), EBADF, "nor by dup2");
    return 0;
}
