/* epoll with pointers as data: what comes back is the pointer that was given. */
#include "check.h"
#include <sys/epoll.h>
#include <sys/eventfd.h>

struct source {
    int fd;
    const char *name;
};

static int compare(const void *a, const void *b) {
    const struct epoll_event *first = a, *second = b;
    return strcmp(((struct source *)first->data.ptr)->name, ((struct source *)second->data.ptr)->name);
}

static void show(int epoll, int timeout) {
    struct epoll_event events[8];
    int count = epoll_wait(epoll, events, 8, timeout);
    qsort(events, (size_t)count, sizeof *events, compare);
    printf("%d:", count);
    for (int i = 0; i < count; i++) {
        struct source *source = events[i].data.ptr;
        printf(" %s %x", source->name, events[i].events);
    }
    puts("");
}

static void add(int epoll, struct source *source, uint32_t events) {
    struct epoll_event event = {.events = events, .data.ptr = source};
    must(epoll_ctl(epoll, EPOLL_CTL_ADD, source->fd, &event), "epoll_ctl");
}

int main(void) {
    int first[2], second[2], epoll = (int)must(epoll_create1(EPOLL_CLOEXEC), "epoll_create1");
    char byte;
    must(pipe(first), "pipe");
    must(pipe(second), "pipe");
    struct source on_stack = {first[0], "stack"}, *on_heap = malloc(sizeof *on_heap);
    static struct source global = {0, "global"};
    *on_heap = (struct source){second[0], "heap"};
    global.fd = eventfd(0, EFD_NONBLOCK);
    struct source writer = {first[1], "writer"};
    add(epoll, &on_stack, EPOLLIN);
    add(epoll, on_heap, EPOLLIN | EPOLLET);
    add(epoll, &global, EPOLLIN | EPOLLONESHOT);
    show(epoll, 0);
    write(first[1], "xx", 2);
    write(second[1], "x", 1);
    eventfd_write(global.fd, 3);
    show(epoll, 1000);
    show(epoll, 0);
    add(epoll, &writer, EPOLLOUT);
    read(first[0], &byte, 1);
    show(epoll, 0);
    close(second[1]);
    show(epoll, 0);
    struct epoll_event event = {.events = EPOLLIN, .data.ptr = &global};
    check(epoll_ctl(epoll, EPOLL_CTL_MOD, global.fd, &event) == 0, "EPOLL_CTL_MOD");
    show(epoll, 0);
    check(epoll_ctl(epoll, EPOLL_CTL_DEL, first[1], NULL) == 0, "EPOLL_CTL_DEL");
    close(first[0]);
    show(epoll, 0);
    check_error(epoll_ctl(epoll, EPOLL_CTL_ADD, global.fd, &event), EEXIST, "twice");
    check_error(epoll_ctl(epoll, EPOLL_CTL_DEL, 99, NULL), EBADF, "nothing");
    check_error(epoll_ctl(epoll, EPOLL_CTL_ADD, open("/etc/passwd", O_RDONLY), &event), EPERM, "a file");
    for (int i = 0; i < 200; i++) {
        pid_t child = i % 50 ? 0 : fork();
        if (i % 50 == 0 && child == 0)
            _exit(0);
        if (child)
            waitpid(child, NULL, 0);
        if (epoll_wait(epoll, &event, 1, 0) != 1 || event.data.ptr != &global)
            check(0, "every time");
    }
    check(1, "200 times");
    return 0;
}
