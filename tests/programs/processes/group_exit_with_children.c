/* The main process ends while children still write: their output arrives. */
#include "check.h"

int main(void) {
    int gate[2];
    char byte;
    must(pipe(gate), "pipe");
    for (int i = 0; i < 3; i++)
        if (fork() == 0) {
            close(gate[1]);
            read(gate[0], &byte, 1);
            write(1, "child\n", 6);
            _exit(i);
        }
    write(1, "main\n", 5);
    return 23;
}
