/* posix_spawn with file actions and attributes; a program that is missing. */
#include "check.h"
#include <spawn.h>

extern char **environ;

int main(void) {
    pid_t child;
    posix_spawn_file_actions_t actions;
    posix_spawnattr_t attributes;
    sigset_t set;
    char *echo[] = {"sh", "-c", "echo to the file; echo $VARIABLE; exit 6", NULL};
    char *variables[] = {"VARIABLE=value", "PATH=/usr/bin:/bin", NULL};
    posix_spawn_file_actions_init(&actions);
    posix_spawn_file_actions_addopen(&actions, 1, "spawned", O_WRONLY | O_CREAT | O_TRUNC, 0644);
    posix_spawn_file_actions_adddup2(&actions, 1, 2);
    posix_spawn_file_actions_addclose(&actions, 0);
    posix_spawn_file_actions_addchdir_np(&actions, ".");
    check(posix_spawn(&child, "/bin/sh", &actions, NULL, echo, variables) == 0, "posix_spawn");
    report_end(child, "the shell");

    posix_spawnattr_init(&attributes);
    sigemptyset(&set);
    sigaddset(&set, SIGUSR1);
    posix_spawnattr_setsigmask(&attributes, &set);
    posix_spawnattr_setpgroup(&attributes, 0);
    posix_spawnattr_setflags(&attributes, POSIX_SPAWN_SETSIGMASK | POSIX_SPAWN_SETPGROUP);
    char *blocked[] = {"sh", "-c", "kill -USR1 $$; exit 7", NULL};
    check(posix_spawnp(&child, "sh", NULL, &attributes, blocked, environ) == 0, "posix_spawnp");
    check(getpgid(child) == child, "in a group of its own");
    report_end(child, "a shell with SIGUSR1 blocked");

    check(posix_spawn(&child, "/nonexistent", NULL, NULL, echo, environ) == ENOENT, "a missing program");
    check(posix_spawnp(&child, "nonexistent", NULL, NULL, echo, environ) == ENOENT, "nowhere in PATH");
    check(posix_spawn(&child, "/", NULL, NULL, echo, environ) == EACCES, "a directory");
    check_error(waitpid(-1, NULL, 0), ECHILD, "no child is left over");
    check(WEXITSTATUS(system("exit 8")) == 8, "system");
    FILE *pipe = popen("echo through a pipe", "r");
    char line[100] = "";
    fgets(line, sizeof line, pipe);
    check(strcmp(line, "through a pipe\n") == 0 && pclose(pipe) == 0, "popen");
    return 0;
}
