/* Code made at run time, with a system call in it that gets hot: unmapped and replaced, made writable and changed,
   moved, thrown away. Each time what is there now is what runs. */
#include "check.h"
#include <sys/mman.h>

enum { HOT = 60, SIZE = 8192 };
typedef long (*function)(void);

/* mov eax, number; syscall; add eax, plus; ret */
static void write_code(unsigned char *to, int number, int plus) {
    unsigned char code[] = {0xb8, 0, 0, 0, 0, 0x0f, 0x05, 0x05, 0, 0, 0, 0, 0xc3};
    memcpy(code + 1, &number, 4);
    memcpy(code + 8, &plus, 4);
    memcpy(to, code, sizeof code);
}

static unsigned char *map_code(void *at, int number, int plus) {
    int flags = MAP_PRIVATE | MAP_ANONYMOUS | (at ? MAP_FIXED : 0);
    unsigned char *page = mmap(at, SIZE, PROT_READ | PROT_WRITE, flags, -1, 0);
    write_code(page + 16, number, plus);
    mprotect(page, SIZE, PROT_READ | PROT_EXEC);
    return page + 16;
}

static int differs(unsigned char *code, long expected) {
    int wrong = 0;
    for (int i = 0; i < HOT; i++)
        wrong += ((function)(uintptr_t)code)() != expected;
    return wrong;
}

int main(void) {
    long pid = getpid(), parent = getppid();
    unsigned char *code = map_code(NULL, SYS_getpid, 1), *page = code - 16, first[13], *moved;
    int wrong = 0;
    check(differs(code, pid + 1) == 0, "new code");

    for (int i = 0; i < 20; i++) {
        munmap(page, SIZE);
        map_code(page, i % 2 ? SYS_getpid : SYS_getppid, i);
        wrong += differs(code, (i % 2 ? pid : parent) + i);
    }
    check(wrong == 0, "other code at the same address");

    for (int i = 0; i < 20; i++) {
        mprotect(page, SIZE, PROT_READ | PROT_WRITE);
        write_code(code, SYS_getppid, 1000 + i);
        mprotect(page, SIZE, PROT_READ | PROT_EXEC);
        wrong += differs(code, parent + 1000 + i);
    }
    check(wrong == 0, "code that is changed");

    mprotect(page, SIZE, PROT_READ | PROT_WRITE | PROT_EXEC);
    for (int i = 0; i < 20; i++) {
        write_code(code, SYS_getpid, 2000 + i);
        wrong += differs(code, pid + 2000 + i);
    }
    check(wrong == 0, "code that stays writable");

    mprotect(page, SIZE, PROT_READ | PROT_EXEC);
    wrong += differs(code, pid + 2019);
    mprotect(page, SIZE, PROT_READ);
    memcpy(first, code, sizeof first);
    check(first[5] == 0x0f && first[6] == 0x05, "what the program reads is what it wrote");

    map_code(page, SYS_getpid, 5); /* over it */
    check(differs(code, pid + 5) == 0, "code mapped over code");

    moved = mremap(page, SIZE, SIZE, MREMAP_MAYMOVE | MREMAP_FIXED,
                   mmap(NULL, SIZE, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0));
    check(moved != MAP_FAILED && differs(moved + 16, pid + 5) == 0, "code that is moved");

    check(madvise(moved, SIZE, MADV_DONTNEED) == 0 && moved[16] == 0, "code that is thrown away");
    mprotect(moved, SIZE, PROT_READ | PROT_WRITE);
    write_code(moved + 16, SYS_getppid, 3);
    mprotect(moved, SIZE, PROT_READ | PROT_EXEC);
    check(differs(moved + 16, parent + 3) == 0, "and written again");
    return 0;
}
