/* instructions ROUNDS QUIET KIND...: makes a marker and a call, again and again, and looks at what comes of it. A signal may come
   anywhere behind the marker. Of every kind of call there are so many rounds at most, and as few as it takes until so many
   pass without a signal; 0: signals mean nothing, so all rounds are made. */
#include "../programs/check.h"
#include <poll.h>
#include <setjmp.h>
#include <sys/stat.h>
#include <sys/time.h>
#include <sys/uio.h>
#include <ucontext.h>

#include "../programs/code.h"
#include "../programs/hot.h"

enum { RESCUED = 21, DISTURBED, QUERY_IN_CHILD, WRITE_IN_CHILD };
enum { MARKER = SYS_munlockall, BYTES = 48, LARGE = 300000, SPIN = 30000000, ALARM = 250, SOON = 50, FEW = 120 };
static const char FIFO[] = "fifo";
static volatile sig_atomic_t handled, others, again, wrong, leaves, rescues;
static int ends[2], ask[2], heard[2], zero;
static pid_t self;
static char out[BYTES], in[BYTES], large[LARGE];
static int restarts, begun, disturbances, alarm_comes = ALARM;
static sigjmp_buf outside;

/* It sees the program, where and as it is without an agent. What it does goes through the same place as what it
   interrupts. */
static void on_signal(int number, siginfo_t *info, void *context) {
    const greg_t *registers = ((ucontext_t *)context)->uc_mcontext.gregs;
    (void)info;
    wrong += !is_code((uintptr_t)registers[REG_RIP]) || (registers[REG_EFL] & 0x100) != 0; /* a debugger's flag */
    if (number == SIGUSR1)
        handled++;
    else if (number == SIGUSR2) {
        others++;
        wrong += write(heard[1], out, 1) != 1;
    } else if (number != SIGALRM)
        again++;
    /* Another signal may come to this handler while it is in the handler. */
    if (__atomic_exchange_n(&rescues, 0, __ATOMIC_RELAXED))
        wrong += write(ends[1], out, BYTES) != BYTES;
    wrong += hot(SYS_getpid, 0, 0, 0) != self;
    if (leaves)
        siglongjmp(outside, 1);
}

static void on(int number, int flags) {
    struct sigaction action = {.sa_sigaction = on_signal, .sa_flags = SA_SIGINFO | flags};
    must(sigaction(number, &action, NULL), "sigaction");
}

static void wrong_at(int line, int kind, long result) {
    printf("FAIL kind %d, line %d: %ld\n", kind, line, result);
    fflush(stdout);
    exit(1);
}

/* A call from a place of its own; the kind stands where the kernel does not look. */
static void mark(long kind) {
    register long r9 __asm__("r9") = kind;
    long result = MARKER;
    __asm__ volatile("syscall" : "+a"(result) : "r"(r9) : "rcx", "r11", "memory");
}

/* Behind the second of two calls that all variants make in the monitor, a signal that was sent before has come. */
static void meet(void) {
    for (int i = 0; i < 2; i++)
        syscall(SYS_personality, 0xffffffffL);
}

/* Whether the parent waits in read, open or poll: proc_pid_syscall(5). */
static int parent_waits(void) {
    char path[64], text[16] = "";
    snprintf(path, sizeof path, "/proc/%d/syscall", (int)getppid());
    int file = open(path, O_RDONLY);
    ssize_t got = file < 0 ? -1 : read(file, text, sizeof text - 1);
    close(file);
    return got > 1 && strchr("027", text[0]) && text[1] == ' ';
}

static void fill(void) {
    must(write(ends[1], out, BYTES), "write");
}

/* A child that writes ('w') when the parent waits, or sends a signal ('k'), or sends one and then writes ('s'), or writes
   what sends one ('d'), or opens the FIFO ('f'), until the next wish: the parent's own opening may be interrupted. It need
   not wait when there is another wish ('x'). Behind a signal it goes on when that has been handled: otherwise the scheduler
   chooses whether the interrupted read still has the data, and the way that it seldom chooses is not met again. */
static void helper(void) {
    struct pollfd next = {ask[0], POLLIN, 0};
    char wish, answer;
    int fifo = -1;
    while (read(ask[0], &wish, 1) == 1) {
        close(fifo);
        fifo = -1;
        for (int i = 0; wish != 'x' && i < 200 && !parent_waits() && poll(&next, 1, 0) == 0; i++)
            usleep(100);
        if (wish == 's' || wish == 'k')
            kill(getppid(), SIGUSR2);
        if (wish == 'd')
            fill();
        if (strchr("skd", wish))
            must(read(heard[0], &answer, 1), "read in the helper");
        if (wish == 's' || wish == 'w')
            fill();
        if (wish == 'f')
            fifo = (int)must(open(FIFO, O_WRONLY), "open in the helper");
    }
    _exit(0);
}

static void wish(char what) {
    must(write(ask[1], &what, 1), "write to the helper");
}

/* What was written is there, once. */
static int drained(void) {
    char more[2 * BYTES];
    return read(ends[0], more, sizeof more) == BYTES && memcmp(more, out, BYTES) == 0;
}

static int same(void) {
    int good = memcmp(in, out, BYTES) == 0;
    memset(in, 0, BYTES);
    return good;
}

/* Kinds: what comes before the marker, the call, and whether its result is right. */
static void nothing(void) {}
static long query(void) { return hot(SYS_getpid, 0, 0, 0); }
static int queried(long result) { return result == self; }
static long take(void) { return hot(SYS_read, ends[0], (long)in, BYTES); }
static int taken(long result) { return result == BYTES && same(); }
static void later(void) { wish('w'); }
static void disturbed(void) { wish('s'); }
static int taken_at_last(long result) {
    while (result == -EINTR && !restarts)
        result = take();
    return taken(result);
}

/* The kernel sends a signal with the data, in one call: the read that waits has both. */
static void signal_with_data(int flags) {
    must(fcntl(ends[0], F_SETFL, flags), "fcntl");
}
static void both(void) {
    signal_with_data(O_ASYNC);
    wish('d');
}
static int taken_with_signal(long result) {
    int good = taken_at_last(result);
    signal_with_data(0);
    return good;
}
static long give(void) { return hot(SYS_write, ends[1], (long)out, BYTES); }
static int given(long result) { return result == BYTES && drained(); }
static long gather(void) {
    struct iovec parts[3] = {{out, 5}, {out, 0}, {out + 5, BYTES - 5}};
    return hot(SYS_writev, ends[1], (long)parts, 3);
}
static long unreadable(void) { return hot(SYS_write, ends[1], 64, BYTES); }
static long unwritable(void) { return hot(SYS_read, ends[0], 64, BYTES); }
static int refused(long result) { return result == -EFAULT; }
static int refused_and_there(long result) { return refused(result) && drained(); }
static long nowhere(void) { return hot(SYS_read, -1, (long)in, BYTES); }
static int not_open(long result) { return result == -EBADF; }

static long large_take(void) { return hot(SYS_read, zero, (long)large, LARGE); }
static int large_taken(long result) {
    /* It ends early when a signal comes (read_zero, drivers/char/mem.c). */
    long zeros = 0;
    while (zeros < LARGE && large[zeros] == 0)
        zeros++;
    memset(large, 1, LARGE);
    return result > 0 && zeros == result;
}
static long await(void) {
    struct pollfd wanted = {ends[0], POLLIN, 0};
    return hot(SYS_poll, (long)&wanted, 1, 20000);
}
static int awaited(long result) {
    while (result == -EINTR) /* whatever the handler's flags, signal(7) */
        result = await();
    return result == 1 && drained();
}
static long monitored(void) { return hot(SYS_personality, 0xffffffffL, 0, 0); }
static int found_out(long result) { return result >= 0; }

/* The handler jumps out of it. */
static void leave(void) { leaves = 1; }
static int queried_or_left(long result) { leaves = 0; return result == -EINTR || queried(result); }
static int given_or_left(long result) {
    struct pollfd wanted = {ends[0], POLLIN, 0};
    leaves = 0;
    return result == -EINTR ? poll(&wanted, 1, 0) == 0 || drained() : given(result);
}

/* The signal is blocked as long as the call lasts. */
static void hold(void) {
    sigset_t held;
    sigemptyset(&held);
    sigaddset(&held, SIGUSR1);
    sigprocmask(SIG_BLOCK, &held, NULL);
}
static int given_and_let(long result) {
    sigset_t none;
    sigemptyset(&none);
    return given(result) && sigprocmask(SIG_SETMASK, &none, NULL) == 0;
}

/* Nobody but the handler writes, and if the signal does not come, the alarm does: that must not come first. Where signals
   mean nothing it ends every call. */
static void set_alarm(long milliseconds) {
    struct itimerval once = {{0, 0}, {0, milliseconds * 1000}};
    must(setitimer(ITIMER_REAL, &once, NULL), "setitimer");
}
static void rescue(void) {
    rescues = 1;
    set_alarm(alarm_comes);
}
static int rescued(long result) {
    set_alarm(0);
    return taken(result);
}

/* The same, with a signal that comes while it waits. */
static void rescue_with_signal(void) {
    rescues = 1;
    wish('k');
}
static int rescued_and_disturbed(long result) {
    wish('x');
    while (others == disturbances)
        usleep(100);
    return taken(result);
}

/* No call follows: the signal comes to the program while it computes. */
static int queried_and_no_more(long result) {
    for (volatile long i = 0; i < SPIN && handled == begun; i++)
        ;
    return queried(result);
}

static long doze(void) {
    return hot(SYS_nanosleep, (long)&(struct timespec){0, 1000000}, 0, 0);
}
static int dozed(long result) { return result == 0 || result == -EINTR; }

static long breed(void) {
    long child = hot(SYS_fork, 0, 0, 0);
    if (child == 0)
        _exit(7);
    return child;
}
static int bred(long child) {
    int status;
    return waitpid((pid_t)child, &status, 0) == child && WIFEXITED(status) && WEXITSTATUS(status) == 7;
}

/* The leader alone stops in the monitor. */
static long get(void) { return hot(SYS_open, (long)"/dev/null", O_RDWR, 0); }
static int got(long result) { return result > 0 && close((int)result) == 0; }
static void met_later(void) { wish('f'); }
static long meet_at_fifo(void) { return hot(SYS_open, (long)FIFO, O_RDONLY, 0); }
static int met(long result) {
    while (result == -EINTR && !restarts)
        result = meet_at_fifo();
    return got(result);
}

/* A child of its own for every call, which the signal ends. */
static long in_child(long kind, long (*call)(void), int (*right)(long)) {
    pid_t child = (pid_t)must(fork(), "fork");
    int status;
    if (child == 0) {
        self = getpid();
        signal(SIGUSR1, SIG_DFL);
        for (int i = 0; i < 3; i++) /* it gets a ring of its own */
            query();
        mark(kind);
        int good = right(call());
        meet();
        _exit(good ? 0 : 1);
    }
    must(waitpid(child, &status, 0), "waitpid");
    handled += WIFSIGNALED(status) && WTERMSIG(status) == SIGUSR1;
    return WIFSIGNALED(status) || WEXITSTATUS(status) == 0 ? 0 : status;
}
static long ended_query(void) { return in_child(QUERY_IN_CHILD, query, queried); }
static long ended_write(void) { return in_child(WRITE_IN_CHILD, give, given); }
static int ended(long result) { return result == 0; }
static int ended_and_drained(long result) {
    struct pollfd wanted = {ends[0], POLLIN, 0};
    return result == 0 && (poll(&wanted, 1, 0) == 0 || drained());
}

/* All registers are as they were. */
static long marked(void) {
    static unsigned long after[6];
    static unsigned char vectors[2][256] __attribute__((aligned(16)));
    unsigned long flags = 0;
    long result;
    for (int i = 0; i < 256; i++)
        vectors[0][i] = (unsigned char)(i * 7);
#define EACH(do) do(0) do(1) do(2) do(3) do(4) do(5) do(6) do(7) do(8) do(9) do(10) do(11) do(12) do(13) do(14) do(15)
#define IN(n) "movaps 16*" #n "(%[in]), %%xmm" #n "\n\t"
#define OUT(n) "movaps %%xmm" #n ", 16*" #n "(%[out])\n\t"
    __asm__ volatile(EACH(IN) "mov $39, %%eax\n\t"
                     "mov $0x4444, %%edx\n\tmov $0x5555, %%r8d\n\tmov $0x6666, %%r9d\n\tmov $0x7777, %%r10d\n\t"
                     "mov $0x8888, %%r12d\n\tmov $0x9999, %%r13d\n\tstc\n\tstd\n\t"
                     "syscall\n\tnop\n\tnop\n\tnop\n\t"
                     "pushfq\n\tcld\n\tpop %[flags]\n\t" EACH(OUT)
                     "mov %%rdx, (%[after])\n\tmov %%r8, 8(%[after])\n\tmov %%r9, 16(%[after])\n\t"
                     "mov %%r10, 24(%[after])\n\tmov %%r12, 32(%[after])\n\tmov %%r13, 40(%[after])\n\t"
                     : "=a"(result), [flags] "=&r"(flags)
                     : [in] "D"(vectors[0]), [out] "S"(vectors[1]), [after] "b"(after)
                     : "rcx", "r11", "rdx", "r8", "r9", "r10", "r12", "r13", "memory", "cc", "xmm0", "xmm1", "xmm2",
                       "xmm3", "xmm4", "xmm5", "xmm6", "xmm7", "xmm8", "xmm9", "xmm10", "xmm11", "xmm12", "xmm13",
                       "xmm14", "xmm15");
    for (unsigned long i = 0; i < 6; i++)
        wrong += after[i] != 0x4444 + i * 0x1111;
    wrong += (flags & 0x501) != 0x401 || memcmp(vectors[0], vectors[1], sizeof vectors[0]) != 0;
    memset(vectors[1], 0, sizeof vectors[1]);
    return result;
}

static const struct {
    const char *name;
    void (*prepare)(void);
    long (*call)(void);
    int (*right)(long);
    int restarts;
} kinds[] = {
    {"query", nothing, query, queried, 1},
    {"read", fill, take, taken, 1},
    {"waiting read", later, take, taken_at_last, 1},
    {"waiting read that ends", later, take, taken_at_last, 0},
    {"disturbed read", disturbed, take, taken_at_last, 1},
    {"disturbed read that ends", disturbed, take, taken_at_last, 0},
    {"write", nothing, give, given, 1},
    {"writev", nothing, gather, given, 1},
    {"write of nothing readable", nothing, unreadable, refused, 1},
    {"read to nothing writable", fill, unwritable, refused_and_there, 1},
    {"read of no file", nothing, nowhere, not_open, 1},
    {"large read", nothing, large_take, large_taken, 1},
    {"waiting poll", later, await, awaited, 1},
    {"call for the monitor", nothing, monitored, found_out, 1},
    {"query that is left", leave, query, queried_or_left, 1},
    {"write that is left", leave, give, given_or_left, 1},
    {"write with the signal blocked", hold, give, given_and_let, 1},
    {"query with marks in registers", nothing, marked, queried, 1},
    {"query and no call behind it", nothing, query, queried_and_no_more, 1},
    {"sleep", nothing, doze, dozed, 1},
    {"fork", nothing, breed, bred, 1},
    {"read that the handler ends", rescue, take, rescued, 1},
    {"read that ends by another signal", rescue_with_signal, take, rescued_and_disturbed, 1},
    {"query in a child that ends", nothing, ended_query, ended, 1},
    {"write in a child that ends", nothing, ended_write, ended_and_drained, 1},
    {"open", nothing, get, got, 1},
    {"waiting open", met_later, meet_at_fifo, met, 1},
    {"waiting open that ends", met_later, meet_at_fifo, met, 0},
    {"read whose data come with a signal", both, take, taken_with_signal, 1},
};

/* One round; whether a signal came. */
static int round_of(int kind) {
    int before = begun = handled;
    disturbances = others;
    kinds[kind].prepare();
    volatile long result = -EINTR;
    if (sigsetjmp(outside, 1) == 0) {
        if (kind != QUERY_IN_CHILD && kind != WRITE_IN_CHILD) /* children mark for themselves */
            mark(kind);
        result = kinds[kind].call();
    }
    if (!kinds[kind].right(result))
        wrong_at(__LINE__, kind, result);
    meet();
    if (wrong || handled - before > 1)
        wrong_at(__LINE__, kind, handled - before);
    int disturbs = kinds[kind].prepare == disturbed || kinds[kind].prepare == both || kind == DISTURBED;
    if (others - disturbances != disturbs)
        wrong_at(__LINE__, kind, others - disturbances);
    return handled - before;
}

static void rounds_of(int kind, long most, long enough) {
    int blind = enough == 0;
    long quiet = 0, rounds = 0, signals = 0, before = again;
    restarts = kinds[kind].restarts;
    on(SIGUSR1, restarts ? SA_RESTART : 0);
    on(SIGUSR2, restarts ? SA_RESTART : 0);
    on(SIGRTMIN, restarts ? SA_RESTART : 0);
    on(SIGALRM, SA_RESTART);
    if (kind == RESCUED && blind)
        alarm_comes = SOON; /* nothing else ends these calls */
    else if (kind == RESCUED && enough > FEW)
        enough = FEW; /* each takes as long as the alarm. Instructions that are not met, some 30, make three each, mostly
                         in a row at the end. */
    for (; rounds < most && (blind || quiet < enough); rounds++) {
        int came = round_of(kind);
        quiet = came ? 0 : quiet + 1;
        signals += came;
    }
    printf("%d %s: %ld signals, %ld more\n", kind, kinds[kind].name, signals, again - before);
    fflush(stdout);
}

int main(int count, char **arguments) {
    long most = count > 1 ? atol(arguments[1]) : 3, enough = count > 2 ? atol(arguments[2]) : 2;
    self = getpid();
    for (int i = 0; i < BYTES; i++)
        out[i] = (char)('a' + i % 26);
    must(pipe(ends), "pipe");
    must(pipe(ask), "pipe");
    must(pipe(heard), "pipe");
    must(fcntl(ends[0], F_SETOWN, self), "fcntl");
    must(fcntl(ends[0], F_SETSIG, SIGUSR2), "fcntl");
    must(mkfifo(FIFO, 0600), "mkfifo");
    /* The helper finds a reader, also when the parent has gone on to another kind: it met the helper's former opening. */
    must(open(FIFO, O_RDONLY | O_NONBLOCK), "open");
    zero = (int)must(open("/dev/zero", O_RDONLY), "open");
    note_code();
    pid_t child = (pid_t)must(fork(), "fork");
    if (child == 0) {
        close(ask[1]);
        close(heard[1]);
        helper();
    }
    heat();
    for (int kind = 0; count <= 3 && kind < (int)(sizeof kinds / sizeof *kinds); kind++)
        rounds_of(kind, most, enough);
    for (int i = 3; i < count; i++)
        rounds_of(atoi(arguments[i]), most, enough);
    close(ask[1]);
    report_end(child, "the helper");
    return 0;
}
