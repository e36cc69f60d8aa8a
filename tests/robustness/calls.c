/* calls N: makes N calls of many kinds that can be checked in the process, or approved, in an order that looks random, and looks at
   every result, while a timer rings and a child sends signals. Says "ready" and "done", and waits for a byte each time. */
#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <sched.h>
#include <signal.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/random.h>
#include <sys/resource.h>
#include <sys/select.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/statfs.h>
#include <sys/syscall.h>
#include <sys/sysinfo.h>
#include <sys/time.h>
#include <sys/times.h>
#include <sys/uio.h>
#include <sys/utsname.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

enum { WARM_UP = 3000, DATA = 8192 };
static volatile sig_atomic_t alarms, messages;
static unsigned char data[DATA], bytes[DATA];
static int file, ends[2], pair[2], zero;
static pid_t self, parent, group, session;
static uint64_t state = 88172645463325252ULL;
static char directory[4096];
static struct utsname machine;
static struct stat known;

static uint64_t random_number(void) {
    state ^= state << 13;
    state ^= state >> 7;
    state ^= state << 17;
    return state;
}

static void ring(int number) {
    (void)number;
    alarms++;
}

static void take(int number) {
    (void)number;
    messages++;
}

/* Each makes calls, says how many, and whether one was wrong. */
#define KIND(name) static int name(size_t length, size_t at)
#define WRONG (-1)

KIND(pipes) {
    if (write(ends[1], data + at, length) != (ssize_t)length || read(ends[0], bytes, length) != (ssize_t)length)
        return WRONG;
    return memcmp(bytes, data + at, length) == 0 ? 2 : WRONG;
}
KIND(vectors) {
    struct iovec out[3] = {{data + at, length / 3}, {data, 0}, {data + at + length / 3, length - length / 3}};
    struct iovec in[2] = {{bytes, length / 2}, {bytes + length / 2, length - length / 2}};
    if (writev(ends[1], out, 3) != (ssize_t)length || readv(ends[0], in, 2) != (ssize_t)length)
        return WRONG;
    return memcmp(bytes, data + at, length) == 0 ? 2 : WRONG;
}
KIND(sockets) {
    if (send(pair[0], data + at, length, 0) != (ssize_t)length)
        return WRONG;
    if (recv(pair[1], bytes, sizeof bytes, 0) != (ssize_t)length)
        return WRONG;
    return memcmp(bytes, data + at, length) == 0 ? 2 : WRONG;
}
KIND(file_parts) {
    if (pwrite(file, data + at, length, (off_t)at) != (ssize_t)length)
        return WRONG;
    if (pread(file, bytes, length, (off_t)at) != (ssize_t)length)
        return WRONG;
    return memcmp(bytes, data + at, length) == 0 ? 2 : WRONG;
}
KIND(file_vectors) {
    struct iovec out[2] = {{data + at, length / 2}, {data + at + length / 2, length - length / 2}};
    struct iovec in = {bytes, length};
    if (pwritev(file, out, 2, (off_t)at) != (ssize_t)length || preadv(file, &in, 1, (off_t)at) != (ssize_t)length)
        return WRONG;
    return memcmp(bytes, data + at, length) == 0 ? 2 : WRONG;
}
KIND(seeks) {
    if (lseek(file, (off_t)at, SEEK_SET) != (off_t)at || lseek(file, 0, SEEK_CUR) != (off_t)at)
        return WRONG;
    return lseek(file, -(off_t)length - 1, SEEK_SET) == -1 && errno == EINVAL ? 3 : WRONG;
}
KIND(zeros) {
    memset(bytes, 1, length);
    if (read(zero, bytes, length) != (ssize_t)length)
        return WRONG;
    return bytes[at % length] == 0 && bytes[length - 1] == 0 ? 1 : WRONG;
}
KIND(polls) {
    struct pollfd polled[2] = {{ends[0], POLLIN, 0}, {ends[1], POLLOUT, 0}};
    (void)at;
    int ready = length % 2 ? poll(polled, 2, 10) : poll(polled, 1, 0);
    if (ready == -1 && errno == EINTR)
        return 1; /* a signal counts for more than time that is over (do_poll, fs/select.c) */
    return ready == (int)(length % 2) && polled[0].revents == 0 ? 1 : WRONG;
}
KIND(selects) {
    struct timeval now = {0, 0};
    fd_set in, out;
    (void)length;
    (void)at;
    FD_ZERO(&in);
    FD_ZERO(&out);
    FD_SET(ends[0], &in);
    FD_SET(ends[1], &out);
    int ready = (int)syscall(SYS_select, ends[1] + 1, &in, &out, NULL, &now);
    if (ready == -1 && errno == EINTR)
        return 1;
    return ready == 1 && !FD_ISSET(ends[0], &in) && FD_ISSET(ends[1], &out) ? 1 : WRONG;
}
KIND(identities) {
    (void)length;
    (void)at;
    if (getpid() != self || getppid() != parent || syscall(SYS_gettid) != self)
        return WRONG;
    return getpgrp() == group && getpgid(0) == group && getsid(0) == session ? 6 : WRONG;
}
KIND(users) {
    uid_t real, effective, saved;
    (void)length;
    (void)at;
    if (getuid() != known.st_uid || geteuid() != known.st_uid || getgid() != getegid())
        return WRONG;
    return getresuid(&real, &effective, &saved) == 0 && real == effective && saved == real ? 5 : WRONG;
}
KIND(clocks) {
    struct timespec now, resolution;
    struct timeval day;
    static struct timespec before;
    (void)length;
    (void)at;
    if (clock_gettime(CLOCK_MONOTONIC, &now) != 0 || clock_getres(CLOCK_MONOTONIC, &resolution) != 0)
        return WRONG;
    if (now.tv_sec < before.tv_sec || (now.tv_sec == before.tv_sec && now.tv_nsec < before.tv_nsec))
        return WRONG;
    before = now;
    return resolution.tv_sec == 0 && gettimeofday(&day, NULL) == 0 && day.tv_sec > 0 && time(NULL) > 0 ? 4 : WRONG;
}
KIND(usages) {
    struct rusage used;
    struct tms spent;
    struct rlimit limit;
    (void)length;
    (void)at;
    if (getrusage(RUSAGE_SELF, &used) != 0 || used.ru_maxrss <= 0 || times(&spent) == (clock_t)-1)
        return WRONG;
    return getrlimit(RLIMIT_NOFILE, &limit) == 0 && limit.rlim_cur > 2 ? 3 : WRONG;
}
KIND(names) {
    struct utsname here;
    (void)length;
    (void)at;
    return uname(&here) == 0 && strcmp(here.release, machine.release) == 0 ? 1 : WRONG;
}
KIND(directories) {
    char here[4096];
    (void)length;
    (void)at;
    return syscall(SYS_getcwd, here, sizeof here) > 0 && strcmp(here, directory) == 0 ? 1 : WRONG;
}
KIND(states) {
    struct stat seen, also;
    (void)length;
    (void)at;
    if (fstat(file, &seen) != 0 || stat("data", &also) != 0 || lstat("data", &seen) != 0)
        return WRONG;
    return seen.st_ino == known.st_ino && also.st_ino == known.st_ino ? 3 : WRONG;
}
KIND(extended_states) {
    struct statx seen;
    (void)length;
    (void)at;
    if (statx(AT_FDCWD, "data", 0, STATX_BASIC_STATS, &seen) != 0 || seen.stx_ino != known.st_ino)
        return WRONG;
    return fstatat(AT_FDCWD, "nothing", &(struct stat){0}, 0) == -1 && errno == ENOENT ? 2 : WRONG;
}
KIND(rights) {
    (void)length;
    (void)at;
    if (access("data", R_OK) != 0)
        return WRONG;
    return access("nothing", F_OK) == -1 && errno == ENOENT ? 2 : WRONG;
}
KIND(links) {
    char target[64];
    (void)length;
    (void)at;
    return readlink("link", target, sizeof target) == 4 && memcmp(target, "data", 4) == 0 ? 1 : WRONG;
}
KIND(priorities) {
    (void)length;
    (void)at;
    if (sched_getscheduler(0) != SCHED_OTHER || sched_get_priority_max(SCHED_FIFO) != 99)
        return WRONG;
    errno = 0;
    return getpriority(PRIO_PROCESS, 0) >= -20 && errno == 0 ? 3 : WRONG;
}
KIND(systems) {
    struct sysinfo all;
    struct statfs files;
    (void)length;
    (void)at;
    return sysinfo(&all) == 0 && all.totalram > 0 && fstatfs(file, &files) == 0 && files.f_bsize > 0 ? 2 : WRONG;
}
KIND(socket_names) {
    struct sockaddr_storage name;
    socklen_t size = sizeof name;
    (void)length;
    (void)at;
    if (getsockname(pair[0], (struct sockaddr *)&name, &size) != 0 || name.ss_family != AF_UNIX)
        return WRONG;
    size = sizeof name;
    return getpeername(pair[1], (struct sockaddr *)&name, &size) == 0 && name.ss_family == AF_UNIX ? 2 : WRONG;
}
KIND(timers) {
    struct itimerval left;
    (void)length;
    (void)at;
    return getitimer(ITIMER_REAL, &left) == 0 && left.it_interval.tv_usec > 0 ? 1 : WRONG;
}
KIND(random_bytes) {
    (void)at;
    return getrandom(bytes, length, 0) == (ssize_t)length ? 1 : WRONG;
}
KIND(openings) {
    (void)length;
    int opened = open("data", O_RDWR | O_CLOEXEC), dead_end = open("nowhere", O_RDONLY);
    if (opened < 0 || dead_end >= 0 || errno != ENOENT || pread(opened, bytes, 1, (off_t)at) != 1)
        return WRONG;
    return close(opened) == 0 ? 4 : WRONG;
}
KIND(changes) {
    (void)at;
    if (mkdir("folder", 0700) != 0 || mkdir("folder", 0700) == 0 || errno != EEXIST || chmod("folder", 0500) != 0)
        return WRONG;
    return ftruncate(file, DATA) == 0 && rmdir("folder") == 0 && length > 0 ? 5 : WRONG;
}
KIND(errors) {
    (void)at;
    if (read(-1, bytes, length) != -1 || errno != EBADF || write(ends[1], (void *)64, length) != -1 || errno != EFAULT)
        return WRONG;
    return read(zero, (void *)64, length) == -1 && errno == EFAULT ? 3 : WRONG;
}

static int (*const kinds[])(size_t, size_t) = {
    pipes,  vectors, sockets, file_parts,  file_vectors, seeks,   zeros,      polls,   selects,      identities, users,        clocks,
    usages, names,   states,  directories, rights,       links,   priorities, systems, socket_names, timers,     random_bytes, extended_states,
    errors, openings, changes,
};

static void prepare(void) {
    for (size_t i = 0; i < DATA; i++)
        data[i] = (unsigned char)(i * 7 + i / 256);
    file = open("data", O_CREAT | O_RDWR | O_TRUNC, 0600);
    zero = open("/dev/zero", O_RDONLY);
    if (file < 0 || zero < 0 || symlink("data", "link") != 0 || write(file, data, DATA) != DATA ||
        fstat(file, &known) != 0 || pipe(ends) != 0 || socketpair(AF_UNIX, SOCK_DGRAM, 0, pair) != 0 ||
        syscall(SYS_getcwd, directory, sizeof directory) <= 0 || uname(&machine) != 0)
        exit(98);
    self = getpid();
    parent = getppid();
    group = getpgrp();
    session = getsid(0); /* 0 where its leader is in an outer namespace of processes */
}

/* A child that sends signals, by its own timer, until it is killed. */
static pid_t sender(void) {
    pid_t child = fork();
    if (child == 0) {
        struct itimerval often = {{0, 7000}, {0, 7000}};
        signal(SIGALRM, ring);
        setitimer(ITIMER_REAL, &often, NULL);
        for (;;) {
            pause();
            kill(self, SIGUSR1);
        }
    }
    return child;
}

static long make(long wanted) {
    long made = 0;
    while (made < wanted) {
        uint64_t number = random_number();
        size_t length = 1 + (number >> 8) % (number & 16 ? 4000 : 100), at = (number >> 24) % (DATA - length);
        int now = kinds[(number >> 48) % (sizeof kinds / sizeof *kinds)](length, at);
        if (now == WRONG) {
            printf("FAIL kind %d, length %zu, after %ld calls: %s\n",
                   (int)((number >> 48) % (sizeof kinds / sizeof *kinds)), length, made, strerrorname_np(errno));
            fflush(stdout);
            return -1;
        }
        made += now;
    }
    return made;
}

static void stop_here(const char *text) {
    char byte;
    if (write(STDOUT_FILENO, text, strlen(text)) < 0)
        exit(97);
    while (read(STDIN_FILENO, &byte, 1) == -1 && errno == EINTR)
        ;
}

int main(int count, char **arguments) {
    struct sigaction on_alarm = {.sa_handler = ring, .sa_flags = SA_RESTART};
    struct sigaction on_message = {.sa_handler = take, .sa_flags = SA_RESTART};
    struct itimerval often = {{0, 5000}, {0, 5000}};
    prepare();
    sigaction(SIGALRM, &on_alarm, NULL);
    sigaction(SIGUSR1, &on_message, NULL);
    setitimer(ITIMER_REAL, &often, NULL);
    pid_t child = sender();
    long good = make(WARM_UP);
    stop_here("ready\n");
    if (good > 0)
        good = make(count > 1 ? atol(arguments[1]) : 100000);
    while (good > 0 && (alarms == 0 || messages == 0))
        good = make(1000);
    stop_here("done\n");
    kill(child, SIGKILL);
    waitpid(child, NULL, 0);
    puts(good > 0 ? "all right" : "something was wrong");
    return good > 0 ? 0 : 1;
}
