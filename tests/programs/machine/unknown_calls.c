/* Numbers and sub-commands that nobody knows fail as the kernel has it. */
#include "check.h"
#include <sys/ioctl.h>
#include <sys/prctl.h>
#include <sys/socket.h>

int main(void) {
    int value = 0, fd = socket(AF_UNIX, SOCK_STREAM, 0), file = open("/etc/passwd", O_RDONLY);
    socklen_t size = sizeof value;
    check_error(syscall(500, 1, 2, 3), ENOSYS, "number 500");
    check_error(syscall(100000, 1, 2, 3), ENOSYS, "number 100000");
    check_error(syscall(-1, 1, 2, 3), ENOSYS, "number -1");
    check_error(syscall(0x40000000 + SYS_getpid), ENOSYS, "a number of x32");
    check_error(syscall(SYS_afs_syscall), ENOSYS, "a call that never was");
    check_error(ioctl(file, 0xdeadbeef, &value), ENOTTY, "an unknown ioctl");
    check_error(ioctl(-1, 0xdeadbeef, &value), EBADF, "an unknown ioctl of nothing");
    check_error(fcntl(file, 12345, 0), EINVAL, "an unknown fcntl");
    check_error(prctl(123456, 0, 0, 0, 0), EINVAL, "an unknown prctl");
    check_error(syscall(SYS_arch_prctl, 0x9999, 0), EINVAL, "an unknown arch_prctl");
    check_error(getsockopt(fd, SOL_SOCKET, 9999, &value, &size), ENOPROTOOPT, "an unknown socket option");
    check_error(setsockopt(fd, SOL_SOCKET, 9999, &value, size), ENOPROTOOPT, "setting it");
    check_error(syscall(SYS_futex, &value, 77, 0, NULL, NULL, 0), ENOSYS, "an unknown futex operation");
    check_error(syscall(SYS_seccomp, 77, 0, NULL), EINVAL, "an unknown seccomp operation");
    check_error(lseek(file, 0, 77), EINVAL, "an unknown whence");
    check(getpid() > 0, "the program goes on");
    return 0;
}
