/* An object is used after it was freed; the next allocation of its size holds the attacker's bytes. */
#include "victim.h"

struct object {
    void (*describe)(void);
    char name[56];
};

static void describe(void) {
    dprintf(1, "an object\n");
}

int main(void) {
    struct object *object = malloc(sizeof *object);
    char *message;
    object->describe = describe;
    introduce();
    char command;
    while (read(0, &command, 1) == 1) {
        if (command == 'f')
            free(object);
        if (command == 'm' && (message = malloc(sizeof *object)))
            read_fully(message, sizeof *object);
        if (command == 'd')
            object->describe();
    }
    dprintf(1, "bye\n");
    return 0;
}
