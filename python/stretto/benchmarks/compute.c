/* Computes and makes no system call meanwhile: compute STEPS. Prints the result, so that none of it can be left out. */
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>

int main(int argc, char **argv) {
    long steps = argc == 2 ? atol(argv[1]) : 0;
    if (steps < 1) {
        fprintf(stderr, "usage: compute STEPS\n");
        return 2;
    }
    uint64_t state = 88172645463325252;
    for (long step = 0; step < steps; step++) {
        state ^= state << 13;
        state ^= state >> 7;
        state ^= state << 17;
    }
    printf("%llu\n", (unsigned long long)state);
    return 0;
}
