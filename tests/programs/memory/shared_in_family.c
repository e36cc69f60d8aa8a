/* A shared anonymous mapping between a process and its child; pipes give the order. */
#include "check.h"
#include <sys/mman.h>

int main(void) {
    int there[2], back[2];
    char byte = 0;
    int *shared = mmap(NULL, 4096, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
    must(pipe(there), "pipe");
    must(pipe(back), "pipe");
    pid_t child = fork();
    if (child == 0) {
        for (int i = 0; i < 100; i++) {
            read(there[0], &byte, 1);
            shared[i + 1] = shared[i] + 1;
            write(back[1], &byte, 1);
        }
        _exit(0);
    }
    for (int i = 0; i < 100; i++) {
        shared[i] *= 2;
        write(there[1], &byte, 1);
        read(back[0], &byte, 1);
    }
    report_end(child, "the child");
    printf("%d %d %d\n", shared[3], shared[10], shared[20]);
    return 0;
}
