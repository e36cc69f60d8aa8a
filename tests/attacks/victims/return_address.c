/* A line is read into a buffer that is too small for it: the return address lies behind. */
#include "victim.h"

static void __attribute__((noinline)) greet(void) {
    char name[64];
    if (read(0, name, 512) > 0)
        dprintf(1, "hello %.8s\n", name);
}

int main(void) {
    introduce();
    greet();
    dprintf(1, "bye\n");
    return 0;
}
