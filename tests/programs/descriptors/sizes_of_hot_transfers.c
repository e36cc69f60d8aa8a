/* Reads and writes of every size around the limits of what is checked in the process, from a place that is hot. */
#include "check.h"
#include <sys/socket.h>

#include "hot.h"

enum { LARGEST = 9 << 20 };
static unsigned char out[LARGEST + 64], in[LARGEST + 64];
static const size_t sizes[] = {
    0,      1,      7,      8,      9,      15,     16,     17,     63,     64,      65,      255,     4095,    4096,
    4097,   16383,  16384,  16385,  65535,  65536,  65537,  131071, 131072, 261887,  261888,  261952,  261960,  261967,
    261968, 261969, 261976, 262016, 262080, 262143, 262144, 262145, 263167, 263168,  263169,  524288,  1048575, 1048576,
    1048577,
    8388560, 8388599, 8388600, 8388604, 8388607, 8388608, 8388609, LARGEST,
};

static void through_a_file(void) {
    int file = (int)must(open("data", O_CREAT | O_RDWR | O_TRUNC, 0600), "open"), wrong = 0;
    for (size_t i = 0; i < sizeof sizes / sizeof *sizes; i++) {
        long size = (long)sizes[i];
        memset(in, 0xee, sizeof in);
        for (int odd = 0; odd < 2; odd++) {
            wrong += hot(SYS_lseek, file, 0, SEEK_SET) != 0;
            wrong += hot(SYS_write, file, (long)out + odd, size) != size;
            wrong += hot(SYS_lseek, file, 0, SEEK_CUR) != size || hot(SYS_lseek, file, 0, SEEK_SET) != 0;
            wrong += hot(SYS_read, file, (long)in + odd, size) != size;
            wrong += memcmp(in + odd, out + odd, (size_t)size) != 0 || in[odd + size] != 0xee;
            wrong += hot6(SYS_pwrite64, file, (long)out + 3, size, 100, 0, 0) != size;
            wrong += hot6(SYS_pread64, file, (long)in + odd, size, 100, 0, 0) != size;
            wrong += memcmp(in + odd, out + 3, (size_t)size) != 0 || in[odd + size] != 0xee;
        }
    }
    check(wrong == 0, "a file");
    wrong = hot(SYS_lseek, file, 0, SEEK_END) != LARGEST + 100;
    wrong += hot(SYS_read, file, (long)in, sizeof in) != 0;
    wrong += hot6(SYS_pread64, file, (long)in, sizeof in, LARGEST, 0, 0) != 100;
    check(wrong == 0, "at the end of a file there is less");
    close(file);
    unlink("data");
}

/* A child sends all sizes one after the other; the parent asks for odd pieces. */
static void through(int ends[2], int into, int from, const char *what) {
    size_t total = 0, got = 0, wrong = 0, at = 0, which = 0;
    for (size_t i = 0; i < sizeof sizes / sizeof *sizes; i++)
        total += sizes[i];
    pid_t child = fork();
    if (child == 0) {
        close(ends[from]);
        for (size_t i = 0; i < sizeof sizes / sizeof *sizes; i++)
            for (size_t done = 0; done < sizes[i];)
                done += (size_t)must(hot(SYS_write, ends[into], (long)out + (long)done, (long)(sizes[i] - done)), "write");
        _exit(0);
    }
    close(ends[into]);
    for (long now; (now = hot(SYS_read, ends[from], (long)in, (long)sizes[16 + got % 24])) > 0; got += (size_t)now)
        for (long i = 0; i < now; i++) {
            while (at == sizes[which]) {
                at = 0;
                which++;
            }
            wrong += in[i] != out[at++];
        }
    check(got == total && wrong == 0, what);
    report_end(child, "the writer");
    close(ends[from]);
}

int main(void) {
    int ends[2];
    for (size_t i = 0; i < sizeof out; i++)
        out[i] = (unsigned char)(i * 7 + i / 251);
    heat();
    through_a_file();
    must(pipe(ends), "pipe");
    fcntl(ends[1], F_SETPIPE_SZ, 1 << 20);
    through(ends, 1, 0, "a pipe with much room");
    must(socketpair(AF_UNIX, SOCK_STREAM, 0, ends), "socketpair");
    through(ends, 0, 1, "a socket");
    return 0;
}
