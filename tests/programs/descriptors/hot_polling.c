/* Waiting for descriptors in a loop: poll, select, epoll, with a time limit and without, ready and not. */
#include "check.h"
#include <poll.h>
#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <sys/select.h>

#include "hot.h"

enum { ROUNDS = 300 };

int main(void) {
    int one[2], other[2], wrong = 0, event = eventfd(0, EFD_NONBLOCK), set = epoll_create1(0);
    char byte = 'b';
    uint64_t count = 1;
    must(pipe(one), "pipe");
    must(pipe(other), "pipe");
    struct epoll_event wanted = {.events = EPOLLIN, .data.fd = one[0]}, seen[4];
    must(epoll_ctl(set, EPOLL_CTL_ADD, one[0], &wanted), "epoll_ctl");
    wanted.data.fd = event;
    must(epoll_ctl(set, EPOLL_CTL_ADD, event, &wanted), "epoll_ctl");
    heat();
    for (int i = 0; i < ROUNDS; i++) {
        struct pollfd polled[3] = {{one[0], POLLIN, 0}, {other[0], POLLIN, 0}, {other[1], POLLOUT, 0}};
        fd_set readable, writable;
        struct timeval limit = {0, 0};
        wrong += hot(SYS_poll, (long)polled, 2, 0) != 0;
        wrong += hot(SYS_poll, (long)polled, 3, -1) != 1 || polled[2].revents != POLLOUT;
        wrong += hot(SYS_write, one[1], (long)&byte, 1) != 1;
        wrong += hot(SYS_poll, (long)polled, 2, 1000) != 1 || polled[0].revents != POLLIN || polled[1].revents != 0;
        FD_ZERO(&readable);
        FD_ZERO(&writable);
        FD_SET(one[0], &readable);
        FD_SET(other[0], &readable);
        FD_SET(other[1], &writable);
        wrong += hot6(SYS_select, other[1] + 1, (long)&readable, (long)&writable, 0, (long)&limit, 0) != 2;
        wrong += !FD_ISSET(one[0], &readable) || FD_ISSET(other[0], &readable) || !FD_ISSET(other[1], &writable);
        wrong += hot6(SYS_epoll_wait, set, (long)seen, 4, -1, 0, 0) != 1 || seen[0].data.fd != one[0];
        wrong += hot(SYS_write, event, (long)&count, 8) != 8;
        wrong += hot6(SYS_epoll_wait, set, (long)seen, 4, 0, 0, 0) != 2;
        wrong += hot(SYS_read, event, (long)&count, 8) != 8 || count != 1;
        wrong += hot(SYS_read, event, (long)&count, 8) != -EAGAIN;
        wrong += hot(SYS_read, one[0], (long)&byte, 1) != 1 || byte != 'b';
        wrong += hot6(SYS_epoll_wait, set, (long)seen, 4, 0, 0, 0) != 0;
        limit = (struct timeval){0, 100};
        FD_ZERO(&readable);
        FD_SET(one[0], &readable);
        wrong += hot6(SYS_select, one[0] + 1, (long)&readable, 0, 0, (long)&limit, 0) != 0 || FD_ISSET(one[0], &readable);
    }
    check(wrong == 0, "every wait gave what it should");
    pid_t child = fork();
    if (child == 0) {
        for (int i = 0; i < 100; i++)
            write(one[1], "x", 1);
        _exit(0);
    }
    close(one[1]);
    int got = 0;
    for (;;) {
        struct pollfd polled = {one[0], POLLIN, 0};
        char bytes[7];
        wrong += hot(SYS_poll, (long)&polled, 1, -1) != 1;
        long now = hot(SYS_read, one[0], (long)bytes, sizeof bytes);
        if (now <= 0)
            break;
        got += (int)now;
    }
    check(got == 100 && wrong == 0, "every byte of somebody who ends");
    report_end(child, "the writer");
    return 0;
}
