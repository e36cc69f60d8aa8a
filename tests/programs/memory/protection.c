/* mprotect: patterns of rights, errors, code written and then executed. */
#include "check.h"
#include <setjmp.h>
#include <sys/mman.h>

enum { PAGE = 4096 };
static sigjmp_buf back;

static void jump(int number) {
    siglongjmp(back, number);
}

static int can_read(volatile char *at) {
    if (sigsetjmp(back, 1))
        return 0;
    return (void)*at, 1;
}

static int can_write(volatile char *at) {
    if (sigsetjmp(back, 1))
        return 0;
    *at = 1;
    return 1;
}

int main(void) {
    /* mov $N, %eax; ret */
    unsigned char code[] = {0xb8, 0, 0, 0, 0, 0xc3};
    char *area = mmap(NULL, 6 * PAGE, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    handle(SIGSEGV, jump, 0);
    check(!can_read(area) && !can_write(area), "PROT_NONE");
    mprotect(area + PAGE, 4 * PAGE, PROT_READ);
    mprotect(area + 2 * PAGE, PAGE, PROT_READ | PROT_WRITE);
    check(can_read(area + PAGE) && !can_write(area + PAGE), "PROT_READ");
    check(can_write(area + 2 * PAGE) && !can_write(area + 3 * PAGE) && !can_read(area + 5 * PAGE), "one of four");
    check_error(mprotect(area + 1, PAGE, PROT_READ), EINVAL, "an odd address");
    munmap(area + 3 * PAGE, PAGE);
    check_error(mprotect(area + 2 * PAGE, 2 * PAGE, PROT_READ), ENOMEM, "over a hole");

    int right = 0;
    for (unsigned i = 0; i < 100; i++) {
        mprotect(area + PAGE, PAGE, PROT_READ | PROT_WRITE);
        code[1] = (unsigned char)i;
        memcpy(area + PAGE, code, sizeof code);
        mprotect(area + PAGE, PAGE, PROT_READ | PROT_EXEC);
        right += ((int (*)(void))(uintptr_t)(area + PAGE))() == (int)i;
    }
    check(right == 100, "code written and executed 100 times");
    unsigned char *both =
        mmap(NULL, PAGE, PROT_READ | PROT_WRITE | PROT_EXEC, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    code[1] = 77;
    memcpy(both, code, sizeof code);
    check(((int (*)(void))(uintptr_t)both)() == 77, "code in writable and executable memory");
    /* mov $39, %eax; syscall; ret: getpid */
    unsigned char call[] = {0xb8, 39, 0, 0, 0, 0x0f, 0x05, 0xc3};
    memcpy(both, call, sizeof call);
    check(((int (*)(void))(uintptr_t)both)() == getpid(), "a system call from written code");
    return 0;
}
