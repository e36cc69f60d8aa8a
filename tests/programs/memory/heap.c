/* A long sequence of malloc, realloc and free; what is allocated keeps its content. */
#include "check.h"
#include <malloc.h>

enum { SLOTS = 500 };

int main(void) {
    static unsigned char *blocks[SLOTS];
    static size_t sizes[SLOTS];
    unsigned state = 1;
    int wrong = 0;
    for (int i = 0; i < 50000; i++) {
        state = state * 1103515245 + 12345;
        int slot = (int)(state >> 16) % SLOTS;
        if (blocks[slot])
            wrong += blocks[slot][0] != (unsigned char)slot || blocks[slot][sizes[slot] - 1] != (unsigned char)slot;
        if (state & 0x100) {
            free(blocks[slot]);
            blocks[slot] = NULL;
            continue;
        }
        sizes[slot] = 1 + (state >> 8) % (i % 50 ? 2000 : 300000);
        blocks[slot] = realloc(blocks[slot], sizes[slot]);
        memset(blocks[slot], slot, sizes[slot]);
    }
    check(wrong == 0, "50,000 steps");
    void *aligned = NULL;
    check(posix_memalign(&aligned, 65536, 100) == 0 && (uintptr_t)aligned % 65536 == 0, "aligned");
    malloc_trim(0);
    check(malloc((size_t)-1 / 2) == NULL && errno == ENOMEM, "too much");
    return 0;
}
