/* fifo: executes, by its descriptor, what nobody writes to. Who opened it for reading would wait for a writer. */
#include "hostile.h"
#include <sys/stat.h>

int main(void) {
    char *arguments[] = {"fifo", NULL}, *environment[] = {NULL};
    mkfifo("fifo", 0700);
    int fd = open("fifo", O_RDONLY | O_NONBLOCK);
    warm_up();
    if (syscall(SYS_execveat, fd, "", arguments, environment, AT_EMPTY_PATH) < 0)
        printf("%s\n", strerrorname_np(errno));
    unlink("fifo");
    return 0;
}
