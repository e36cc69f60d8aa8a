/* A line from outside is used as a format: it prints what lies on the stack. */
#include "victim.h"

int main(void) {
    char line[128];
    introduce();
    if (fgets(line, sizeof line, stdin))
        printf(line);
    fflush(stdout);
    return 0;
}
