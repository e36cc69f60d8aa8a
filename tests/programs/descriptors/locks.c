/* flock, record locks, locks of open file descriptions; between processes, with waiting and deadlock. */
#include "check.h"
#include <sys/file.h>

static int lock(int fd, int command, short type, off_t start, off_t length) {
    struct flock what = {.l_type = type, .l_whence = SEEK_SET, .l_start = start, .l_len = length};
    return fcntl(fd, command, &what);
}

int main(void) {
    int there[2], back[2];
    char byte = 0;
    int fd = (int)must(open("locked", O_RDWR | O_CREAT, 0600), "open");
    int second = (int)must(open("locked", O_RDWR), "open");
    must(pipe(there), "pipe");
    must(pipe(back), "pipe");
    check(flock(fd, LOCK_EX) == 0, "flock");
    check_error(flock(second, LOCK_EX | LOCK_NB), EWOULDBLOCK, "flock by another description");
    check(flock(fd, LOCK_UN) == 0 && flock(second, LOCK_SH | LOCK_NB) == 0 && flock(second, LOCK_UN) == 0, "unlocked");
    check(lock(fd, F_SETLK, F_WRLCK, 0, 10) == 0 && lock(second, F_SETLK, F_WRLCK, 5, 10) == 0,
          "record locks are a process's");
    check(lock(fd, F_OFD_SETLK, F_WRLCK, 100, 10) == 0, "a description's lock");
    check_error(lock(second, F_OFD_SETLK, F_WRLCK, 105, 1), EAGAIN, "another description");

    pid_t child = fork();
    if (child == 0) {
        struct flock seen = {.l_type = F_WRLCK, .l_whence = SEEK_SET, .l_start = 0, .l_len = 1};
        check_error(lock(fd, F_SETLK, F_WRLCK, 0, 1), EAGAIN, "another process");
        fcntl(fd, F_GETLK, &seen);
        check(seen.l_type == F_WRLCK && seen.l_pid == getppid() && seen.l_len == 15, "F_GETLK tells the owner");
        check(lock(fd, F_SETLK, F_WRLCK, 50, 1) == 0, "another record");
        write(back[1], "r", 1);
        int result = lock(fd, F_SETLKW, F_WRLCK, 0, 1);
        read(there[0], &byte, 1);
        check(result == 0, "F_SETLKW waits");
        _exit(0);
    }
    read(back[0], &byte, 1);
    check_error(lock(fd, F_SETLK, F_RDLCK, 50, 1), EAGAIN, "the child's record");
    check(lock(fd, F_SETLK, F_UNLCK, 0, 0) == 0, "let go");
    write(there[1], "g", 1);
    report_end(child, "the child");
    check(lock(fd, F_SETLK, F_WRLCK, 0, 60) == 0, "its locks have gone with it");
    return 0;
}
