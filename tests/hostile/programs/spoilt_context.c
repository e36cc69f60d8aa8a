/* spoilt_context WHO WHAT: the record at the gs base, or that base, is not what it was. */
#include "hostile.h"

static struct context other;
static struct plan forged;

int main(int count, char **arguments) {
    if (count != 3)
        return 95;
    const char *what = arguments[2];
    warm_up();
    struct context *own = context();
    other = *own;
    if (concerns(arguments[1])) {
        if (strcmp(what, "zeros") == 0)
            memset(own, 0, sizeof *own);
        else if (strcmp(what, "ones") == 0)
            memset(own, 0xff, sizeof *own);
        else if (strcmp(what, "page") == 0)
            memset(own, 0x41, PAGE);
        else if (strcmp(what, "entry") == 0)
            own->entry += 5;
        else if (strcmp(what, "entry-is-gate") == 0)
            own->entry = gate();
        else if (strcmp(what, "stack") == 0)
            own->stack = 0x123456789000;
        else if (strcmp(what, "stack-odd") == 0)
            own->stack -= 3;
        else if (strcmp(what, "stack-is-ring") == 0)
            own->stack = own->ring + PAGE;
        else if (strcmp(what, "link") == 0)
            own->link = 7;
        else if (strcmp(what, "no-ring") == 0)
            own->ring = 0;
        else if (strcmp(what, "ring") == 0)
            own->ring = 0x123456789000;
        else if (strcmp(what, "ring-is-stack") == 0)
            own->ring = own->this;
        else if (strcmp(what, "plan") == 0)
            own->plan = 64;
        else if (strcmp(what, "forged-plan") == 0) {
            forged = *plan();
            forged.variant ^= 1;
            own->plan = (uint64_t)&forged;
        } else if (strcmp(what, "forged-looks") == 0) {
            forged = *plan();
            forged.looks = 0xffffffff;
            own->plan = (uint64_t)&forged;
        } else if (strcmp(what, "no-base") == 0)
            __asm__ volatile("wrgsbase %0" : : "r"(0L));
        else if (strcmp(what, "other-base") == 0)
            __asm__ volatile("wrgsbase %0" : : "r"(&other));
        else if (strcmp(what, "bad-base") == 0)
            __asm__ volatile("wrgsbase %0" : : "r"(0x7ffffffff000L));
        else
            return 96;
    }
    for (int i = 0; i < 20; i++)
        hot(SYS_getppid, 0, 0, 0);
    say("after\n");
    if (fork() == 0)
        _exit((int)hot(SYS_getuid, 0, 0, 0) != (int)getuid());
    wait(NULL);
    return 0;
}
