/* Pseudo-terminals: modes, line discipline, window size, signals from keys, controlling terminal. */
#include "check.h"
#include <pty.h>
#include <sys/ioctl.h>
#include <termios.h>

static volatile sig_atomic_t interrupted;

static void note(int number) {
    (void)number;
    interrupted++;
}

static void child(int terminal) {
    struct winsize size;
    char line[64];
    setsid();
    check(ioctl(terminal, TIOCSCTTY, 0) == 0, "controlling terminal");
    check(tcgetsid(terminal) == getsid(0) && tcgetpgrp(terminal) == getpgrp(), "its session and group");
    int tty = open("/dev/tty", O_RDWR);
    check(tty >= 0 && isatty(tty), "/dev/tty");
    handle(SIGINT, note, SA_RESTART);
    ioctl(terminal, TIOCGWINSZ, &size);
    printf("%d rows, %d columns\n", size.ws_row, size.ws_col);
    write(terminal, "ready\n", 6);
    ssize_t got = read(terminal, line, sizeof line);
    printf("read %d: %.*s", (int)got, (int)got, line);
    check(interrupted == 1, "the interrupt key");
    fflush(stdout);
    _exit(3);
}

int main(void) {
    struct termios modes;
    struct winsize size = {.ws_row = 40, .ws_col = 100};
    char text[64] = "", name[100];
    int main_end = (int)must(posix_openpt(O_RDWR | O_NOCTTY), "posix_openpt");
    must(grantpt(main_end) | unlockpt(main_end), "unlockpt");
    must(ptsname_r(main_end, name, sizeof name), "ptsname_r");
    int terminal = (int)must(open(name, O_RDWR | O_NOCTTY), "open");
    check(isatty(terminal) && isatty(main_end) && strncmp(name, "/dev/pts/", 9) == 0, "two ends");
    check(strcmp(ttyname(terminal), name) == 0, "ttyname");
    must(tcgetattr(terminal, &modes), "tcgetattr");
    check(modes.c_lflag & ICANON && modes.c_lflag & ECHO, "canonical, with echo");
    modes.c_lflag &= ~(tcflag_t)ECHO;
    must(tcsetattr(terminal, TCSANOW, &modes), "tcsetattr");
    check(ioctl(main_end, TIOCSWINSZ, &size) == 0, "window size");
    write(terminal, "line\n", 5);
    check(read(main_end, text, sizeof text) == 6 && memcmp(text, "line\r\n", 6) == 0, "newlines are translated");
    write(main_end, "typo\177\177\177one\n", 11);
    check(read(terminal, text, sizeof text) == 5 && memcmp(text, "tone\n", 5) == 0, "erased characters");
    cfmakeraw(&modes);
    tcsetattr(terminal, TCSANOW, &modes);
    write(main_end, "\003", 1);
    check(read(terminal, text, sizeof text) == 1 && text[0] == 3, "raw mode");
    modes.c_lflag |= ICANON | ISIG;
    modes.c_iflag |= ICRNL;
    tcsetattr(terminal, TCSANOW, &modes);

    fflush(stdout);
    pid_t pid = fork();
    if (pid == 0)
        child(terminal);
    for (ssize_t got = 0; got < 6;)
        got += must(read(main_end, text, sizeof text), "read");
    write(main_end, "lost\003kept\n", 10);
    report_end(pid, "the child");
    check_error(ioctl(open("/etc/passwd", O_RDONLY), TCGETS, &modes), ENOTTY, "a file is no terminal");
    close(terminal);
    check_error(read(main_end, text, 1), EIO, "the other end is closed");
    return 0;
}
