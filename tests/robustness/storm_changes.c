#include "storm.h"

enum { QUIET = 2 };

static pthread_mutex_t space = PTHREAD_MUTEX_INITIALIZER; /* who may unmap and map */

/* Fills a block that nobody else is in: a site behind the other, without a gap or with one, and some where pages end. */
static void fill(struct runner *me, struct block *block) {
    unsigned char *to = block->pages + sizeof block->constant, *end = block->pages + 2 * PAGE;
    block->count = 0;
    block->constant = (int64_t)draw(me, 1000);
    memset(block->pages, 0xcc, 2 * PAGE);
    memcpy(block->pages, &block->constant, sizeof block->constant);
    unsigned char *edge = block->pages + PAGE;
    int spread = (int)draw(me, 3);
    while (block->count < SITES - 3 && to < end - 2 * SITE_ROOM - 64) {
        if (to > edge - 80 && to < edge - 12) {
            /* The page ends somewhere in what a jump displaces. */
            to = edge - 7 - draw(me, 4);
        }
        enum surroundings kind = draw(me, KINDS);
        to = write_site(&block->sites[block->count++], to, kind, draw(me, CALLS), (int)draw(me, 100),
                        (int64_t *)block->pages);
        to += spread == 0 ? 0 : draw(me, 16U * (unsigned)spread);
    }
    block->quiet = to + 16;
    /* The last one returns in the last byte, and what a jump displaces may not be all there. */
    struct site *last = &block->sites[block->count++];
    unsigned char scratch[SITE_ROOM];
    enum surroundings kind = draw(me, 2) ? RETURNS : SHORT;
    long length = write_site(last, scratch, kind, PID, 1, NULL) - scratch;
    write_site(last, end - length, kind, PID, 1, NULL);
}

static void protect(struct block *block, int protection) {
    /* The kernel rounds the length up. */
    if (mprotect(block->pages, PAGE + 100, protection) != 0)
        abort();
}

static void map(struct block *block, int at_place) {
    int flags = MAP_PRIVATE | MAP_ANONYMOUS | (at_place ? MAP_FIXED : 0);
    block->pages = mmap(block->pages, 2 * PAGE, PROT_READ | PROT_WRITE, flags, -1, 0);
    if (block->pages == MAP_FAILED)
        abort();
}

/* Nobody is in the block while these go on. */
static void rewrite(struct runner *me, struct block *block) {
    protect(block, PROT_READ | PROT_WRITE);
    fill(me, block);
    protect(block, PROT_READ | PROT_EXEC);
}

void map_over(struct runner *me, struct block *block) {
    map(block, 1);
    fill(me, block);
    protect(block, PROT_READ | PROT_EXEC);
}

static void unmap_and_map(struct runner *me, struct block *block) {
    pthread_mutex_lock(&space);
    if (munmap(block->pages, PAGE + 1) != 0)
        abort();
    map(block, 1);
    pthread_mutex_unlock(&space);
    fill(me, block);
    protect(block, PROT_READ | PROT_EXEC);
}

static void throw_away(struct runner *me, struct block *block) {
    if (madvise(block->pages, 2 * PAGE, MADV_DONTNEED) != 0 || block->pages[PAGE - 1] || block->pages[100])
        abort();
    rewrite(me, block);
}

static void shift(struct site *site, long by) {
    site->begin += by;
    site->call += by;
    for (int i = 0; i < site->entries; i++)
        site->behind[i] += by;
}

/* The code runs elsewhere, and is moved back. */
static void move(struct runner *me, struct block *block) {
    pthread_mutex_lock(&space);
    unsigned char *other = mmap(NULL, 2 * PAGE, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    if (mremap(block->pages, 2 * PAGE, 2 * PAGE, MREMAP_MAYMOVE | MREMAP_FIXED, other) != other)
        abort();
    for (int i = 0; i < 20; i++) {
        struct site site = block->sites[draw(me, (uint64_t)block->count)];
        shift(&site, other - block->pages);
        for (int again = 0; again < 2; again++)
            run(me, &site, block->constant);
        jump_behind(me, &site, block->constant);
    }
    if (mremap(other, 2 * PAGE, 2 * PAGE, MREMAP_MAYMOVE | MREMAP_FIXED, block->pages) != block->pages)
        abort();
    pthread_mutex_unlock(&space);
}

/* Others may be in the block while these go on. */
static void make_writable_and_back(struct runner *me, struct block *block) {
    (void)me;
    protect(block, PROT_READ | PROT_WRITE | PROT_EXEC);
    protect(block, PROT_READ | PROT_EXEC);
}

static void protect_as_it_is(struct runner *me, struct block *block) {
    /* One page of the two, or the call comes from a `syscall` in the very pages. */
    const struct site *site = &block->sites[draw(me, (uint64_t)block->count)];
    long page = (long)(block->pages + (draw(me, 2) ? PAGE : 0));
    struct registers seen = enter(site->call, SYS_mprotect, page, PAGE, PROT_READ | PROT_EXEC, 1);
    check_result(site, "protecting", seen, behind_call(site, 0, 1, block->constant));
}

static void advise(struct runner *me, struct block *block) {
    (void)me;
    if (madvise(block->pages, 2 * PAGE, MADV_WILLNEED) != 0)
        abort();
}

/* A place that others do not come to is written, used and written again. */
static void change_quiet_place(struct runner *me, struct block *block) {
    for (int i = 0; i < QUIET; i++) {
        struct site site;
        protect(block, PROT_READ | PROT_WRITE | PROT_EXEC);
        write_site(&site, block->quiet, draw(me, KINDS), draw(me, CALLS), (int)draw(me, 100), (int64_t *)block->pages);
        run(me, &site, block->constant);
        protect(block, PROT_READ | PROT_EXEC);
        for (int again = 0; again < 3; again++)
            run(me, &site, block->constant);
    }
}

typedef void change_function(struct runner *, struct block *);
static change_function *const closed_changes[] = {rewrite, map_over, unmap_and_map, throw_away, move};
static change_function *const open_changes[] = {make_writable_and_back, protect_as_it_is, advise, change_quiet_place};

void change_alone(struct runner *me, struct block *block) {
    closed_changes[draw(me, sizeof closed_changes / sizeof *closed_changes)](me, block);
}

void change_among_others(struct runner *me, struct block *block) {
    open_changes[draw(me, sizeof open_changes / sizeof *open_changes)](me, block);
}
