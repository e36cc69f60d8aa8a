/* A buffer on the stack is sent back in full though only its beginning was filled: old frames show. */
#include "victim.h"

static void __attribute__((noinline)) work(int depth) {
    volatile char room[64];
    room[0] = (char)depth;
    if (depth > 0)
        work(depth - 1);
}

static void __attribute__((noinline)) answer(void) {
    char buffer[512];
    ssize_t got = read(0, buffer, 8);
    if (got > 0)
        write(1, buffer, sizeof buffer);
}

int main(void) {
    introduce();
    work(10);
    answer();
    return 0;
}
