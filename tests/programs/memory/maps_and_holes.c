/* mmap with MAP_FIXED and MAP_FIXED_NOREPLACE, partial munmap, errors. */
#include "check.h"
#include <sys/mman.h>

enum { PAGE = 4096 };

static char *map(void *at, size_t pages, int protection, int flags) {
    return mmap(at, pages * PAGE, protection, MAP_PRIVATE | MAP_ANONYMOUS | flags, -1, 0);
}

static int is_mapped(char *address) {
    unsigned char vector;
    return mincore(address, PAGE, &vector) == 0;
}

int main(void) {
    char *area = map(NULL, 10, PROT_READ | PROT_WRITE, 0);
    memset(area, 'a', 10 * PAGE);
    check(munmap(area + 2 * PAGE, 3 * PAGE) == 0, "a hole in the middle");
    check(is_mapped(area + PAGE) && !is_mapped(area + 2 * PAGE) && is_mapped(area + 5 * PAGE), "just there");
    check(map(area + 3 * PAGE, 1, PROT_READ | PROT_WRITE, MAP_FIXED) == area + 3 * PAGE, "a page in the hole");
    check(area[3 * PAGE] == 0 && area[PAGE] == 'a', "it is empty");
    check(map(area + 5 * PAGE, 2, PROT_READ, MAP_FIXED) == area + 5 * PAGE, "MAP_FIXED over a mapping");
    check(area[5 * PAGE] == 0 && area[7 * PAGE] == 'a', "it replaces just that");
    char *refused = map(area, 1, PROT_READ, MAP_FIXED_NOREPLACE);
    check_error(refused == MAP_FAILED ? -1 : 0, EEXIST, "MAP_FIXED_NOREPLACE over a mapping");
    check(map(area + 2 * PAGE, 1, PROT_READ, MAP_FIXED_NOREPLACE) == area + 2 * PAGE, "in a hole");
    check(map((void *)(uintptr_t)(area + 4 * PAGE), 1, PROT_READ, 0) != MAP_FAILED, "with a hint");
    check_error((long)map(area + 1, 1, PROT_READ, MAP_FIXED), EINVAL, "an odd address");
    check_error((long)map(NULL, 0, PROT_READ, 0), EINVAL, "no length");
    check_error((long)mmap(NULL, PAGE, PROT_READ, MAP_PRIVATE, -1, 0), EBADF, "no file");
    check_error((long)map(NULL, (size_t)1 << 50, PROT_READ, 0), ENOMEM, "too much");
    check_error(munmap(area + 1, PAGE), EINVAL, "munmap of an odd address");
    check(munmap(area, 10 * PAGE) == 0 && munmap(area, 10 * PAGE) == 0, "munmap of nothing");
    char *big = map(NULL, 1 << 22, PROT_READ | PROT_WRITE, MAP_NORESERVE);
    big[(size_t)3 << 32] = 1;
    check(big[(size_t)3 << 32] == 1 && big[(size_t)2 << 32] == 0, "16 GiB, hardly used");
    char *low = map(NULL, 1, PROT_READ | PROT_WRITE, MAP_32BIT);
    check((uintptr_t)low < (uintptr_t)1 << 31, "MAP_32BIT");
    char *stack = map(NULL, 4, PROT_READ | PROT_WRITE, MAP_GROWSDOWN | MAP_STACK);
    check(stack != MAP_FAILED && (stack[3 * PAGE] = 1), "MAP_GROWSDOWN");
    return 0;
}
