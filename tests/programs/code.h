/* Where the code of the program and its libraries lies. */
#ifndef CODE_H
#define CODE_H

#include <link.h>
#include <stdint.h>

enum { RANGES = 64 };
static struct {
    uintptr_t begin, end;
} code[RANGES];
static int ranges;

static int note_code_of(struct dl_phdr_info *object, size_t size, void *unused) {
    (void)size;
    (void)unused;
    for (int i = 0; i < object->dlpi_phnum && ranges < RANGES; i++) {
        const ElfW(Phdr) *segment = &object->dlpi_phdr[i];
        if (segment->p_type == PT_LOAD && segment->p_flags & PF_X) {
            code[ranges].begin = object->dlpi_addr + segment->p_vaddr;
            code[ranges].end = code[ranges].begin + segment->p_memsz;
            ranges++;
        }
    }
    return 0;
}

static inline void note_code(void) {
    dl_iterate_phdr(note_code_of, NULL);
}

static inline int is_code(uintptr_t at) {
    int found = 0;
    for (int i = 0; i < ranges; i++)
        found |= at >= code[i].begin && at < code[i].end;
    return found;
}

#endif
