/* What a variant that has been taken over knows: which one it is, and where everything of its agent lies. */
#ifndef HOSTILE_H
#define HOSTILE_H

#ifndef _GNU_SOURCE
#define _GNU_SOURCE
#endif
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <sys/types.h>
#include <sys/wait.h>
#include <unistd.h>

/* crates/abi/src/context.rs: the record at the gs base, and the plan behind the agent's text. */
struct context {
    uint64_t this, entry, stack, link, ring, plan, result, regions;
};
struct plan {
    uint64_t table, table_length, policy, policy_length, secret;
    uint32_t variant, looks, before_yield, never, neighbours;
    uint64_t doorbells, key[2];
};

/* Below everything that the kernel, the monitor and language runtimes choose (crates/monitor/src/agent/image.rs). */
enum { PAGE = 4096, MAX_VARIANTS = 8 };
#define AREAS 0x110000000000ULL
#define AREA 0x8000000000ULL
#define AREAS_END (AREAS + AREA * MAX_VARIANTS)

/* The code of each follower lies 2^43 below that of the variant before it; position-independent programs are put by
   the kernel at 0x5555_5555_4000 or up to 2^40 above. Natively 0. */
static inline int variant(void) {
    return (int)((0x565555555000ULL - (uintptr_t)&variant) >> 43);
}

static inline struct context *context(void) {
    struct context *at;
    __asm__ volatile("rdgsbase %0" : "=r"(at));
    return at;
}

static inline const struct plan *plan(void) {
    return (const struct plan *)context()->plan;
}

/* A system call from a place of its own, so that it is patched when it is first reached. */
__attribute__((noipa)) static long hot(long nr, long a, long b, long c) {
    long result;
    __asm__ volatile("syscall\n\tnop\n\tnop\n\tnop"
                     : "=a"(result)
                     : "0"(nr), "D"(a), "S"(b), "d"(c)
                     : "rcx", "r11", "memory");
    return result;
}

static inline void say(const char *text) {
    if (write(STDOUT_FILENO, text, strlen(text)) < 0)
        exit(97);
}

/* Makes calls in the process, until the thread has its ring. */
static inline void warm_up(void) {
    for (int i = 0; i < 20; i++)
        if (hot(SYS_getpid, 0, 0, 0) != getpid())
            exit(99);
    if (context() == NULL || context()->ring == 0)
        exit(98);
    say("ready\n");
}

/* The address of the gate's `syscall`; behind it a call that the monitor does not approve is brought there, then stands
   `jmp r12`. */
static inline uint64_t gate(void) {
    const uint8_t *at = (const uint8_t *)context()->entry;
    while (at[0] != 0x0f || at[1] != 0x05)
        at++;
    return (uint64_t)at;
}

/* Makes a call at the gate, as foreign code would. */
static inline long at_gate(long nr, long a, long b, long c, long d, long e, long f) {
    uint64_t at = gate();
    register long r10 __asm__("r10") = d;
    register long r8 __asm__("r8") = e;
    register long r9 __asm__("r9") = f;
    long result;
    __asm__ volatile("lea 1f(%%rip), %%r12\n\t"
                     "jmp *%%rcx\n"
                     "1:"
                     : "=a"(result), "+c"(at)
                     : "0"(nr), "D"(a), "S"(b), "d"(c), "r"(r10), "r"(r8), "r"(r9)
                     : "r11", "r12", "memory", "cc");
    return result;
}

/* "leader", "follower" or "all": whether this variant is the one. */
static inline int concerns(const char *who) {
    return strcmp(who, "all") == 0 || (strcmp(who, "leader") == 0) == (variant() == 0);
}

/* Where the jump at hot's site leads: its stub (crates/patcher/src/stub.rs). */
static inline uint8_t *stub(void) {
    uint8_t *site = (uint8_t *)(uintptr_t)hot;
    while (*site != 0xe9)
        site++;
    return site + 5 + *(int32_t *)(site + 1);
}

/* crates/abi/src/ring/post.rs: what a variant writes of itself; the leader's records. */
struct post {
    uint32_t agreed, done;
    uint64_t at, digest, rest_of_line[5];
    uint32_t sleeping, rest_of_that[15];
    uint32_t before, rest_of_this[15];
    uint32_t turn, rest_of_line_of_turn[15];
    uint32_t patience[608]; /* WAITS, in whole lines */
    uint64_t calls, bulk, seen[MAX_VARIANTS];
};

static inline volatile struct post *post_of(int variant) {
    return (volatile struct post *)(context()->ring + PAGE * (1 + (uint64_t)variant));
}

static inline volatile struct post *post(void) {
    return post_of(variant());
}

static inline volatile uint64_t *records(void) {
    return (volatile uint64_t *)(context()->ring + PAGE * (1 + MAX_VARIANTS));
}

#endif
