/* stub WHO PLACE OFFSET: jumps to a byte of the stub, or of the jump to it, with registers that hurt nobody. With
   OFFSET "each", a child for each byte. */
#include "hostile.h"

static long jump_to(const uint8_t *to) {
    register long r10 __asm__("r10") = 0;
    register long r8 __asm__("r8") = 0;
    register long r9 __asm__("r9") = 0;
    long result = SYS_getpid;
    __asm__ volatile("sub $256, %%rsp\n\tcall *%%rcx\n\tadd $256, %%rsp"
                     : "+a"(result), "+c"(to)
                     : "D"(0), "S"(0), "d"(0), "r"(r10), "r"(r8), "r"(r9)
                     : "r11", "memory");
    return result;
}

int main(int count, char **arguments) {
    if (count != 4)
        return 95;
    warm_up();
    uint8_t *site = (uint8_t *)(uintptr_t)hot;
    while (*site != 0xe9)
        site++;
    const uint8_t *from = strcmp(arguments[2], "site") == 0 ? site : stub();
    if (strcmp(arguments[3], "each") != 0) {
        if (concerns(arguments[1]))
            jump_to(from + atoi(arguments[3]));
    } else {
        for (int i = 0; i < 40; i++) {
            if (fork() == 0) {
                alarm(2);
                jump_to(from + i);
                _exit(0);
            }
            wait(NULL);
        }
    }
    for (int i = 0; i < 10; i++)
        hot(SYS_getppid, 0, 0, 0);
    say("after\n");
    return 0;
}
