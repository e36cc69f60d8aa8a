/* through_proc WHAT: all variants read the leader's map, so all know where its agent lies, and try to get at it through
   /proc/self/mem and its like. */
#include "hostile.h"
#include <linux/userfaultfd.h>
#include <sys/ptrace.h>
#include <sys/uio.h>

static char maps[65536];

/* Where the leader's n-th mapping begins whose line has this in it. */
static uint64_t leaders(const char *name, const char *rights, int which) {
    for (char *line = maps; line; line = strchr(line, '\n') ? strchr(line, '\n') + 1 : NULL) {
        char *end = strchr(line, '\n');
        char *found = strstr(line, name), *mode = strstr(line, rights);
        if (found && mode && (!end || (found < end && mode < end)) && which-- == 0)
            return strtoull(line, NULL, 16);
    }
    exit(94);
}

static void tell(const char *what, long result) {
    char text[100];
    snprintf(text, sizeof text, "%s: %s\n", what, result < 0 ? strerrorname_np(errno) : "done");
    say(text);
}

int main(int count, char **arguments) {
    const char *what = count == 2 ? arguments[1] : "";
    static char word[8] = "garbage";
    warm_up();
    int list = open("/proc/self/maps", O_RDONLY), memory = open("/proc/self/mem", O_RDWR);
    size_t length = 0;
    for (long got; (got = read(list, maps + length, sizeof maps - 1 - length)) > 0;)
        length += (size_t)got;
    uint64_t text = leaders("stretto-agent", "r-xs", 0), plan = leaders("stretto-agent", "r--s", 0);
    uint64_t ring = leaders("stretto-ring", "r--s", 0);
    if (strcmp(what, "read") == 0) {
        tell("text", pread(memory, word, sizeof word, (off_t)text));
        tell("plan", pread(memory, word, sizeof word, (off_t)plan));
        tell("ring", pread(memory, word, sizeof word, (off_t)ring));
    } else if (strcmp(what, "write") == 0) {
        tell("text", pwrite(memory, word, sizeof word, (off_t)text));
        tell("plan", pwrite(memory, word, sizeof word, (off_t)plan));
        tell("notices", pwrite(memory, word, sizeof word, (off_t)ring));
    } else if (strcmp(what, "other") == 0) {
        struct iovec local = {word, sizeof word}, remote = {(void *)text, sizeof word};
        tell("process_vm_writev", syscall(SYS_process_vm_writev, getpid(), &local, 1, &remote, 1, 0));
        tell("process_vm_readv", syscall(SYS_process_vm_readv, getpid(), &local, 1, &remote, 1, 0));
        tell("ptrace", ptrace(PTRACE_TRACEME, 0, NULL, NULL));
        tell("userfaultfd", syscall(SYS_userfaultfd, 0));
    } else if (strcmp(what, "mprotect") == 0) {
        tell("mprotect", mprotect((void *)ring, PAGE, PROT_READ | PROT_WRITE));
        tell("munmap", munmap((void *)text, PAGE));
    }
    for (int i = 0; i < 100; i++)
        if (hot(SYS_getpid, 0, 0, 0) != getpid())
            return 1;
    say("after\n");
    return 0;
}
