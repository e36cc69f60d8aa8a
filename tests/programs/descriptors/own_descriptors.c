/* /proc/self/fd lists what is open, and nothing of Stretto's. */
#include "check.h"
#include <dirent.h>

static int compare(const struct dirent **a, const struct dirent **b) {
    return strcmp((*a)->d_name, (*b)->d_name);
}

int main(void) {
    struct dirent **entries;
    char target[100], name[300];
    dup2(open("/dev/null", O_RDONLY), 30);
    close(3);
    int count = scandir("/proc/self/fd", &entries, NULL, compare);
    for (int i = 0; i < count; i++)
        printf("%s ", entries[i]->d_name);
    puts("");
    ssize_t length = readlink("/proc/self/fd/30", target, sizeof target);
    printf("%.*s\n", (int)length, target);
    length = readlink("/proc/self/exe", target, sizeof target);
    check(length > 15 && memcmp(target + length - 15, "own_descriptors", 15) == 0, "/proc/self/exe");
    snprintf(name, sizeof name, "/proc/%d/cmdline", getpid());
    int fd = open(name, O_RDONLY);
    length = read(fd, target, sizeof target);
    check(length > 15 && memcmp(target + length - 16, "own_descriptors", 16) == 0, "its command line");
    return 0;
}
