/* Private mappings of files: content, copies on write, past the end, after close and unlink, executable. */
#include "check.h"
#include <setjmp.h>
#include <sys/mman.h>

enum { PAGE = 4096 };
static sigjmp_buf back;

static void jump(int number) {
    siglongjmp(back, number);
}

int main(void) {
    char byte;
    int fd = (int)must(open("data", O_RDWR | O_CREAT, 0644), "open");
    for (int i = 0; i < 3 * PAGE / 4; i++)
        write(fd, "abcd", 4);
    char *map = mmap(NULL, 3 * PAGE, PROT_READ | PROT_WRITE, MAP_PRIVATE, fd, 0);
    check(map[0] == 'a' && map[3 * PAGE - 1] == 'd', "content");
    map[0] = 'X';
    pread(fd, &byte, 1, 0);
    check(byte == 'a', "a store stays private");
    char *second = mmap(NULL, PAGE, PROT_READ, MAP_PRIVATE, fd, PAGE);
    close(fd);
    unlink("data");
    check(second[1] == 'b', "after close and unlink");
    check(map[0] == 'X' && map[PAGE] == 'a', "our copy stays");

    fd = (int)must(open("short", O_RDWR | O_CREAT, 0644), "open");
    write(fd, "short", 5);
    char *beyond = mmap(NULL, 2 * PAGE, PROT_READ, MAP_PRIVATE, fd, 0);
    handle(SIGBUS, jump, 0);
    check(beyond[4] == 't' && beyond[5] == 0, "zeroes to the end of the page");
    if (sigsetjmp(back, 1) == 0)
        check(*(volatile char *)(beyond + PAGE) && 0, "never here");
    check(1, "SIGBUS beyond");
    unsigned char code[] = {0xb8, 55, 0, 0, 0, 0xc3};
    pwrite(fd, code, sizeof code, 0);
    int (*function)(void) = mmap(NULL, PAGE, PROT_READ | PROT_EXEC, MAP_PRIVATE, fd, 0);
    check(function() == 55, "code from a file");
    int reading = (int)must(open("short", O_RDONLY), "open");
    check_error((long)mmap(NULL, PAGE, PROT_READ | PROT_WRITE, MAP_SHARED, reading, 0), EACCES,
                "shared and writable needs an open file to match");
    check_error((long)mmap(NULL, PAGE, PROT_READ, MAP_PRIVATE, open(".", O_RDONLY), 0), ENODEV, "a directory");
    check_error((long)mmap(NULL, PAGE, PROT_READ, MAP_PRIVATE, reading, 100), EINVAL, "an odd offset");
    return 0;
}
