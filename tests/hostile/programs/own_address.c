/* own_address CALL PART: each variant asks for something to be done to its own agent, context or ring. */
#include "hostile.h"

int main(int count, char **arguments) {
    if (count != 3)
        return 95;
    warm_up();
    const char *call = arguments[1], *part = arguments[2];
    uint64_t at = strcmp(part, "text") == 0   ? context()->entry
                  : strcmp(part, "plan") == 0 ? context()->plan & -(uint64_t)PAGE
                  : strcmp(part, "ring") == 0 ? context()->ring
                                              : context()->this;
    if (strcmp(call, "munmap") == 0)
        syscall(SYS_munmap, at, PAGE);
    else if (strcmp(call, "mprotect") == 0)
        syscall(SYS_mprotect, at, PAGE, PROT_READ | PROT_WRITE | PROT_EXEC);
    else if (strcmp(call, "mremap") == 0)
        syscall(SYS_mremap, at, PAGE, 2 * PAGE, MREMAP_MAYMOVE, 0);
    else if (strcmp(call, "mmap") == 0)
        syscall(SYS_mmap, at, PAGE, PROT_READ, MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED, -1, 0);
    else if (strcmp(call, "madvise") == 0)
        syscall(SYS_madvise, at, PAGE, MADV_DONTNEED);
    say("after\n");
    return 0;
}
