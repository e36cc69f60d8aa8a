/* Makes one system call many times and prints the nanoseconds that one takes: guest getpid|read|write BYTES COUNT.
 * The clock is read twice in all, so that it does not matter what reading it costs under Stretto. */
#define _GNU_SOURCE
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>

static char block[64 << 10];
static size_t size;

static double now(void) {
    struct timespec time;
    clock_gettime(CLOCK_MONOTONIC, &time);
    return time.tv_sec * 1e9 + time.tv_nsec;
}

static long turns(long call, int file, long count) {
    long last = 0;
    for (long turn = 0; turn < count; turn++)
        last = syscall(call, file, block, size);
    return last;
}

int main(int argc, char **argv) {
    const char *kind = argc == 4 ? argv[1] : "";
    long count = argc == 4 ? atol(argv[3]) : 0;
    size = argc == 4 ? strtoul(argv[2], NULL, 10) : 0;
    long call = !strcmp(kind, "getpid")  ? SYS_getpid
                : !strcmp(kind, "read")  ? SYS_read
                : !strcmp(kind, "write") ? SYS_write
                                         : -1;
    if (call < 0 || count < 1 || size > sizeof block) {
        fprintf(stderr, "usage: guest getpid|read|write BYTES COUNT\n");
        return 2;
    }
    int file = call == SYS_read ? open("/dev/zero", O_RDONLY) : open("/dev/null", O_WRONLY);
    memset(block, 0x5a, sizeof block);
    turns(call, file, count / 10 + 10);
    double start = now();
    long last = turns(call, file, count);
    double end = now();
    if (last != (call == SYS_getpid ? (long)getpid() : (long)size)) {
        fprintf(stderr, "guest: %s returned %ld\n", kind, last);
        return 1;
    }
    printf("%.1f\n", (end - start) / count);
    return 0;
}
