/* mremap: grow, shrink, move, to a fixed address, DONTUNMAP; contents stay. */
#include "check.h"
#include <sys/mman.h>

enum { PAGE = 4096 };

int main(void) {
    size_t size = 4 * PAGE;
    char *area = mmap(NULL, size, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    int right = 0;
    for (int i = 0; i < 12; i++) {
        area[size - 1] = (char)i;
        char *moved = mremap(area, size, 2 * size, MREMAP_MAYMOVE);
        right += moved != MAP_FAILED && moved[size - 1] == i && moved[2 * size - 1] == 0;
        area = moved;
        size *= 2;
    }
    check(right == 12, "growth, doubled 12 times");
    check(mremap(area, size, PAGE, 0) == area, "shrinking stays in place");
    char *target = mmap(NULL, 8 * PAGE, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    strcpy(area, "content");
    char *moved = mremap(area, PAGE, PAGE, MREMAP_MAYMOVE | MREMAP_FIXED, target + 2 * PAGE);
    check(moved == target + 2 * PAGE && strcmp(moved, "content") == 0, "to a fixed address");
    char *kept = mremap(moved, PAGE, PAGE, MREMAP_MAYMOVE | MREMAP_DONTUNMAP, NULL);
    check(kept != MAP_FAILED && strcmp(kept, "content") == 0 && moved[0] == 0, "MREMAP_DONTUNMAP");
    check_error((long)mremap(area, PAGE, 2 * PAGE, MREMAP_MAYMOVE), EFAULT, "nothing is there");
    check_error((long)mremap(kept + 1, PAGE, PAGE, 0), EINVAL, "an odd address");
    mmap(kept + PAGE, PAGE, PROT_READ, MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED_NOREPLACE, -1, 0);
    check_error((long)mremap(kept, PAGE, 2 * PAGE, 0), ENOMEM, "no room to grow in place");
    void *block = malloc(200000);
    memset(block, 7, 200000);
    for (size_t n = 300000; n < 50000000; n *= 2)
        block = realloc(block, n);
    check(((char *)block)[199999] == 7, "realloc of large blocks");
    return 0;
}
