/* A return address leads to code on the stack itself, which is executable, and lies at the same address in all. */
#include "victim.h"

static void __attribute__((noinline)) greet(void) {
    char name[128];
    dprintf(1, "buffer %p\n", (void *)name); /* a leaked data address */
    if (read(0, name, 512) > 0)
        dprintf(1, "hello %.8s\n", name);
}

int main(void) {
    introduce();
    greet();
    dprintf(1, "bye\n");
    return 0;
}
