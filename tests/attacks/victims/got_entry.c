/* A table is written at an index that is not checked: the global offset table lies before it. */
#include "victim.h"

static long table[16];

struct request {
    long index, value;
    char text[64];
};

int main(void) {
    struct request request;
    introduce();
    while (read_fully(&request, sizeof request) == sizeof request) {
        table[request.index] = request.value;
        request.text[sizeof request.text - 1] = 0;
        puts(request.text);
        fflush(stdout);
    }
    dprintf(1, "bye\n");
    return 0;
}
