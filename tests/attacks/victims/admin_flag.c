/* A name overflows into the flag behind it: no address is involved. */
#include "victim.h"

struct user {
    char name[32];
    int is_admin;
};

int main(void) {
    struct user user = {"", 0};
    introduce();
    if (read(0, user.name, 64) > 0 && user.is_admin)
        take_over();
    dprintf(1, "you may not\n");
    return 0;
}
