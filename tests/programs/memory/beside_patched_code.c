/* Memory in places where a patched call could have something of its own: blocks that grow and move to them, and mappings
   that are put over them on purpose. The calls go on, and what was put there stays. */
#include "check.h"
#include <sys/mman.h>

enum { HOT = 60, PAGE = 4096 };
typedef long (*function)(void);

/* mov eax, getpid; syscall; nops; ret */
static function make(unsigned char *page) {
    static const unsigned char code[] = {0xb8, 39, 0, 0, 0, 0x0f, 0x05, 0x90, 0x90, 0x90, 0xc3};
    memcpy(page, code, sizeof code);
    mprotect(page, PAGE, PROT_READ | PROT_EXEC);
    return (function)(uintptr_t)page;
}

static unsigned char *map(size_t length) {
    return mmap(NULL, length, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
}

static int differs(function call, int times) {
    int wrong = 0;
    for (int i = 0; i < times; i++)
        wrong += call() != getpid();
    return wrong;
}

/* Grows a page to so many bytes, step by step, with something in it. */
static int grows(size_t most) {
    unsigned char *block = map(PAGE);
    int wrong = 0;
    memset(block, 7, PAGE);
    for (size_t length = PAGE; length < most; length *= 2) {
        block = mremap(block, length, 2 * length, MREMAP_MAYMOVE);
        if (block == MAP_FAILED)
            return 1;
        block[2 * length - 1] = 9;
        wrong += block[100] != 7 || block[length - 1] == 0;
    }
    return wrong;
}

/* Puts a mapping over every anonymous piece of code of 64 KiB. */
static int put_over(void) {
    char line[512], permissions[8];
    unsigned long start, end, inode;
    int wrong = 0;
    FILE *maps = fopen("/proc/self/maps", "r");
    while (fgets(line, sizeof line, maps)) {
        int fields = sscanf(line, "%lx-%lx %7s %*s %*s %lu", &start, &end, permissions, &inode);
        if (fields == 4 && end - start == 65536 && strcmp(permissions, "r-xp") == 0 && inode == 0) {
            unsigned char *over = mmap((void *)start, 65536, PROT_READ | PROT_WRITE,
                                       MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED, -1, 0);
            wrong += over != (void *)start || over[0] != 0 || over[65535] != 0;
            memset(over, 0xcc, 65536);
        }
    }
    fclose(maps);
    return wrong;
}

int main(void) {
    function once = make(map(PAGE)), often = make(map(PAGE));
    check(differs(once, 1) == 0, "called once");
    check(grows(1UL << 30) == 0, "a block grows and moves");
    check(differs(once, HOT) == 0, "called often then");
    check(differs(often, HOT) == 0, "and another");
    check(put_over() == 0, "what is between is mapped over");
    check(differs(once, HOT) == 0 && differs(often, HOT) == 0, "both again");
    check(put_over() == 0, "once more");
    check(differs(once, HOT) == 0 && differs(often, HOT) == 0, "and again");
    return 0;
}
