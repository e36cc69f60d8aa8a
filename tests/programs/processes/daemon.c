/* A daemon by double fork: own session, no terminal, works in another directory, writes its file. */
#include "check.h"
#include <sys/stat.h>

int main(void) {
    int done[2];
    char byte;
    char here[1000];
    must(getcwd(here, sizeof here) ? 0 : -1, "getcwd");
    must(pipe(done), "pipe");
    pid_t child = fork();
    if (child == 0) {
        setsid();
        if (fork() != 0)
            _exit(0);
        chdir("/");
        umask(0);
        int null = open("/dev/null", O_RDWR);
        for (int fd = 0; fd < 3; fd++)
            dup2(null, fd);
        chdir(here);
        FILE *file = fopen("daemon.txt", "w");
        fprintf(file, "session %d leader %d\n", getsid(0) != getpid(), getpid() == getsid(0));
        fclose(file);
        _exit(0);
    }
    close(done[1]);
    report_end(child, "the first child");
    check(read(done[0], &byte, 1) == 0, "the daemon has ended");
    char line[100] = "";
    FILE *file = fopen("daemon.txt", "r");
    fgets(line, sizeof line, file);
    printf("it wrote: %s", line);
    return 0;
}
