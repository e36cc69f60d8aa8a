/* exec with no environment, and with no arguments but a name. */
#include "check.h"

extern char **environ;

int main(int argc, char **argv) {
    if (argc == 1 && environ[0] == NULL) {
        check(strcmp(argv[0], "alone") == 0, "a name and nothing else");
        char *many[] = {"many", "a", "", "c", NULL};
        char *variables[] = {"A=1", "B", "C=", NULL};
        execve("/proc/self/exe", many, variables);
        return 1;
    }
    if (strcmp(argv[0], "many") == 0) {
        check(argc == 4 && argv[2][0] == 0, "empty arguments stay");
        check(strcmp(environ[0], "A=1") == 0 && strcmp(environ[1], "B") == 0 && environ[3] == NULL,
              "odd variables stay");
        return 0;
    }
    char *alone[] = {"alone", NULL};
    char *nothing[] = {NULL};
    execve("/proc/self/exe", alone, nothing);
    return 1;
}
