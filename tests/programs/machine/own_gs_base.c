/* Where the processor and the kernel let programs set the gs base with an instruction (AT_HWCAP2), it is theirs. */
#include "check.h"
#include <sys/auxv.h>

#include "hot.h"

enum { MAY_SET_BASES = 2 }; /* HWCAP2_FSGSBASE, arch/x86/include/uapi/asm/hwcap2.h */

int main(void) {
    static uint64_t area[512] = {0, 42};
    pid_t self = getpid();
    heat();
    if (getauxval(AT_HWCAP2) & MAY_SET_BASES) {
        uint64_t seen = 0;
        int wrong = 0;
        __asm__ volatile("wrgsbase %0" : : "r"(area));
        for (int i = 0; i < HOT; i++)
            wrong += hot(SYS_getpid, 0, 0, 0) != self;
        __asm__ volatile("mov %%gs:8, %0" : "=r"(seen));
        if (wrong != 0 || seen != 42)
            check(0, "gs is the program's");
    }
    check(1, "a program that is told that it may have gs of its own has it");
    return 0;
}
