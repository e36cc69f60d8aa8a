/* Calls that get hot when the process may have no more descriptors, no more memory, or another root directory. */
#include "check.h"
#include <sys/mman.h>
#include <sys/resource.h>
#include <sys/stat.h>

#include "hot.h"

static int talk(int ends[2]) {
    pid_t self = getpid();
    int wrong = 0;
    char out[100], in[100];
    for (int i = 0; i < 200; i++) {
        memset(out, i, sizeof out);
        wrong += hot(SYS_write, ends[1], (long)out, sizeof out) != sizeof out;
        wrong += hot(SYS_read, ends[0], (long)in, sizeof in) != sizeof in || memcmp(in, out, sizeof in) != 0;
        wrong += hot(SYS_getpid, 0, 0, 0) != self;
    }
    return wrong;
}

static long memory_in_use(void) {
    char text[64] = "";
    int file = open("/proc/self/statm", O_RDONLY);
    read(file, text, sizeof text - 1);
    close(file);
    return atol(text) * 4096;
}

static void limited(int which, int ends[2]) {
    struct rlimit none = {0, 0}, descriptors = {(rlim_t)ends[1] + 1, (rlim_t)ends[1] + 1};
    if (which == 0)
        must(setrlimit(RLIMIT_NOFILE, &descriptors), "setrlimit");
    else if (which == 1) {
        none.rlim_cur = none.rlim_max = (rlim_t)memory_in_use();
        must(setrlimit(RLIMIT_AS, &none), "setrlimit");
    } else if (which == 2)
        must(setrlimit(RLIMIT_FSIZE, &none), "setrlimit");
    else if (which == 3) {
        if (chroot("empty") != 0 && errno != EPERM)
            _exit(3);
    }
    _exit(talk(ends) != 0);
}

int main(void) {
    static const char *const names[] = {"descriptors", "memory", "sizes of files", "another root directory"};
    int ends[2];
    must(pipe(ends), "pipe");
    must(mkdir("empty", 0700), "mkdir");
    for (int hot_before = 0; hot_before < 2; hot_before++) {
        for (int which = 0; which < 4; which++) {
            pid_t child = fork();
            if (child == 0)
                limited(which, ends);
            report_end(child, names[which]);
        }
        heat();
    }
    return rmdir("empty");
}
