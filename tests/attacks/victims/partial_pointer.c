/* A name overflows into the lowest byte of a function pointer: what lies nearby is as near in all variants. */
#include "victim.h"

__attribute__((aligned(256), noinline)) static void refuse(void) {
    dprintf(1, "you may not\n");
}

__attribute__((noinline)) static void permit(void) {
    take_over();
}

struct user {
    char name[32];
    void (*act)(void);
};

int main(int argc, char **argv) {
    struct user user = {"", argc > 100 ? permit : refuse};
    (void)argv;
    introduce();
    if (read(0, user.name, 64) > 0)
        user.act();
    return 0;
}
