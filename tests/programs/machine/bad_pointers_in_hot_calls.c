/* Memory that is not there, or ends half-way, in calls that are made often: the same errors and the same part results
   as natively. */
#include "check.h"
#include <sys/mman.h>
#include <sys/stat.h>
#include <sys/uio.h>

#include "hot.h"

enum { PAGE = 4096, LARGE = 10 * PAGE };

/* As above, in transfers that are long enough to be copied and compared in another way. */
static void large(int zero) {
    int wrong = 0, file = (int)must(open("data", O_CREAT | O_RDWR | O_TRUNC, 0600), "open");
    char *pages = mmap(NULL, 2 * LARGE, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0), *end = pages + LARGE;
    munmap(end, LARGE);
    for (int i = 0; i < 50; i++) {
        int odd = 7 * i, part = LARGE - odd;
        memset(pages, 'a' + i % 26, LARGE);
        wrong += hot6(SYS_pwrite64, file, (long)pages + odd, LARGE, 0, 0, 0) != part;
        wrong += hot6(SYS_pwrite64, file, (long)end, LARGE, 0, 0, 0) != -EFAULT;
        memset(pages, 0, LARGE);
        wrong += hot6(SYS_pread64, file, (long)pages + odd, part, 0, 0, 0) != part;
        wrong += pages[odd] != 'a' + i % 26 || memcmp(pages + odd, pages + odd + 1, (size_t)part - 1) != 0;
        memset(pages, 'A', LARGE);
        wrong += hot(SYS_read, zero, (long)pages + odd, LARGE) != part;
        wrong += end[-1] != 0 || pages[odd] != 0 || (odd > 0 && pages[odd - 1] != 'A');
    }
    check(wrong == 0, "every part of a large transfer");
    close(file);
    unlink("data");
}

int main(void) {
    volatile uintptr_t nowhere = 64;
    long bad = (long)nowhere;
    int ends[2], wrong = 0, zero = open("/dev/zero", O_RDONLY);
    struct stat status;
    must(pipe(ends), "pipe");
    char *pages = mmap(NULL, 3 * PAGE, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0), *end = pages + PAGE;
    char *constant = pages + 2 * PAGE, byte;
    munmap(end, PAGE);
    mprotect(constant, PAGE, PROT_READ);
    heat();
    for (int i = 0; i < 50; i++) {
        memset(pages, 'a' + i % 26, PAGE);
        wrong += hot(SYS_write, ends[1], bad, 10) != -EFAULT;
        wrong += hot(SYS_write, ends[1], (long)end - 6, 10) != hot(SYS_write, ends[1], (long)end - 6, 10);
        wrong += hot(SYS_write, ends[1], (long)end - 6, 6) != 6;
        wrong += hot(SYS_read, zero, bad, 10) != -EFAULT;
        wrong += hot(SYS_read, zero, (long)end - 6, 10) != 6 || end[-1] != 0;
        wrong += hot(SYS_read, zero, (long)constant, 10) != -EFAULT;
        wrong += hot(SYS_read, zero, (long)end - 6, 6) != 6;
        wrong += hot(SYS_stat, bad, (long)&status, 0) != -EFAULT;
        wrong += hot(SYS_stat, (long)"/", bad, 0) != -EFAULT;
        wrong += hot(SYS_stat, (long)"/", (long)constant, 0) != -EFAULT;
        memcpy(end - 4, "/etc", 4);
        wrong += hot(SYS_stat, (long)end - 4, (long)&status, 0) != -EFAULT;
        memcpy(end - 5, "/etc", 5);
        wrong += hot(SYS_stat, (long)end - 5, (long)&status, 0) != 0 || !S_ISDIR(status.st_mode);
        wrong += hot(SYS_clock_gettime, 0, (long)constant, 0) != -EFAULT;
        wrong += hot(SYS_clock_gettime, 0, bad, 0) != -EFAULT;
        wrong += hot(SYS_readlink, (long)"/proc/self/exe", (long)constant, 100) != -EFAULT;
        struct iovec vectors[3] = {{pages, 4}, {(void *)nowhere, 4}, {pages, 4}};
        wrong += hot(SYS_readv, zero, (long)vectors, 3) != 4;
        wrong += hot(SYS_readv, zero, (long)end - 16, 2) != -EFAULT;
        wrong += hot(SYS_readv, zero, bad, 1) != -EFAULT;
        wrong += hot(SYS_poll, bad, 1, 0) != -EFAULT;
        /* What the kernel wrote before it came to the end is nobody's business. */
        wrong += hot(SYS_getcwd, (long)end - 1, 100, 0) != -EFAULT;
        wrong += hot(SYS_uname, (long)end - 10, 0, 0) != -EFAULT;
        while (fcntl(ends[0], F_SETFL, O_NONBLOCK) == 0 && read(ends[0], pages, PAGE) > 0)
            ;
    }
    check(wrong == 0, "every error and every part result");
    large(zero);
    mprotect(constant, PAGE, PROT_NONE);
    wrong = hot(SYS_write, ends[1], (long)constant, 1) != -EFAULT;
    mprotect(constant, PAGE, PROT_READ | PROT_WRITE);
    *constant = 'z';
    wrong += hot(SYS_write, ends[1], (long)constant, 1) != 1 || hot(SYS_read, ends[0], (long)&byte, 1) != 1 || byte != 'z';
    check(wrong == 0, "memory that comes and goes");
    return 0;
}
