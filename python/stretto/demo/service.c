/* A greeting service with a memory error.
 *
 *   service PORT     listens on 127.0.0.1 (port 0: any), prints "port N", serves one client after the other
 *
 * A request is a length (two bytes, big-endian), a letter and data:
 *   'I'        tells the process id and the connection's descriptor
 *   'H' name   greets
 *
 * The error: `greet` checks the length of the name against the size of the request, not against that of the
 * field it is copied to. A name of more than 64 bytes reaches the function pointer behind it.
 */
#include <arpa/inet.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#define REQUEST_MAX 512

struct visitor {
    char name[64];
    void (*answer)(struct visitor *);
    int connection;
};

static unsigned visitors;

static void say_hello(struct visitor *visitor) {
    visitors++;
    dprintf(visitor->connection, "Hello, %.64s. You are visitor %u.\n", visitor->name, visitors);
}

static void greet(int connection, const char *name, size_t length) {
    struct visitor visitor = {.answer = say_hello, .connection = connection};
    if (length <= REQUEST_MAX)
        memcpy(visitor.name, name, length);
    visitor.answer(&visitor);
}

static int read_fully(int connection, void *into, size_t length) {
    char *at = into;
    while (length > 0) {
        ssize_t got = read(connection, at, length);
        if (got <= 0)
            return -1;
        at += got;
        length -= (size_t)got;
    }
    return 0;
}

static void serve(int connection) {
    char request[REQUEST_MAX];
    uint16_t length;
    while (read_fully(connection, &length, sizeof length) == 0) {
        length = ntohs(length);
        if (length == 0 || length > sizeof request || read_fully(connection, request, length) != 0)
            return;
        if (request[0] == 'I')
            dprintf(connection, "pid %d connection %d\n", getpid(), connection);
        else if (request[0] == 'H')
            greet(connection, request + 1, length - 1u);
        else
            return;
    }
}

int main(int argc, char **argv) {
    struct sockaddr_in address = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    socklen_t size = sizeof address;
    address.sin_port = htons((uint16_t)(argc > 1 ? atoi(argv[1]) : 0));
    int listener = socket(AF_INET, SOCK_STREAM, 0);
    int yes = 1;
    setsockopt(listener, SOL_SOCKET, SO_REUSEADDR, &yes, sizeof yes);
    if (bind(listener, (struct sockaddr *)&address, size) != 0 || listen(listener, 8) != 0 ||
        getsockname(listener, (struct sockaddr *)&address, &size) != 0) {
        perror("service");
        return 1;
    }
    printf("port %d\n", ntohs(address.sin_port));
    fflush(stdout);
    for (;;) {
        int connection = accept(listener, NULL, NULL);
        if (connection < 0)
            return 1;
        serve(connection);
        close(connection);
    }
}
