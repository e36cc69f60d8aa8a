/* Files and directories: creation, metadata, links, renames, times, holes, temporary files, errors. */
#include "check.h"
#include <dirent.h>
#include <linux/openat2.h>
#include <sys/stat.h>
#include <sys/statvfs.h>
#include <sys/vfs.h>

static int compare(const struct dirent **a, const struct dirent **b) {
    return strcmp((*a)->d_name, (*b)->d_name);
}

int main(void) {
    struct stat status;
    struct statx extended;
    struct statvfs system;
    struct dirent **entries;
    char text[64] = "";
    umask(022);
    must(mkdir("d", 0777), "mkdir");
    int directory = (int)must(open("d", O_RDONLY | O_DIRECTORY), "open");
    int fd = (int)must(openat(directory, "f", O_RDWR | O_CREAT | O_EXCL, 0666), "openat");
    check_error(openat(directory, "f", O_CREAT | O_EXCL, 0666), EEXIST, "O_EXCL");
    write(fd, "0123456789", 10);
    pwrite(fd, "end", 3, 100000);
    check(lseek(fd, 0, SEEK_CUR) == 10 && lseek(fd, 0, SEEK_END) == 100003 && lseek(fd, -3, SEEK_CUR) == 100000, "lseek");
    check(lseek(fd, 5000, SEEK_DATA) > 5000 && lseek(fd, 0, SEEK_HOLE) < 100000, "holes");
    struct timespec times[] = {{1, 2}, {3, 4}};
    futimens(fd, times);
    fstat(fd, &status);
    check(status.st_size == 100003 && status.st_mode == (S_IFREG | 0644) && status.st_mtim.tv_nsec == 4, "fstat");
    check(statx(directory, "f", 0, STATX_ALL, &extended) == 0 && extended.stx_size == 100003, "statx");
    check(linkat(directory, "f", AT_FDCWD, "d/g", 0) == 0 && stat("d/g", &status) == 0 && status.st_nlink == 2, "link");
    check(symlink("d/g", "s") == 0 && readlink("s", text, sizeof text) == 3 && memcmp(text, "d/g", 3) == 0, "symlink");
    check(lstat("s", &status) == 0 && S_ISLNK(status.st_mode), "lstat");
    check(rename("d/g", "d/h") == 0 && access("s", F_OK) == -1, "rename");
    check_error(renameat2(AT_FDCWD, "d/h", AT_FDCWD, "d/f", RENAME_NOREPLACE), EEXIST, "RENAME_NOREPLACE");
    int count = scandir("d", &entries, NULL, compare);
    for (int i = 0; i < count; i++)
        printf("%s ", entries[i]->d_name);
    puts("");
    check_error(rmdir("d"), ENOTEMPTY, "rmdir");
    check_error(unlink("d"), EISDIR, "unlink of a directory");
    check_error(open("d", O_WRONLY), EISDIR, "writing a directory");
    check_error(mkdir("d", 0777), EEXIST, "mkdir again");
    int temporary = open(".", O_TMPFILE | O_RDWR, 0600);
    check(temporary >= 0 && write(temporary, "x", 1) == 1, "O_TMPFILE");
    struct open_how how = {.flags = O_RDONLY, .resolve = RESOLVE_BENEATH};
    check_error(syscall(SYS_openat2, directory, "../s", &how, sizeof how), EXDEV, "openat2 keeps to its directory");
    check(syscall(SYS_openat2, directory, "f", &how, sizeof how) >= 0, "openat2");
    int path = open("d/f", O_PATH);
    check_error(read(path, text, 1), EBADF, "O_PATH can't be read");
    snprintf(text, sizeof text, "/proc/self/fd/%d", path);
    check(open(text, O_RDONLY) >= 0, "but opened again");
    check(fchdir(directory) == 0 && access("f", R_OK | W_OK) == 0, "fchdir");
    check(ftruncate(fd, 4) == 0 && pread(fd, text, 10, 0) == 4, "ftruncate");
    check(posix_fallocate(fd, 0, 1000) == 0 && fsync(fd) == 0 && fdatasync(fd) == 0, "fallocate, fsync");
    check(fchmod(fd, 0400) == 0 && fchown(fd, getuid(), getgid()) == 0, "fchmod, fchown");
    int flags = fcntl(fd, F_GETFL);
    check((flags & O_ACCMODE) == O_RDWR && fcntl(fd, F_SETFL, flags | O_APPEND) == 0, "F_SETFL");
    check(write(fd, "!", 1) == 1 && lseek(fd, 0, SEEK_CUR) == 1001, "O_APPEND");
    check(statvfs(".", &system) == 0 && system.f_bsize > 0, "statvfs");
    check(mkfifo("fifo", 0600) == 0 && stat("fifo", &status) == 0 && S_ISFIFO(status.st_mode), "mkfifo");
    check_error(open("fifo", O_WRONLY | O_NONBLOCK), ENXIO, "a fifo without reader");
    return 0;
}
