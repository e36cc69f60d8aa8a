/* rdtsc and rdtscp: they work, they grow, in every register they touch. */
#include "check.h"
#include <cpuid.h>
#include <x86intrin.h>

int main(void) {
    unsigned aux = 12345;
    unsigned long long before = __rdtsc(), now;
    int grows = 0;
    for (int i = 0; i < 500; i++) {
        now = __rdtsc();
        grows += now > before;
        before = now;
    }
    check(grows == 500, "rdtsc grows");
    now = __rdtscp(&aux);
    check(now > before && aux != 12345, "rdtscp too, with its processor");
    uint64_t rax = ~0UL, rdx = ~0UL;
    __asm__ volatile("rdtsc" : "+a"(rax), "+d"(rdx));
    check(rax >> 32 == 0 && rdx >> 32 == 0, "the upper halves are empty");
    pid_t child = fork();
    if (child == 0)
        _exit(__rdtsc() > now);
    report_end(child, "a child where it grows too");
    return 0;
}
