/* mapped WHO MODE: a file that is open for writing ("w") or reading ("r") is mapped shared, for reading; later it is to be
   made writable, and one variant writes elsewhere than the others. */
#include "hostile.h"

int main(int count, char **arguments) {
    if (count != 3)
        return 95;
    int file = open("file", strcmp(arguments[2], "w") == 0 ? O_RDWR : O_RDONLY);
    char *map = mmap(NULL, PAGE, PROT_READ, MAP_SHARED, file, 0), start[17] = "";
    close(file);
    warm_up();
    if (mprotect(map, PAGE, PROT_READ | PROT_WRITE) != 0) {
        say(strerrorname_np(errno));
        return 0;
    }
    if (concerns(arguments[1]))
        memcpy(map + 8, "hostile!", 8);
    else
        memcpy(map, "innocent", 8);
    /* All have come here before the leader looks. */
    file = open("file", O_RDONLY);
    if (pread(file, start, 16, 0) == 16)
        say(start);
    return 0;
}
