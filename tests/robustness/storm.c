/* storm SECONDS BLOCKS: thousands of system calls in code that is made at run time; threads run through it, and jump into the
   middle of it, while others map, fill, protect, change, throw away, move and unmap it. Every result is looked at. Threads
   are kept off a block while the program itself rewrites it, but not while it only changes what may be done with it. */
#include "storm.h"

enum { MOST_BLOCKS = 64, WORKERS = 3, CHANGERS = 2 };

static struct block blocks[MOST_BLOCKS];
static unsigned count_of_blocks;
static atomic_int over, wrong;
static int zero, ends[2];
static time_t seconds;
static struct timespec begin;

uint64_t draw(struct runner *me, uint64_t below) {
    me->random ^= me->random << 13;
    me->random ^= me->random >> 7;
    me->random ^= me->random << 17;
    return (me->random >> 11) % below;
}

static void get_ready(struct runner *me, int seed) {
    me->random = 88172645463325252ULL * (2 * (unsigned)seed + 1);
    me->results[PID] = getpid();
    me->results[THREAD] = gettid();
    me->results[PARENT] = getppid();
    me->results[ZEROS] = sizeof me->buffer;
    me->results[BAD_DESCRIPTOR] = -EBADF;
    me->results[BAD_SEEK] = -ESPIPE;
    me->results[BAD_POINTER] = -EFAULT;
}

void complain(const struct site *site, const char *how, long seen, long expected) {
    if (atomic_fetch_add(&wrong, 1) < 20)
        printf("FAIL call %d, surroundings %d, %s: %ld, not %ld\n", site->what, site->kind, how, seen, expected);
}

/* The processor leaves the address behind the `syscall` in rcx. */
void check_result(const struct site *site, const char *how, struct registers seen, long expected) {
    if (seen.result != expected)
        complain(site, how, seen.result, expected);
    if (site->kind != COUNTED && seen.rcx != (long)(site->call + 2))
        complain(site, "rcx", seen.rcx, (long)(site->call + 2));
}

/* Makes the call of the site, and looks at the result. */
void run(struct runner *me, const struct site *site, long constant) {
    long count = 1 + (long)draw(me, 3), arguments[3] = {0, 0, 0};
    switch (site->what) {
    case ZEROS:
        me->buffer[draw(me, sizeof me->buffer)] = 1;
        arguments[0] = zero;
        arguments[1] = (long)me->buffer;
        arguments[2] = sizeof me->buffer;
        break;
    case BAD_POINTER:
        arguments[0] = zero;
        arguments[1] = 16;
        arguments[2] = 8;
        break;
    case BAD_DESCRIPTOR:
        arguments[0] = -1;
        break;
    case BAD_SEEK:
        arguments[0] = ends[0];
        break;
    default:
        break;
    }
    struct registers seen = enter(site->begin, 0, arguments[0], arguments[1], arguments[2], count);
    check_result(site, "called", seen, behind_call(site, me->results[site->what], count, constant));
    if (site->what == ZEROS)
        for (size_t i = 0; i < sizeof me->buffer; i++)
            if (me->buffer[i])
                complain(site, "byte read", me->buffer[i], 0);
}

/* Jumps behind the call, with a result of its own. */
void jump_behind(struct runner *me, const struct site *site, long constant) {
    long count = 1 + (long)draw(me, 3), result = (long)draw(me, 1000) - 500;
    struct registers seen = enter(site->behind[draw(me, (uint64_t)site->entries)], result, 0, 0, 0, count);
    long expected = behind_call(site, result, count, constant);
    if (seen.result != expected)
        complain(site, "jumped to", seen.result, expected);
}

/* Enters a block, unless it is closed. */
static int go_in(struct block *block) {
    atomic_fetch_add(&block->inside, 1);
    if (!atomic_load(&block->closed))
        return 1;
    atomic_fetch_sub(&block->inside, 1);
    return 0;
}

static void close_block(struct block *block) {
    atomic_store(&block->closed, 1);
    while (atomic_load(&block->inside) != 0)
        sched_yield();
}

static int time_is_up(void) {
    struct timespec now;
    clock_gettime(CLOCK_MONOTONIC, &now);
    return now.tv_sec - begin.tv_sec >= seconds;
}

/* Some of what is in a block. */
static void visit(struct runner *me, struct block *block, int sites) {
    if (!go_in(block)) {
        sched_yield();
        return;
    }
    for (int i = 0; i < sites; i++) {
        const struct site *site = &block->sites[draw(me, (uint64_t)block->count)];
        for (int again = 0; again < 6; again++)
            run(me, site, block->constant);
        if (draw(me, 2) == 0)
            jump_behind(me, site, block->constant);
    }
    atomic_fetch_sub(&block->inside, 1);
}

static void *work(void *argument) {
    struct runner *me = argument;
    me->results[THREAD] = gettid();
    while (!atomic_load(&over))
        visit(me, &blocks[draw(me, count_of_blocks)], 20);
    return NULL;
}

/* Only ever behind calls, where other threads make them. */
static void *jump(void *argument) {
    struct runner *me = argument;
    while (!atomic_load(&over)) {
        struct block *block = &blocks[draw(me, count_of_blocks)];
        if (go_in(block)) {
            for (int i = 0; i < 50; i++)
                jump_behind(me, &block->sites[draw(me, (uint64_t)block->count)], block->constant);
            atomic_fetch_sub(&block->inside, 1);
        }
        sched_yield();
    }
    return NULL;
}

static void *work_a_little(void *argument) {
    struct runner *me = argument;
    me->results[THREAD] = gettid();
    for (int i = 0; i < 3; i++)
        visit(me, &blocks[draw(me, count_of_blocks)], 10);
    return NULL;
}

/* Threads come and go. */
static void *breed(void *argument) {
    struct runner *me = argument;
    while (!atomic_load(&over)) {
        struct runner child = *me;
        child.random += draw(me, 1000);
        if (pthread_create(&child.thread, NULL, work_a_little, &child) != 0)
            abort();
        pthread_join(child.thread, NULL);
        usleep(2000);
    }
    return NULL;
}

/* Processes come and go: what a patch had of the text when they began is what they have. */
static void *fork_away(void *argument) {
    struct runner *me = argument;
    while (!atomic_load(&over)) {
        pid_t child = fork();
        if (child == 0) {
            get_ready(me, (int)draw(me, 1000));
            atomic_store(&wrong, 0);
            for (int i = 0; i < 10; i++)
                visit(me, &blocks[draw(me, count_of_blocks)], 10);
            _exit(atomic_load(&wrong) != 0);
        }
        int status;
        if (child == -1 || waitpid(child, &status, 0) != child || status != 0) {
            printf("FAIL child: %x\n", status);
            atomic_store(&wrong, 1);
        }
        usleep(10000);
    }
    return NULL;
}

static void *change(void *argument) {
    struct runner *me = argument;
    me->results[THREAD] = gettid();
    while (!atomic_load(&over)) {
        struct block *block = &blocks[draw(me, count_of_blocks)];
        if (atomic_exchange(&block->taken, 1)) {
            sched_yield();
            continue;
        }
        if (draw(me, 3) == 0) {
            close_block(block);
            change_alone(me, block);
            atomic_store(&block->closed, 0);
        } else {
            change_among_others(me, block);
        }
        atomic_store(&block->taken, 0);
        if (time_is_up())
            atomic_store(&over, 1);
        usleep(500);
    }
    return NULL;
}

/* Everything once, with one thread. */
static void begin_alone(struct runner *me) {
    unsigned char *area = mmap(NULL, 3UL * PAGE * count_of_blocks, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    for (unsigned i = 0; i < count_of_blocks; i++) {
        blocks[i].pages = area + 3UL * PAGE * i;
        map_over(me, &blocks[i]);
        for (int j = 0; j < blocks[i].count; j++)
            for (int again = 0; again < 3; again++)
                run(me, &blocks[i].sites[j], blocks[i].constant);
    }
}

static void *(*body(int number))(void *) {
    static void *(*const others[])(void *) = {jump, breed, fork_away};
    if (number < WORKERS)
        return work;
    return number < WORKERS + CHANGERS ? change : others[number - WORKERS - CHANGERS];
}

int main(int count, char **arguments) {
    enum { THREADS = WORKERS + CHANGERS + 3 };
    static struct runner runners[THREADS + 1];
    if (count != 3)
        return 95;
    seconds = atoi(arguments[1]);
    count_of_blocks = (unsigned)atoi(arguments[2]);
    zero = open("/dev/zero", 0);
    if (zero == -1 || pipe(ends) == -1)
        return 99;
    for (int i = 0; i <= THREADS; i++)
        get_ready(&runners[i], i);
    begin_alone(&runners[THREADS]);
    printf("%s alone\n", wrong ? "FAIL" : "ok  ");
    fflush(stdout);
    clock_gettime(CLOCK_MONOTONIC, &begin);
    for (int i = 0; i < THREADS; i++) {
        if (pthread_create(&runners[i].thread, NULL, body(i), &runners[i]) != 0)
            return 98;
    }
    for (int i = 0; i < THREADS; i++)
        pthread_join(runners[i].thread, NULL);
    printf("%s with threads\n", wrong ? "FAIL" : "ok  ");
    return wrong != 0;
}
