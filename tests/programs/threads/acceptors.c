/* A thread waits in accept, which has reserved a descriptor's number already, while another accepts connections. */
#include "check.h"
#include <netinet/in.h>
#include <pthread.h>
#include <sys/socket.h>

#include "hot.h"

enum { CONNECTIONS = HOT };

static int quiet, busy;
static volatile pid_t waiting;

static int listener(struct sockaddr_in *name) {
    socklen_t length = sizeof *name;
    int fd = (int)must(socket(AF_INET, SOCK_STREAM, 0), "socket");
    *name = (struct sockaddr_in){.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    must(bind(fd, (struct sockaddr *)name, length), "bind");
    must(listen(fd, CONNECTIONS), "listen");
    must(getsockname(fd, (struct sockaddr *)name, &length), "getsockname");
    return fd;
}

static int take(int fd) {
    struct sockaddr_in peer = {0};
    socklen_t length = sizeof peer;
    int taken = (int)hot(SYS_accept, fd, (long)&peer, (long)&length);
    return taken >= 0 && length == sizeof peer && peer.sin_family == AF_INET ? taken : -1;
}

static void reach(const struct sockaddr_in *name) {
    int fd = (int)must(socket(AF_INET, SOCK_STREAM, 0), "socket");
    must(connect(fd, (const struct sockaddr *)name, sizeof *name), "connect");
    close(fd);
}

static void *wait_for_one(void *unused) {
    (void)unused;
    heat();
    waiting = gettid();
    return (void *)(intptr_t)take(quiet);
}

/* proc_pid_syscall(5) */
static int waits(void) {
    char path[64], text[8] = "";
    snprintf(path, sizeof path, "/proc/self/task/%d/syscall", (int)waiting);
    int file = (int)must(open(path, O_RDONLY), "open");
    ssize_t got = read(file, text, sizeof text - 1);
    close(file);
    return got > 0 && strncmp(text, "43 ", 3) == 0;
}

int main(void) {
    struct sockaddr_in names[2];
    pthread_t thread;
    void *taken;
    int good = 0;
    quiet = listener(&names[0]);
    busy = listener(&names[1]);
    heat();
    pthread_create(&thread, NULL, wait_for_one, NULL);
    while (!waiting || !waits())
        usleep(100);
    for (int i = 0; i < CONNECTIONS; i++) {
        reach(&names[1]);
        int fd = take(busy);
        good += fd >= 0;
        if (i % 2)
            close(fd);
    }
    check(good == CONNECTIONS, "connections beside a thread that waits for one");
    reach(&names[0]);
    pthread_join(thread, &taken);
    check((intptr_t)taken >= 0, "which gets it");
    return 0;
}
