/* What the kernel tells a program at its start fits the program as it lies in memory. */
#include "check.h"
#include <elf.h>
#include <link.h>
#include <sys/auxv.h>

extern char _start[];

static int objects, first_is_main;

static int visit(struct dl_phdr_info *info, size_t size, void *data) {
    (void)size;
    if (objects++ == 0)
        first_is_main = info->dlpi_phdr == data;
    return 0;
}

int main(int argc, char **argv) {
    Elf64_Phdr *headers = (Elf64_Phdr *)getauxval(AT_PHDR);
    unsigned char *random = (unsigned char *)getauxval(AT_RANDOM), sum = 0;
    (void)argc;
    for (int i = 0; i < 16; i++)
        sum |= random[i];
    check(sum != 0, "AT_RANDOM");
    check(getauxval(AT_ENTRY) == (uintptr_t)_start, "AT_ENTRY");
    check(headers[0].p_type == PT_PHDR, "AT_PHDR");
    check(getauxval(AT_PHENT) == sizeof *headers && getauxval(AT_PHNUM) > 5, "AT_PHENT, AT_PHNUM");
    check(memcmp((void *)getauxval(AT_BASE), ELFMAG, SELFMAG) == 0, "AT_BASE");
    check(strcmp((char *)getauxval(AT_EXECFN), argv[0]) == 0, "AT_EXECFN");
    check(strcmp((char *)getauxval(AT_PLATFORM), "x86_64") == 0, "AT_PLATFORM");
    check(getauxval(AT_PAGESZ) == 4096 && getauxval(AT_CLKTCK) == 100, "AT_PAGESZ, AT_CLKTCK");
    check(getauxval(AT_UID) == getuid() && getauxval(AT_SECURE) == 0, "AT_UID, AT_SECURE");
    dl_iterate_phdr(visit, headers);
    check(objects >= 3 && first_is_main, "dl_iterate_phdr");
    unsigned long vdso = getauxval(AT_SYSINFO_EHDR);
    check(vdso == 0 || memcmp((void *)vdso, ELFMAG, SELFMAG) == 0, "AT_SYSINFO_EHDR");
    return 0;
}
