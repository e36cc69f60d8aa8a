/* exec of scripts: interpreter with an argument, a script as interpreter, PATH with execvp. */
#include "check.h"
#include <sys/stat.h>

static void put(const char *path, const char *content) {
    int fd = (int)must(open(path, O_WRONLY | O_CREAT | O_TRUNC, 0600), path);
    write(fd, content, strlen(content));
    fchmod(fd, 0755);
    close(fd);
}

static void run(const char *path) {
    pid_t child = fork();
    if (child == 0) {
        execlp(path, "zero", "one", "two words", NULL);
        _exit(127);
    }
    report_end(child, path);
}

int main(void) {
    char here[1000], line[1100];
    must(getcwd(here, sizeof here) ? 0 : -1, "getcwd");
    put("plain", "#!/bin/sh\necho \"$0 $# $2\"\nexit 3\n");
    put("option", "#! /bin/sh -e\nfalse\nexit 4\n");
    put("no-line", "echo without a line; exit 5\n");
    snprintf(line, sizeof line, "#!%s/plain argument\n", here);
    put("nested", line);
    run("./plain");
    run("./option");
    run("./no-line");
    run("./nested");
    setenv("PATH", here, 1);
    run("plain");
    return 0;
}
