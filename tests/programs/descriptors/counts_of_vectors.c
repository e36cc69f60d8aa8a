/* readv, writev and their kin with 0, 1, 16, 17 and 1024 vectors, some empty, together small and large. */
#include "check.h"
#include <sys/uio.h>

#include "hot.h"

enum { MOST = 1024, EACH = 600 };
static unsigned char out[MOST * EACH], in[MOST * EACH];
static struct iovec from[MOST + 1], to[MOST + 1];
static const int counts[] = {1, 2, 15, 16, 17, 40, 41, 200, 1023, 1024};

/* Vectors that take `length` bytes each, but for every fifth, which is empty. Bytes in all. */
static long vectors(int count, size_t length) {
    size_t at = 0;
    for (int i = 0; i < count; i++) {
        size_t own = i % 5 == 3 ? 0 : length;
        from[i] = (struct iovec){out + at, own};
        to[i] = (struct iovec){own ? in + at : NULL, own};
        at += own;
    }
    return (long)at;
}

static int transfer(int file, int count, size_t length) {
    long bytes = vectors(count, length);
    int wrong = hot(SYS_lseek, file, 0, SEEK_SET) != 0;
    memset(in, 0, sizeof in);
    wrong += hot(SYS_writev, file, (long)from, count) != bytes;
    wrong += hot(SYS_lseek, file, 0, SEEK_SET) != 0;
    wrong += hot(SYS_readv, file, (long)to, count) != bytes || memcmp(in, out, (size_t)bytes) != 0;
    memset(in, 0, sizeof in);
    wrong += hot6(SYS_pwritev, file, (long)from, count, 50, 0, 0) != bytes;
    wrong += hot6(SYS_preadv, file, (long)to, count, 50, 0, 0) != bytes || memcmp(in, out, (size_t)bytes) != 0;
    memset(in, 0, sizeof in);
    wrong += hot6(SYS_preadv2, file, (long)to, count, 50, 0, 0) != bytes || memcmp(in, out, (size_t)bytes) != 0;
    return wrong;
}

int main(void) {
    int file = (int)must(open("data", O_CREAT | O_RDWR | O_TRUNC, 0600), "open"), wrong = 0;
    for (size_t i = 0; i < sizeof out; i++)
        out[i] = (unsigned char)(i * 11 + i / 253);
    heat();
    for (size_t i = 0; i < sizeof counts / sizeof *counts; i++)
        for (size_t length = 1; length <= EACH; length = length * 6 + 1)
            wrong += transfer(file, counts[i], length);
    check(wrong == 0, "every count");
    wrong = hot(SYS_writev, file, (long)from, 0) != 0 || hot(SYS_readv, file, (long)to, 0) != 0;
    wrong += hot(SYS_writev, file, 0, 0) != 0;
    wrong += hot(SYS_writev, file, (long)from, MOST + 1) != -EINVAL || hot(SYS_readv, file, (long)to, -1) != -EINVAL;
    from[1].iov_len = (size_t)-1;
    wrong += hot(SYS_writev, file, (long)from, 2) != -EINVAL;
    check(wrong == 0, "none, and too many");
    wrong = hot(SYS_write, file, (long)out, 0) != 0 || hot(SYS_read, file, (long)in, 0) != 0;
    wrong += hot(SYS_write, file, 0, 0) != 0 || hot(SYS_read, file, 0, 0) != 0;
    vectors(5, 0);
    wrong += hot(SYS_writev, file, (long)from, 5) != 0 || hot(SYS_readv, file, (long)to, 5) != 0;
    check(wrong == 0, "nothing");
    unlink("data");
    return 0;
}
