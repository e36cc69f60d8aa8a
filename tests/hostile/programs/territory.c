/* All variants alike ask for things to be done to memory where agents lie; each must be refused. Protection keys are
   refused anywhere. */
#include "hostile.h"

#ifndef SYS_mseal
#define SYS_mseal 462
#endif
static int left;
static char *mine;

static void refused(long result, const char *what, const char *where) {
    if (result == -1 && (errno == ENOMEM || (errno == ENOSYS && strcmp(what, "pkey_mprotect") == 0)))
        return;
    char text[200];
    snprintf(text, sizeof text, "NOT REFUSED %s of %s: %s\n", what, where, result == -1 ? strerrorname_np(errno) : "done");
    say(text);
    left++;
}

static void all(void *at, size_t length, const char *where) {
    const int anonymous = MAP_PRIVATE | MAP_ANONYMOUS;
    refused(syscall(SYS_munmap, at, length), "munmap", where);
    refused(syscall(SYS_mprotect, at, length, PROT_READ | PROT_WRITE), "mprotect", where);
    refused(syscall(SYS_pkey_mprotect, at, length, PROT_READ | PROT_WRITE, -1), "pkey_mprotect", where);
    refused(syscall(SYS_mremap, at, length, length, MREMAP_MAYMOVE, 0), "mremap", where);
    refused(syscall(SYS_mremap, at, 0, length, MREMAP_MAYMOVE, 0), "mremap that copies", where);
    refused(syscall(SYS_mremap, mine, PAGE, length, MREMAP_MAYMOVE | MREMAP_FIXED, at), "mremap to", where);
    refused(syscall(SYS_mremap, at, length, length, MREMAP_MAYMOVE | MREMAP_FIXED, mine), "mremap from", where);
    refused(syscall(SYS_madvise, at, length, MADV_DONTNEED), "madvise", where);
    refused(syscall(SYS_mmap, at, length, PROT_READ | PROT_WRITE, anonymous | MAP_FIXED, -1, 0), "mmap", where);
    refused(syscall(SYS_mmap, at, length, PROT_READ, anonymous | MAP_FIXED_NOREPLACE, -1, 0), "mmap beside", where);
    refused(syscall(SYS_mlock, at, length), "mlock", where);
    refused(syscall(SYS_mlock2, at, length, 0), "mlock2", where);
    refused(syscall(SYS_munlock, at, length), "munlock", where);
    refused(syscall(SYS_msync, at, length, MS_ASYNC), "msync", where);
    refused(syscall(SYS_mincore, at, length, mine), "mincore", where);
    refused(syscall(SYS_mseal, at, length, 0), "mseal", where);
}

int main(void) {
    warm_up();
    mine = mmap(NULL, 16 * PAGE, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    all((void *)AREAS, PAGE, "the first page");
    all((void *)(AREAS_END - PAGE), PAGE, "the last page");
    all((void *)(AREAS - PAGE), 2 * PAGE, "a range that reaches into it");
    all((void *)(AREAS_END - PAGE), 2 * PAGE, "a range that reaches out of it");
    all((void *)(AREAS + AREA / 2), PAGE, "a page amidst");
    for (uint64_t which = 0; which < MAX_VARIANTS; which++)
        all((void *)(AREAS + which * AREA), AREA, "the area of one variant");
    all((void *)AREAS, AREAS_END - AREAS, "the whole");
    for (int i = 0; i < 100; i++)
        left += hot(SYS_getpid, 0, 0, 0) != getpid();
    say(left == 0 ? "all refused\n" : "some not refused\n");
    return left != 0;
}
