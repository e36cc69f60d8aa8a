/* A program whose work depends on the addresses of its data: a hash table of pointers. */
#include "check.h"

enum { COUNT = 400, BUCKETS = 64 };

int main(void) {
    static int filled[BUCKETS];
    void *blocks[COUNT];
    int stack = 0;
    static int global;
    for (int i = 0; i < COUNT; i++) {
        blocks[i] = malloc(40 + (size_t)i % 7);
        filled[(uintptr_t)blocks[i] / 16 % BUCKETS]++;
    }
    filled[(uintptr_t)&stack / 16 % BUCKETS]++;
    /* Natively every run writes another file; leader and followers must write the same one. */
    FILE *file = fopen("order", "w");
    for (int i = 0; i < BUCKETS; i++)
        fprintf(file, "%d ", filled[i]);
    fprintf(file, "%p %p\n", blocks[0], (void *)&stack);
    check(fclose(file) == 0, "data addresses can be written");
    (void)global;
    return 0;
}
