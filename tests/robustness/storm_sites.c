#include "storm.h"

static const int numbers[CALLS] = {SYS_getpid, SYS_gettid, SYS_getppid, SYS_read, SYS_read, SYS_lseek, SYS_read};

/* enter(rdi where, rsi number, rdx, rcx, r8 arguments, r9 count): the count is in r8 of the function, and r9 is 0. */
__asm__(".text\n.globl enter\nenter:\n\t"
        "mov %rdi, %r11\n\tmov %rsi, %rax\n\tmov %rdx, %rdi\n\tmov %rcx, %rsi\n\tmov %r8, %rdx\n\t"
        "mov %r9, %r8\n\txor %r9d, %r9d\n\txor %r10d, %r10d\n\t"
        "sub $8, %rsp\n\tcall *%r11\n\tadd $8, %rsp\n\tmov %rcx, %rdx\n\tret\n");

#define PUT(...)                                                                                                    \
    do {                                                                                                            \
        const unsigned char code[] = {__VA_ARGS__};                                                                 \
        memcpy(to, code, sizeof code);                                                                              \
        to += sizeof code;                                                                                          \
    } while (0)
#define LITTLE(value) (value) & 255, (value) >> 8 & 255, (value) >> 16 & 255, (value) >> 24 & 255

/* An instruction begins here that can be jumped to. */
#define ENTRY site->behind[site->entries++] = to

static unsigned char *behind(struct site *site, unsigned char *to, const int64_t *constant) {
    int plus = site->plus;
    ENTRY;
    switch (site->kind) {
    case RETURNS:
        break;
    case LONG:
    case TWO:
        PUT(0x48, 0x05, LITTLE(plus)); /* add rax, plus */
        break;
    case SHORT:
        PUT(0x90); /* nop */
        ENTRY;
        PUT(0x90);
        ENTRY;
        PUT(0x48, 0x83, 0xc0, plus & 127); /* add rax, plus */
        break;
    case LOOP:
        PUT(0x90);
        ENTRY;
        PUT(0x48, 0xff, 0xc0, 0x41, 0xff, 0xc8, 0x75, 0xf8); /* inc rax; dec r8d; jnz to the inc */
        break;
    case RELATIVE: {
        int distance = (int)((const unsigned char *)constant - (to + 7));
        PUT(0x48, 0x03, 0x05, LITTLE(distance)); /* add rax, [rip + distance] */
        break;
    }
    case BRANCH:
        PUT(0x48, 0x85, 0xc0);                         /* test rax, rax */
        PUT(0x78, 0x04, 0x48, 0x83, 0xc0, plus & 127); /* js over add rax, plus */
        break;
    case COUNTED:
        PUT(0x44, 0x89, 0xc1); /* mov ecx, r8d */
        ENTRY;
        PUT(0xe2, 0x01, 0x90);             /* loop over a nop */
        PUT(0x48, 0x83, 0xc0, plus & 127); /* add rax, plus */
        site->entries--;                   /* with another ecx it would do the same, but that is the caller's */
        break;
    case KINDS:
        break;
    }
    PUT(0xc3); /* ret */
    return to;
}

unsigned char *write_site(struct site *site, unsigned char *to, enum surroundings kind, enum call what, int plus,
                          const int64_t *constant) {
    *site = (struct site){.begin = to, .what = what, .kind = kind, .plus = plus};
    if (kind == TWO) {
        PUT(0xb8, LITTLE(SYS_getpid), 0x0f, 0x05); /* mov eax, getpid; syscall */
    }
    PUT(0xb8, LITTLE(numbers[what]));
    site->call = to;
    PUT(0x0f, 0x05);
    return behind(site, to, constant);
}

long behind_call(const struct site *site, long result, long count, long constant) {
    switch (site->kind) {
    case LONG:
    case TWO:
        return result + site->plus;
    case SHORT:
    case COUNTED:
        return result + (site->plus & 127);
    case LOOP:
        return result + count;
    case RELATIVE:
        return result + constant;
    case BRANCH:
        return result < 0 ? result : result + (site->plus & 127);
    case RETURNS:
    case KINDS:
        break;
    }
    return result;
}
