/* Sockets of every local kind: streams, datagrams, packets, names, credentials, options, TCP and UDP. */
#include "check.h"
#include <arpa/inet.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <stddef.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <sys/un.h>

static void local(void) {
    struct sockaddr_un address = {.sun_family = AF_UNIX, .sun_path = "socket"}, seen;
    struct ucred credentials;
    socklen_t size = sizeof credentials;
    char text[32] = "";
    int listener = socket(AF_UNIX, SOCK_STREAM, 0), client = socket(AF_UNIX, SOCK_STREAM, 0), on = 1;
    check(bind(listener, (struct sockaddr *)&address, sizeof address) == 0 && listen(listener, 1) == 0, "listen");
    check_error(bind(client, (struct sockaddr *)&address, sizeof address), EADDRINUSE, "the name is taken");
    check(connect(client, (struct sockaddr *)&address, sizeof address) == 0, "connect");
    socklen_t seen_size = sizeof seen;
    int server = accept4(listener, (struct sockaddr *)&seen, &seen_size, SOCK_CLOEXEC | SOCK_NONBLOCK);
    check(server >= 0 && seen_size == sizeof(sa_family_t), "accept4");
    check(getsockopt(server, SOL_SOCKET, SO_PEERCRED, &credentials, &size) == 0 && credentials.pid == getpid(),
          "SO_PEERCRED");
    check_error(recv(server, text, 1, 0), EAGAIN, "nothing yet");
    send(client, "abc", 3, 0);
    check(ioctl(server, FIONREAD, &on) == 0 && on == 3, "FIONREAD");
    shutdown(client, SHUT_WR);
    check(recv(server, text, sizeof text, 0) == 3 && recv(server, text, sizeof text, 0) == 0, "shutdown");
    getpeername(client, (struct sockaddr *)&seen, &seen_size);
    printf("peer of family %d, %u bytes\n", seen.sun_family, seen_size);
    check_error(connect(listener, (struct sockaddr *)&address, 2), EINVAL, "a short address");
    int pair[2];
    must(socketpair(AF_UNIX, SOCK_SEQPACKET, 0, pair), "socketpair");
    send(pair[0], "one", 3, 0);
    send(pair[0], "second", 6, 0);
    check(recv(pair[1], text, 2, 0) == 2 && recv(pair[1], text, 9, 0) == 6, "packets");
}

/* Names without a file: all bytes count, zeros included. */
static void abstract(void) {
    struct sockaddr_un address = {.sun_family = AF_UNIX}, seen = {0};
    int length = snprintf(address.sun_path + 1, 60, "stretto-%d%cend", getpid(), 0) + 1;
    socklen_t size = (socklen_t)(offsetof(struct sockaddr_un, sun_path) + (size_t)length), seen_size = sizeof seen;
    int one = socket(AF_UNIX, SOCK_DGRAM, 0), other = socket(AF_UNIX, SOCK_DGRAM, 0);
    char text[8] = "";
    check(bind(one, (struct sockaddr *)&address, size) == 0, "an abstract name");
    check(getsockname(one, (struct sockaddr *)&seen, &seen_size) == 0 && seen_size == size &&
              memcmp(&seen, &address, size) == 0,
          "which reads back whole");
    check(sendto(other, "to", 2, 0, (struct sockaddr *)&address, size) == 2 && recv(one, text, 8, 0) == 2, "sendto");
    address.sun_path[length - 1] ^= 1;
    check_error(connect(other, (struct sockaddr *)&address, size), ECONNREFUSED, "another last byte");
    check(bind(other, (struct sockaddr *)&address, sizeof(sa_family_t)) == 0, "the kernel chooses a name");
    seen_size = sizeof seen;
    check(getsockname(other, (struct sockaddr *)&seen, &seen_size) == 0 && seen_size == sizeof(sa_family_t) + 6,
          "of six bytes");
}

static void internet(void) {
    struct sockaddr_in address = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    socklen_t size = sizeof address;
    int on = 1, value = 0;
    char text[32] = "";
    int listener = socket(AF_INET, SOCK_STREAM, 0), client = socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK, 0);
    setsockopt(listener, SOL_SOCKET, SO_REUSEADDR, &on, sizeof on);
    must(bind(listener, (struct sockaddr *)&address, sizeof address), "bind");
    must(listen(listener, 5), "listen");
    must(getsockname(listener, (struct sockaddr *)&address, &size), "getsockname");
    check(address.sin_port != 0 && size == sizeof address, "a port");
    int result = connect(client, (struct sockaddr *)&address, sizeof address);
    check(result == 0 || errno == EINPROGRESS, "connect without blocking");
    int server = (int)must(accept(listener, NULL, NULL), "accept");
    struct pollfd waiting = {.fd = client, .events = POLLOUT};
    check(poll(&waiting, 1, 20000) == 1 && waiting.revents == POLLOUT, "it is connected");
    size = sizeof value;
    check(getsockopt(client, SOL_SOCKET, SO_ERROR, &value, &size) == 0 && value == 0, "SO_ERROR");
    check(setsockopt(client, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on) == 0, "TCP_NODELAY");
    check(setsockopt(client, SOL_SOCKET, SO_LINGER, &(struct linger){1, 0}, sizeof(struct linger)) == 0, "SO_LINGER");
    send(server, "hello", 5, 0);
    waiting.events = POLLIN;
    poll(&waiting, 1, 20000);
    check(recv(client, text, sizeof text, MSG_DONTWAIT) == 5, "data");
    close(client);
    check_error(recv(server, text, 1, 0), ECONNRESET, "reset");
    address.sin_port = htons(1);
    client = socket(AF_INET, SOCK_STREAM, 0);
    check_error(connect(client, (struct sockaddr *)&address, sizeof address), ECONNREFUSED, "refused");

    int datagrams = socket(AF_INET, SOCK_DGRAM, 0);
    address.sin_port = 0;
    must(bind(datagrams, (struct sockaddr *)&address, sizeof address), "bind");
    size = sizeof address;
    getsockname(datagrams, (struct sockaddr *)&address, &size);
    sendto(datagrams, "datagram", 8, 0, (struct sockaddr *)&address, size);
    struct sockaddr_in from;
    size = sizeof from;
    check(recvfrom(datagrams, text, 4, 0, (struct sockaddr *)&from, &size) == 4 && from.sin_port == address.sin_port,
          "a datagram to oneself, cut");
    check(socket(AF_INET6, SOCK_STREAM, 0) >= 0 || errno == EAFNOSUPPORT, "IPv6");
    check_error(socket(AF_INET, 99, 0), EINVAL, "no such kind");
    int pair[2] = {-1, -1};
    check_error(socketpair(AF_INET, SOCK_STREAM, 0, pair), EOPNOTSUPP, "no such pair");
    check_error(close(pair[0]), EBADF, "of which there is nothing left");
    printf("ok   but numbers: %d %d\n", pair[0], pair[1]);
    volatile uintptr_t nowhere = 64;
    check_error(socketpair(AF_UNIX, SOCK_STREAM, 0, (int *)nowhere), EFAULT, "a pair nowhere");
}

int main(void) {
    local();
    abstract();
    internet();
    return 0;
}
