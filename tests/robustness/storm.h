/* Functions made at run time, each with a `syscall` in other surroundings. */
#ifndef STORM_H
#define STORM_H

#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <sched.h>
#include <stdatomic.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

enum { PAGE = 4096, ENTRIES = 4 };

/* What is called; each has a result that the thread knows. */
enum call { PID, THREAD, PARENT, ZEROS, BAD_DESCRIPTOR, BAD_SEEK, BAD_POINTER, CALLS };

/* What stands behind the `syscall`. */
enum surroundings {
    RETURNS,   /* ret: what follows is another function, or nothing */
    LONG,      /* one long instruction */
    SHORT,     /* several short ones, each of which can be jumped to */
    LOOP,      /* a branch back into what a jump would displace */
    RELATIVE,  /* an operand in memory relative to the instruction */
    BRANCH,    /* a branch out of it */
    TWO,       /* another `syscall` close behind it */
    COUNTED,   /* a loop instruction, which only exists with eight bits */
    KINDS
};

/* A function: `syscall` with the number in eax, then something done to the result, then `ret`. */
struct site {
    unsigned char *begin, *call, *behind[ENTRIES];
    int entries;
    enum call what;
    enum surroundings kind;
    int plus;
};

/* Writes the function at `to`, at most SITE_ROOM bytes; says where it ends. `constant` holds a number that a function can
   read. */
enum { SITE_ROOM = 40 };
unsigned char *write_site(struct site *site, unsigned char *to, enum surroundings kind, enum call what, int plus,
                          const int64_t *constant);

/* What the function makes of a result, if the loop counter is `count`. */
long behind_call(const struct site *site, long result, long count, long constant);

/* Goes to `where` with the registers of a call and a loop counter; rax and rcx behind it. */
struct registers {
    long result, rcx;
};
struct registers enter(const void *where, long number, long first, long second, long third, long count);

enum { SITES = 240 };

/* Two pages of code, and one behind them that nobody may touch. The first bytes are a number for RELATIVE. */
struct block {
    unsigned char *pages;
    int64_t constant;
    atomic_int inside, closed, taken;
    int count;
    struct site sites[SITES];
    /* Where only a changer runs, so that it may be rewritten while others are in the block. */
    unsigned char *quiet;
};

/* A thread, and what it knows about its calls. */
struct runner {
    pthread_t thread;
    uint64_t random;
    long results[CALLS];
    unsigned char buffer[64];
    int wrong, runs;
};

uint64_t draw(struct runner *me, uint64_t below);
void complain(const struct site *site, const char *how, long seen, long expected);
void check_result(const struct site *site, const char *how, struct registers seen, long expected);

/* Makes the call of the site, or jumps behind it, and looks at the result. */
void run(struct runner *me, const struct site *site, long constant);
void jump_behind(struct runner *me, const struct site *site, long constant);

/* Changes a block in one of many ways: while nobody is in it, or while others are. */
void map_over(struct runner *me, struct block *block);
void change_alone(struct runner *me, struct block *block);
void change_among_others(struct runner *me, struct block *block);

#endif
