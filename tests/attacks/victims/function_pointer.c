/* A name on the heap is followed by a function pointer; its length is not checked. */
#include "victim.h"

struct visitor {
    char name[32];
    void (*greet)(const struct visitor *);
};

static void say_hello(const struct visitor *visitor) {
    dprintf(1, "hello %.8s\n", visitor->name);
}

int main(void) {
    struct visitor *visitor = malloc(sizeof *visitor);
    visitor->greet = say_hello;
    introduce();
    if (read(0, visitor->name, 128) > 0)
        visitor->greet(visitor);
    dprintf(1, "bye\n");
    return 0;
}
