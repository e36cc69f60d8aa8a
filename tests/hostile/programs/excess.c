/* excess CALL: the leader claims that a call has given more than the follower, which makes the same call, has asked for.
   Believed, the follower finds what lies behind its buffer overwritten, or goes behind it by itself; it says so, and so
   does the leader, who knows what will happen. */
#include "hostile.h"
#include <time.h>

enum { MUCH = 64, AHEAD = 4, SLOW = 44 /* offset of Notices::slow, crates/abi/src/ring/post.rs */ };

static struct {
    char buffer[16];
    char behind[MUCH];
} memory;

struct call {
    const char *name;
    long number, args[3];
    /* What gather makes of its arguments. */
    uint8_t inputs[16];
    size_t length;
    long result;
    /* Bytes of the one item that it gives. */
    uint32_t given;
    uint8_t flags;
};

static const struct call calls[] = {
    {"data", SYS_read, {0, (long)&memory.buffer, 16}, {0, 0, 0, 0, 1, 16}, 13, 16, MUCH, 0},
    {"result", SYS_read, {0, (long)&memory.buffer, 16}, {0, 0, 0, 0, 1, 16}, 13, MUCH, 16, 0},
    {"written", SYS_write, {1, (long)&memory.buffer, 0}, {1, 0, 0, 0, 1, 0}, 13, MUCH, 0, 0},
    {"structure", SYS_clock_gettime, {CLOCK_REALTIME, (long)&memory.buffer, 0}, {0, 0, 0, 0, 1}, 5, 0, MUCH, AHEAD},
};

static void forge(const struct call *call) {
    volatile struct post *own = post();
    uint32_t number = own->done, outputs = call->given ? 4 + call->given : 0;
    uint64_t at = own->at, inputs = (call->length + 7) & ~7UL;
    volatile uint64_t *record = records() + at / 8;
    uint8_t *payload = (uint8_t *)(uintptr_t)(record + 4);
    uint64_t bytes = (32 + inputs + ((outputs + 7) & ~7UL) + 48 + 63) / 64 * 64;
    memcpy(payload, call->inputs, call->length);
    memcpy(payload + inputs, &call->given, 4);
    memset(payload + inputs + 4, 'x', call->given);
    record[1] = (uint64_t)call->number | (uint64_t)call->flags << 32 | (uint64_t)(own->before / 64) << 48;
    record[2] = call->length | (uint64_t)outputs << 32;
    record[3] = (uint64_t)call->result;
    record[bytes / 8] = 0;
    own->before = (uint32_t)bytes;
    own->at = at + bytes;
    own->done = number + 1;
    volatile uint32_t *slow = (volatile uint32_t *)(context()->ring + SLOW);
    __atomic_store_n(record, (uint64_t)slow[0] << 32 | number << 2 | 2, __ATOMIC_SEQ_CST);
}

int main(int count, char **arguments) {
    const struct call *call = calls;
    while (count != 2 || strcmp(call->name, arguments[1]) != 0)
        if (count != 2 || ++call == calls + sizeof calls / sizeof *calls)
            return 95;
    warm_up();
    if (variant() == 0) {
        forge(call);
        say("believed\n");
        return 0;
    }
    long result = hot(call->number, call->args[0], call->args[1], call->args[2]);
    if (memory.behind[0] == 'x' || result == MUCH)
        say("believed\n");
    return 0;
}
