/* garbage WHO SEED: writes random words, or words that are nearly right, into what this variant may write of the ring,
   between calls of all kinds. */
#include "hostile.h"
#include <time.h>

static uint64_t state;

static uint64_t next(void) {
    state ^= state << 13;
    state ^= state >> 7;
    state ^= state << 17;
    return state;
}

static uint64_t word(uint64_t old) {
    static const uint64_t special[] = {0, 1, 2, 3, 64, 4096, 1 << 18, 1 << 20, 0x7fffffff, 0x80000000, 0xffffffff};
    switch (next() % 6) {
    case 0:
        return next();
    case 1:
        return old + next() % 9 - 4;
    case 2:
        return old ^ 1ULL << next() % 64;
    case 3:
        return special[next() % (sizeof special / sizeof *special)] << 32 * (next() % 2);
    case 4:
        return (old & 0xffffffff) | next() << 32;
    default:
        return (old & ~0xffffffffULL) | (next() & 0xffffffff);
    }
}

static void spoil(void) {
    volatile uint64_t *own = (volatile uint64_t *)post();
    for (uint64_t i = next() % 4; i > 0; i--) {
        uint64_t at = next() % (sizeof(struct post) / sizeof *own);
        own[at] = word(own[at]);
    }
    /* All variants have these: whoever looks for news lets others run, and looks again. */
    ((volatile uint64_t *)(uintptr_t)plan()->doorbells)[next() % (PAGE / 8)] = next();
    if (variant() == 0)
        for (uint64_t i = next() % 40; i > 0; i--) {
            /* Near where the next record will be, or anywhere. */
            uint64_t at = next() % 2 ? post()->at / 8 + next() % 24 - 12 : next();
            at %= (1 << 20) / 8;
            records()[at] = word(records()[at]);
        }
}

/* The pseudo calls by which agents talk to the monitor (crates/abi/src/context.rs). */
static void pretend(void) {
    long result = next() % 2 ? 0x5354 : 0x5355;
    context()->result = word(1);
    __asm__ volatile("sub $256, %%rsp\n\tcall *%1\n\tadd $256, %%rsp"
                     : "+a"(result)
                     : "r"(stub() + 15), "D"(1), "S"(0), "d"(0)
                     : "rcx", "r11", "memory");
}

int main(int count, char **arguments) {
    if (count != 3)
        return 95;
    int hostile, ends[2], zero = open("/dev/zero", O_RDONLY);
    char bytes[3000] = {0};
    struct timespec now;
    if (pipe(ends) != 0)
        return 94;
    warm_up();
    hostile = concerns(arguments[1]);
    state = strtoull(arguments[2], NULL, 10) * 0x9e3779b97f4a7c15ULL + 1;
    uint64_t begin = next() % 30, often = 1 + next() % 5;
    uint64_t pretends = next() % 2;
    /* All variants draw the same numbers for what they do, and the hostile one others for the garbage. */
    uint64_t plot = state;
    for (uint64_t i = 0; i < 120; i++) {
        if (hostile && i >= begin && i % often == 0) {
            spoil();
            if (pretends && next() % 16 == 0)
                pretend();
        }
        plot = plot * 6364136223846793005ULL + 1442695040888963407ULL;
        switch (plot >> 60) {
        case 0:
            hot(SYS_write, ends[1], (long)bytes, sizeof bytes);
            hot(SYS_read, ends[0], (long)bytes, sizeof bytes);
            break;
        case 1:
            hot(SYS_read, zero, (long)bytes, (long)(plot >> 40) % 3000);
            break;
        case 2:
            hot(SYS_clock_gettime, CLOCK_MONOTONIC, (long)&now, 0);
            break;
        case 3:
            close(open("/dev/null", O_WRONLY));
            break;
        case 4:
            munmap(mmap(NULL, PAGE, PROT_READ, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0), PAGE);
            break;
        case 5:
            raise(SIGURG);
            break;
        case 6:
            if (fork() == 0)
                _exit((int)hot(SYS_getuid, 0, 0, 0) & 1);
            wait(NULL);
            break;
        default:
            hot(SYS_getpid, 0, 0, 0);
        }
    }
    return 0;
}
