/* endless WHO WHAT: a call that names far more memory than there is, again and again the same. WHAT: "exec": arguments;
   "sendmmsg": messages. Then the monitor's largest size is told, in units of 100 MiB. Or "last": as many arguments as the
   kernel takes, of which the last one is WHO's own. */
#include "hostile.h"
#include <sys/socket.h>
#include <sys/uio.h>

enum { STRINGS = 100000, STRING = 128 << 10, MESSAGES = 1024, VECTORS = 1024, BUFFER = 64 << 20 };
static char *strings[STRINGS + 1], *environment[1], string[STRING];
static struct mmsghdr messages[MESSAGES];
static struct iovec vectors[VECTORS];

static long call(const char *what) {
    int ends[2];
    if (strcmp(what, "exec") == 0) {
        memset(string, 'x', STRING - 1);
        for (int i = 0; i < STRINGS; i++)
            strings[i] = string;
        return execve("/bin/true", strings, environment);
    }
    char *buffer = calloc(1, BUFFER);
    for (int i = 0; i < VECTORS; i++)
        vectors[i] = (struct iovec){buffer, BUFFER};
    for (int i = 0; i < MESSAGES; i++)
        messages[i].msg_hdr = (struct msghdr){.msg_iov = vectors, .msg_iovlen = VECTORS};
    socketpair(AF_UNIX, SOCK_DGRAM, 0, ends);
    return sendmmsg(ends[0], messages, MESSAGES, MSG_DONTWAIT);
}

static void differ(const char *who) {
    for (int i = 0; i < STRINGS; i++)
        strings[i] = "x";
    if (concerns(who))
        strings[STRINGS - 1] = "y";
    execve("/bin/true", strings, environment);
}

static long hundreds(void) {
    char name[64], line[256];
    long kilobytes = 0;
    snprintf(name, sizeof name, "/proc/%d/status", getppid());
    FILE *status = fopen(name, "r");
    while (status != NULL && fgets(line, sizeof line, status))
        sscanf(line, "VmHWM: %ld", &kilobytes);
    return kilobytes / (100 << 10);
}

int main(int count, char **arguments) {
    if (count != 3)
        return 95;
    warm_up();
    if (strcmp(arguments[2], "last") == 0)
        differ(arguments[1]);
    if (concerns(arguments[1]) && call(arguments[2]) < 0)
        printf("%s, ", strerrorname_np(errno));
    printf("%ld\n", hundreds());
    return 0;
}
