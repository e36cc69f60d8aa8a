/* A library of one function in an anonymous file: mapped, called until it is hot, unmapped, changed, mapped again. */
#include "check.h"
#include <sys/mman.h>

enum { HOT = 60 };
typedef long (*function)(void);

static int round_trip(int file, unsigned char number, long expected) {
    unsigned char code[] = {0xf3, 0x0f, 0x1e, 0xfa, 0xb8, number, 0, 0, 0, 0x0f, 0x05, 0x90, 0x90, 0x90, 0xc3};
    int wrong = pwrite(file, code, sizeof code, 0) != sizeof code;
    unsigned char *text = mmap(NULL, 4096, PROT_READ | PROT_EXEC, MAP_PRIVATE, file, 0);
    for (int i = 0; i < HOT; i++)
        wrong += ((function)(uintptr_t)text)() != expected;
    unsigned char kept[sizeof code];
    wrong += pread(file, kept, sizeof kept, 0) != sizeof kept || memcmp(kept, code, sizeof code) != 0;
    munmap(text, 4096);
    return wrong;
}

int main(void) {
    int file = (int)must(memfd_create("library", 0), "memfd_create"), wrong = 0;
    must(ftruncate(file, 4096), "ftruncate");
    for (int i = 0; i < 10; i++) {
        wrong += round_trip(file, SYS_getpid, getpid());
        wrong += round_trip(file, SYS_getppid, getppid());
    }
    check(wrong == 0, "every version did what it should, and the file holds what was written");
    return 0;
}
