/* Offsets beyond all that files are long, in a place that is hot: results like no other call's. */
#include "check.h"
#include "hot.h"

#include <sys/mman.h>

int main(void) {
    const long far[] = {0x7fffffff, 0x80000000, 0xffffffff, 0x3fffffffffffffff, 0x4000000000000005,
                        0x4000000000000027, 0x7fffffff00000000, 0x7fffffffffffffff};
    int fd = (int)must(memfd_create("far", 0), "memfd_create");
    int wrong = 0;
    for (int i = 0; i < 8 * HOT; i++)
        wrong += hot(SYS_lseek, fd, far[i % 8], SEEK_SET) != far[i % 8];
    check(wrong == 0, "every offset is where it was asked for");
    check(hot(SYS_lseek, fd, -1, SEEK_SET) == -EINVAL, "there is none below 0");
    return 0;
}
