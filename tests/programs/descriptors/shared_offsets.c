/* Duplicates and children share an offset; descriptions opened twice don't. */
#include "check.h"

int main(void) {
    char text[16] = "";
    int fd = (int)must(open("file", O_RDWR | O_CREAT | O_TRUNC, 0600), "open");
    int copy = dup(fd), other = open("file", O_RDWR), reading = open("file", O_RDONLY);
    write(fd, "0123456789", 10);
    check(lseek(copy, 0, SEEK_CUR) == 10 && lseek(other, 0, SEEK_CUR) == 0, "dup shares, open does not");
    pid_t child = fork();
    if (child == 0) {
        write(fd, "child", 5);
        read(reading, text, 3);
        _exit(0);
    }
    report_end(child, "the child");
    check(lseek(fd, 0, SEEK_CUR) == 15, "it moved our offset by writing");
    check(read(reading, text, 2) == 2 && memcmp(text, "34", 2) == 0, "and by reading");
    int through_proc = open("/proc/self/fd/3", O_RDONLY);
    check(read(through_proc, text, 2) == 2 && memcmp(text, "01", 2) == 0, "/proc/self/fd opens anew");
    check(dup2(reading, 40) == 40 && read(40, text, 2) == 2 && memcmp(text, "56", 2) == 0, "dup2 shares");
    close(reading);
    check(read(40, text, 2) == 2 && memcmp(text, "78", 2) == 0, "after close of the first too");
    return 0;
}
