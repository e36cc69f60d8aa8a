/* Memory at addresses that the program wishes for, all over the lower half: used, given other rights, given back. */
#include "check.h"
#include <sys/mman.h>

#include "hot.h"

enum { SIZE = 1 << 16 };

int main(void) {
    int wrong = 0, there = 0;
    heat();
    for (uintptr_t address = 0x10000000000; address < 0x500000000000; address += 0x8000000000 / 2) {
        char *memory = mmap((void *)address, SIZE, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
        if (memory == MAP_FAILED) {
            wrong++;
            continue;
        }
        there += (uintptr_t)memory == address;
        memory[SIZE - 1] = 'm';
        wrong += mprotect(memory, SIZE, PROT_READ) != 0;
        wrong += memory[SIZE - 1] != 'm';
        wrong += munmap(memory, SIZE) != 0;
        wrong += hot(SYS_getpid, 0, 0, 0) != getpid();
    }
    check(wrong == 0, "memory can be used, protected and given back");
    check(there > 0, "wishes are granted");
    return 0;
}
