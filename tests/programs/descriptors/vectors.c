/* Scattered input and output: readv, writev, preadv2, pwritev2, sendmsg, recvmsg, partial ones. */
#include "check.h"
#include <sys/socket.h>
#include <sys/uio.h>

int main(void) {
    char a[5] = "", b[20] = "", c[3] = "";
    int fd = (int)must(open("file", O_RDWR | O_CREAT | O_TRUNC, 0600), "open"), pair[2];
    struct iovec out[] = {{"one ", 4}, {"", 0}, {"two ", 4}, {"three", 5}};
    struct iovec in[] = {{a, 4}, {b, 6}, {c, 2}};
    check(writev(fd, out, 4) == 13, "writev");
    check(pwritev(fd, out, 1, 20) == 4, "pwritev");
    check(pwritev2(fd, out, 4, -1, RWF_APPEND) == 13, "pwritev2");
    lseek(fd, 0, SEEK_SET);
    check(readv(fd, in, 3) == 12, "readv");
    printf("%s|%s|%.2s\n", a, b, c);
    check(preadv(fd, in, 3, 34) == 3, "preadv near the end");
    check(preadv2(fd, in, 3, 0, 0) == 12, "preadv2");
    volatile int negative = -1, huge = 2000; /* hidden from the compiler, which would warn */
    check_error(writev(fd, out, negative), EINVAL, "a negative number");
    check_error(writev(fd, out, huge), EINVAL, "too many");
    check(writev(fd, out, 0) == 0, "none");
    must(socketpair(AF_UNIX, SOCK_DGRAM, 0, pair), "socketpair");
    struct msghdr message = {.msg_iov = out, .msg_iovlen = 4};
    check(sendmsg(pair[0], &message, 0) == 13, "sendmsg");
    check(sendmsg(pair[0], &message, 0) == 13, "sendmsg");
    struct msghdr received = {.msg_iov = in, .msg_iovlen = 2};
    check(recvmsg(pair[1], &received, MSG_PEEK) == 10 && received.msg_flags & MSG_TRUNC, "MSG_PEEK, truncated");
    check(recvmsg(pair[1], &received, MSG_TRUNC) == 13, "MSG_TRUNC tells the length");
    struct mmsghdr many[3] = {{.msg_hdr = {.msg_iov = in, .msg_iovlen = 3}},
                              {.msg_hdr = {.msg_iov = in, .msg_iovlen = 3}}};
    struct mmsghdr sent[2] = {{.msg_hdr = message}, {.msg_hdr = message}};
    check(sendmmsg(pair[0], sent, 2, 0) == 2 && sent[1].msg_len == 13, "sendmmsg");
    check(recvmmsg(pair[1], many, 2, 0, NULL) == 2 && many[1].msg_len == 12, "recvmmsg");
    return 0;
}
