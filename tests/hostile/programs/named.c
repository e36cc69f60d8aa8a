/* All variants alike make a file whose name lies with their agents, where processes of one variant share a page. */
#include "hostile.h"

int main(void) {
    warm_up();
    const char *name = strcpy((char *)(uintptr_t)plan()->doorbells + PAGE / 2, "named");
    say(open(name, O_CREAT | O_WRONLY, 0600) < 0 ? strerrorname_np(errno) : "done");
    say("\n");
    return 0;
}
