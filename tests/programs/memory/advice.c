/* madvise, mlock, mincore, msync. */
#include "check.h"
#include <sys/mman.h>

enum { PAGE = 4096 };

int main(void) {
    unsigned char vector[4];
    char *area = mmap(NULL, 4 * PAGE, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    memset(area, 'x', 4 * PAGE);
    check(mincore(area, 4 * PAGE, vector) == 0 && vector[3] & 1, "mincore");
    check(madvise(area + PAGE, PAGE, MADV_DONTNEED) == 0 && area[PAGE] == 0 && area[0] == 'x', "MADV_DONTNEED");
    check(madvise(area, PAGE, MADV_WILLNEED) == 0 && madvise(area, PAGE, MADV_SEQUENTIAL) == 0, "advice");
    check_error(madvise(area, PAGE, 9999), EINVAL, "unknown advice");
    check(mlock(area, PAGE) == 0 && munlock(area, PAGE) == 0, "mlock");
    check(madvise(area + 2 * PAGE, PAGE, MADV_WIPEONFORK) == 0, "MADV_WIPEONFORK");
    pid_t child = fork();
    if (child == 0)
        _exit(area[2 * PAGE] == 0 && area[3 * PAGE] == 'x');
    report_end(child, "a child that finds it wiped");
    check(madvise(area + 3 * PAGE, PAGE, MADV_DONTFORK) == 0, "MADV_DONTFORK");
    child = fork();
    if (child == 0)
        _exit(area[3 * PAGE]);
    report_end(child, "a child that does not have it");
    check(msync(area, PAGE, MS_SYNC) == 0, "msync");
    check_error(mincore(area + 1, PAGE, vector), EINVAL, "mincore of an odd address");
    return 0;
}
