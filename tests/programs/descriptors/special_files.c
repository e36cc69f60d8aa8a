/* eventfd, timerfd, inotify, memfd with seals, pipes with sizes, sendfile, splice, tee, copy_file_range. */
#include "check.h"
#include <poll.h>
#include <sys/eventfd.h>
#include <sys/inotify.h>
#include <sys/mman.h>
#include <sys/sendfile.h>
#include <sys/timerfd.h>
#include <sys/uio.h>

int main(void) {
    uint64_t value = 0;
    char text[64] = "";
    int ends[2], other[2];
    int event = eventfd(5, EFD_NONBLOCK | EFD_SEMAPHORE);
    check(read(event, &value, 8) == 8 && value == 1, "eventfd as semaphore");
    eventfd_write(event, 2);
    for (int i = 0; i < 6; i++)
        read(event, &value, 8);
    check_error(read(event, &value, 8), EAGAIN, "empty");

    int timer = timerfd_create(CLOCK_MONOTONIC, TFD_CLOEXEC);
    struct itimerspec often = {{0, 5000000}, {0, 5000000}}, seen;
    timerfd_settime(timer, 0, &often, NULL);
    for (uint64_t sum = 0; sum < 4; sum += value)
        must(read(timer, &value, 8), "read");
    check(timerfd_gettime(timer, &seen) == 0 && seen.it_interval.tv_nsec == 5000000, "timerfd");

    // Initialised: what is left on a stack are addresses of code, which differ between variants.
    char room[512] __attribute__((aligned(8))) = "";
    int watch = inotify_init1(IN_NONBLOCK);
    check(inotify_add_watch(watch, ".", IN_CREATE | IN_DELETE) == 1, "inotify");
    check_error(read(watch, room, sizeof room), EAGAIN, "nothing yet");
    close(open("created", O_CREAT | O_WRONLY, 0600));
    unlink("created");
    ssize_t length = read(watch, room, sizeof room);
    for (char *at = room; at < room + length; at += sizeof(struct inotify_event) + ((struct inotify_event *)at)->len)
        printf("%x %s\n", ((struct inotify_event *)at)->mask, ((struct inotify_event *)at)->name);

    int memory = memfd_create("sealed", MFD_ALLOW_SEALING);
    write(memory, "0123456789", 10);
    check(fcntl(memory, F_ADD_SEALS, F_SEAL_WRITE) == 0 && fcntl(memory, F_GET_SEALS) == F_SEAL_WRITE, "seals");
    check_error(write(memory, "x", 1), EPERM, "a sealed memfd");

    must(pipe2(ends, O_NONBLOCK), "pipe2");
    must(pipe(other), "pipe");
    check(fcntl(ends[1], F_SETPIPE_SZ, 8192) == 8192 && fcntl(ends[0], F_GETPIPE_SZ) == 8192, "the size of a pipe");
    int filled = 0;
    while (write(ends[1], room, sizeof room) > 0)
        filled++;
    printf("%d writes\n", filled);
    while (read(ends[0], room, sizeof room) > 0)
        filled--;
    check(filled == 0, "as many reads");
    lseek(memory, 0, SEEK_SET);
    check(sendfile(ends[1], memory, NULL, 4) == 4, "sendfile");
    check(tee(ends[0], other[1], 100, 0) == 4, "tee");
    check(splice(ends[0], NULL, other[1], NULL, 100, 0) == 4, "splice");
    check(vmsplice(other[1], &(struct iovec){"vm", 2}, 1, 0) == 2, "vmsplice");
    check(read(other[0], text, sizeof text) == 10 && memcmp(text, "01230123vm", 10) == 0, "what arrived");
    int from = open("/etc/passwd", O_RDONLY), to = open("copy", O_CREAT | O_RDWR, 0600);
    check(copy_file_range(from, NULL, to, NULL, 20, 0) == 20 && lseek(to, 0, SEEK_END) == 20, "copy_file_range");
    struct pollfd waiting[] = {{.fd = event, .events = POLLIN}, {.fd = -1}, {.fd = 99}, {.fd = ends[1], .events = POLLOUT}};
    check(poll(waiting, 4, 0) == 2 && waiting[2].revents == POLLNVAL && waiting[3].revents == POLLOUT, "poll");
    return 0;
}
