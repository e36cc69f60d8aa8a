/* Descriptors sent over a local socket: files, pipes, several at once, between processes. */
#include "check.h"
#include <sys/socket.h>

static void send_fds(int over, const int *fds, int count) {
    char room[CMSG_SPACE(4 * sizeof(int))] = {0}, byte = 'f';
    struct iovec data = {&byte, 1};
    struct msghdr message = {.msg_iov = &data, .msg_iovlen = 1, .msg_control = room};
    message.msg_controllen = CMSG_SPACE((size_t)count * sizeof(int));
    struct cmsghdr *header = CMSG_FIRSTHDR(&message);
    header->cmsg_level = SOL_SOCKET;
    header->cmsg_type = SCM_RIGHTS;
    header->cmsg_len = CMSG_LEN((size_t)count * sizeof(int));
    memcpy(CMSG_DATA(header), fds, (size_t)count * sizeof(int));
    must(sendmsg(over, &message, 0), "sendmsg");
}

static int receive_fds(int over, int *fds, int flags) {
    char room[CMSG_SPACE(4 * sizeof(int))], byte;
    struct iovec data = {&byte, 1};
    struct msghdr message = {.msg_iov = &data, .msg_iovlen = 1, .msg_control = room, .msg_controllen = sizeof room};
    must(recvmsg(over, &message, flags), "recvmsg");
    struct cmsghdr *header = CMSG_FIRSTHDR(&message);
    if (!header || header->cmsg_type != SCM_RIGHTS)
        return 0;
    int count = (int)((header->cmsg_len - CMSG_LEN(0)) / sizeof(int));
    memcpy(fds, CMSG_DATA(header), (size_t)count * sizeof(int));
    return count;
}

int main(void) {
    int pair[2], ends[2], got[4], sent[3];
    char text[16] = "";
    must(socketpair(AF_UNIX, SOCK_STREAM, 0, pair), "socketpair");
    must(pipe(ends), "pipe");
    int file = (int)must(open("sent", O_RDWR | O_CREAT, 0600), "open");
    write(file, "content", 7);

    send_fds(pair[0], &file, 1);
    check(receive_fds(pair[1], got, 0) == 1, "one file");
    printf("as %d\n", got[0]);
    check(lseek(got[0], 0, SEEK_CUR) == 7 && pread(got[0], text, 7, 0) == 7, "with its offset");
    sent[0] = ends[0], sent[1] = ends[1], sent[2] = file;
    send_fds(pair[0], sent, 3);
    check(receive_fds(pair[1], got, MSG_CMSG_CLOEXEC) == 3, "three at once");
    printf("as %d %d %d\n", got[0], got[1], got[2]);
    check(fcntl(got[0], F_GETFD) == FD_CLOEXEC, "MSG_CMSG_CLOEXEC");
    write(got[1], "through", 7);
    check(read(ends[0], text, sizeof text) == 7 && memcmp(text, "through", 7) == 0, "a pipe works");

    pid_t child = fork();
    if (child == 0) {
        int inner[2];
        must(pipe(inner), "pipe");
        send_fds(pair[0], &inner[0], 1);
        write(inner[1], "from the child", 15);
        _exit(0);
    }
    check(receive_fds(pair[1], got, 0) == 1, "from a child");
    check(read(got[0], text, sizeof text) == 15 && strcmp(text, "from the child") == 0, "its pipe");
    report_end(child, "the child");
    close(pair[0]);
    check(read(pair[1], text, 1) == 0, "end");
    return 0;
}
