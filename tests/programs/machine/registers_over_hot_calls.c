/* A thousand calls from one place, which is patched on the way: vector, floating-point and control registers and the
   flags are the program's, whatever the agent does. */
#include "check.h"

enum { CALLS = 1000 };
static pid_t self;

#define CALL "mov $39, %%eax\n\tsyscall\n\tnop\n\tnop\n\tnop\n\t"
#define CALLED "rax", "rcx", "r11", "memory"

static void load(unsigned char *bytes, size_t length, int seed) {
    for (size_t i = 0; i < length; i++)
        bytes[i] = (unsigned char)(i * 13 + (unsigned)seed);
}

static int low_vectors(int seed) {
    unsigned char before[256] __attribute__((aligned(16))), after[256] __attribute__((aligned(16)));
    load(before, sizeof before, seed);
#define EACH(do) do(0) do(1) do(2) do(3) do(4) do(5) do(6) do(7) do(8) do(9) do(10) do(11) do(12) do(13) do(14) do(15)
#define IN(n) "movaps 16*" #n "(%0), %%xmm" #n "\n\t"
#define OUT(n) "movaps %%xmm" #n ", 16*" #n "(%1)\n\t"
    __asm__ volatile(EACH(IN) CALL EACH(OUT)
                     :
                     : "r"(before), "r"(after)
                     : CALLED, "xmm0", "xmm1", "xmm2", "xmm3", "xmm4", "xmm5", "xmm6", "xmm7", "xmm8", "xmm9",
                       "xmm10", "xmm11", "xmm12", "xmm13", "xmm14", "xmm15");
    return memcmp(before, after, sizeof before) != 0;
}

__attribute__((target("avx"))) static int whole_vectors(int seed) {
    unsigned char before[512], after[512];
    load(before, sizeof before, seed);
#define WIDE_IN(n) "vmovups 32*" #n "(%0), %%ymm" #n "\n\t"
#define WIDE_OUT(n) "vmovups %%ymm" #n ", 32*" #n "(%1)\n\t"
    __asm__ volatile(EACH(WIDE_IN) CALL EACH(WIDE_OUT) "vzeroupper\n\t"
                     :
                     : "r"(before), "r"(after)
                     : CALLED, "xmm0", "xmm1", "xmm2", "xmm3", "xmm4", "xmm5", "xmm6", "xmm7", "xmm8", "xmm9",
                       "xmm10", "xmm11", "xmm12", "xmm13", "xmm14", "xmm15");
    return memcmp(before, after, sizeof before) != 0;
}

__attribute__((target("avx512f"))) static int widest_vectors(int seed) {
    unsigned char before[1024], after[1024];
    uint64_t mask = 0;
    load(before, sizeof before, seed);
#define WIDEST_IN(n) "vmovups 64*" #n "(%1), %%zmm" #n "\n\t"
#define WIDEST_OUT(n) "vmovups %%zmm" #n ", 64*" #n "(%2)\n\t"
    __asm__ volatile("kmovw %3, %%k5\n\t" EACH(WIDEST_IN) CALL EACH(WIDEST_OUT) "kmovw %%k5, %%ebx\n\tvzeroupper\n\t"
                     : "=&b"(mask)
                     : "r"(before), "r"(after), "r"(seed)
                     : CALLED, "xmm0", "xmm1", "xmm2", "xmm3", "xmm4", "xmm5", "xmm6", "xmm7", "xmm8", "xmm9",
                       "xmm10", "xmm11", "xmm12", "xmm13", "xmm14", "xmm15");
    return memcmp(before, after, sizeof before) != 0 || (mask & 0xffff) != ((uint64_t)seed & 0xffff);
}

static int floating_point(int seed) {
    long double one = seed, other = seed * 3.25L, back_one, back_other;
    unsigned short control = 0x0f7f, seen_control = 0, usual;
    __asm__ volatile("fnstcw %0" : "=m"(usual));
    __asm__ volatile("fldcw %4\n\tfldt %5\n\tfldt %6\n\t" CALL "fstpt %0\n\tfstpt %1\n\tfnstcw %2\n\tfldcw %3"
                     : "=m"(back_other), "=m"(back_one), "=m"(seen_control)
                     : "m"(usual), "m"(control), "m"(one), "m"(other)
                     : CALLED);
    return back_one != one || back_other != other || seen_control != control;
}

static int multimedia(int seed) {
    uint64_t before = (uint64_t)seed * 0x123456789abcULL, after = 0;
    __asm__ volatile("movq %1, %%mm3\n\t" CALL "movq %%mm3, %0\n\temms" : "=r"(after) : "r"(before) : CALLED, "mm3");
    return before != after;
}

static int control(int seed) {
    unsigned wanted = seed % 2 ? 0x5f80 : 0x3f81, seen = 0, usual;
    __asm__ volatile("stmxcsr %0" : "=m"(usual));
    __asm__ volatile("ldmxcsr %1\n\t" CALL "stmxcsr %0\n\tldmxcsr %2"
                     : "=m"(seen)
                     : "m"(wanted), "m"(usual)
                     : CALLED);
    return seen != wanted;
}

/* The flags that every program sets: carry, parity, adjust, zero, sign, direction, overflow; and that of cpuid. */
static int flags(int seed) {
    uint64_t all = 0x200cd5, wanted = (seed % 2 ? all : (uint64_t)(seed * 2654435761u)) & all, seen = 0, saved = 0;
    __asm__ volatile("sub $128, %%rsp\n\tpushfq\n\tpushfq\n\tandq %3, (%%rsp)\n\torq %2, (%%rsp)\n\tpopfq\n\t" CALL
                     "pushfq\n\tpop %0\n\tmov %%r11, %1\n\tpopfq\n\tadd $128, %%rsp"
                     : "=&r"(seen), "=&r"(saved)
                     : "r"(wanted), "r"(~all)
                     : CALLED, "cc");
    return (seen & all) != wanted || (saved & all) != wanted;
}

static void thousand(int (*test)(int), const char *what) {
    int wrong = 0;
    for (int i = 0; i < CALLS; i++)
        wrong += test(i);
    check(wrong == 0, what);
}

int main(void) {
    self = getpid();
    thousand(low_vectors, "vector registers");
    thousand(floating_point, "floating-point registers and their control word");
    thousand(multimedia, "multimedia registers");
    thousand(control, "the control register of vectors");
    thousand(flags, "flags");
    if (__builtin_cpu_supports("avx"))
        thousand(whole_vectors, "vector registers of 256 bits");
    if (__builtin_cpu_supports("avx512f"))
        thousand(widest_vectors, "vector registers of 512 bits, and masks");
    check(getpid() == self, "and still the same process");
    return 0;
}
