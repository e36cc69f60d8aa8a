/* What the victims share: they introduce themselves, and they have something that nobody should reach. */
#ifndef VICTIM_H
#define VICTIM_H

#include <fcntl.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

/* The attacker has an account on the machine: with the id he reads /proc/PID/maps. */
static inline void introduce(void) {
    dprintf(1, "pid %d\n", getpid());
}

static inline size_t read_fully(void *into, size_t size) {
    size_t length = 0;
    for (ssize_t got; length < size && (got = read(0, (char *)into + length, size - length)) > 0;)
        length += (size_t)got;
    return length;
}

/* Never called by a program that works: leaves the file `owned` behind. */
__attribute__((noinline, used, noreturn)) static void take_over(void) {
    int fd = open("owned", O_CREAT | O_WRONLY, 0600);
    if (write(fd, "owned\n", 6) == 6)
        _exit(0);
    _exit(1);
}

#endif
