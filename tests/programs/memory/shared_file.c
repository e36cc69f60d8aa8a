/* A shared mapping of a file: what is stored can be read, and what is written appears. */
#include "check.h"
#include <sys/mman.h>

int main(void) {
    char text[16] = "";
    int fd = (int)must(open("shared", O_RDWR | O_CREAT | O_TRUNC, 0644), "open");
    must(ftruncate(fd, 8192), "ftruncate");
    char *map = mmap(NULL, 8192, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
    if (map == MAP_FAILED) {
        perror("mmap");
        return 1;
    }
    strcpy(map + 5000, "stored");
    pread(fd, text, 7, 5000);
    check(strcmp(text, "stored") == 0, "a store is read");
    pwrite(fd, "written", 8, 100);
    check(strcmp(map + 100, "written") == 0, "a write appears");
    msync(map, 8192, MS_SYNC);
    char *readable = mmap(NULL, 4096, PROT_READ, MAP_SHARED, open("shared", O_RDONLY), 0);
    check(strcmp(readable + 100, "written") == 0, "in another mapping too");
    munmap(map, 8192);
    check(pread(fd, text, 7, 5000) == 7 && strcmp(text, "stored") == 0, "after munmap too");
    return 0;
}
