/* forged CALL RESULT: the leader writes the record of a call that the policy does not have in process, and tells the
   monitor through a stub that its agent has made it; the follower really asks for that call. */
#include "hostile.h"

enum { OUTPUTS_POINT = 0x5355, SOMEWHERE = 512 << 10, NUMBER = 100000 };
static uint8_t inputs[64];
static size_t length;

static void put(long value, size_t width) {
    memcpy(inputs + length, &value, width);
    length += width;
}

/* What `semantics::gather` makes of the arguments. */
static long arguments_of(const char *call, long args[6]) {
    if (strcmp(call, "brk") == 0) {
        put(args[0] = 0, 8);
        return SYS_brk;
    }
    put(args[0] = 0, 8);
    put(args[1] = 2 * PAGE, 8);
    put(args[2] = PROT_READ | PROT_WRITE, 4);
    put(args[3] = MAP_PRIVATE | MAP_ANONYMOUS, 4);
    args[4] = -1;
    put(args[5] = 0, 8);
    return SYS_mmap;
}

static void forge(long number, long result, const long args[6]) {
    volatile uint64_t *record = records() + SOMEWHERE / 8;
    uint64_t bytes = (32 + ((length + 7) & ~7UL) + 48 + 63) / 64 * 64;
    register long r10 __asm__("r10") = args[3];
    register long r8 __asm__("r8") = args[4];
    register long r9 __asm__("r9") = args[5];
    long call = OUTPUTS_POINT;
    record[1] = (uint64_t)number;
    record[2] = length;
    record[3] = (uint64_t)result;
    memcpy((void *)(uintptr_t)(record + 4), inputs, length);
    record[0] = (uint32_t)NUMBER << 2 | 2;
    post()->before = (uint32_t)bytes;
    post()->at = SOMEWHERE + bytes;
    post()->done = NUMBER + 1;
    context()->result = (uint64_t)result;
    __asm__ volatile("sub $256, %%rsp\n\tcall *%1\n\tadd $256, %%rsp"
                     : "+a"(call)
                     : "r"(stub() + 15), "D"(args[0]), "S"(args[1]), "d"(args[2]), "r"(r10), "r"(r8), "r"(r9)
                     : "rcx", "r11", "memory");
}

int main(int count, char **arguments) {
    if (count != 3)
        return 95;
    long args[6] = {0}, number, result = strtol(arguments[2], NULL, 0);
    number = arguments_of(arguments[1], args);
    warm_up();
    if (variant() == 0)
        forge(number, result, args);
    else
        syscall(number, args[0], args[1], args[2], args[3], args[4], args[5]);
    say("after\n");
    return 0;
}
