/* A name overflows into a pointer to data: the next message is written where it points. */
#include "victim.h"

struct account {
    char name[32];
    char *message;
    char room[64];
    long is_admin;
};

int main(void) {
    struct account *account = malloc(sizeof *account);
    memset(account, 0, sizeof *account);
    account->message = account->room;
    introduce();
    if (read(0, account->name, 64) > 0 && read(0, account->message, 8) > 0 && account->is_admin)
        take_over();
    dprintf(1, "you may not\n");
    return 0;
}
