/* Randomness: lengths, flags, that it differs; the same in all variants, or the file would not be written. */
#include "check.h"
#include <sys/random.h>

int main(void) {
    unsigned char first[32], second[32], from_file[32];
    check(getrandom(first, sizeof first, 0) == 32 && getrandom(second, sizeof second, GRND_NONBLOCK) == 32,
          "getrandom");
    check(memcmp(first, second, sizeof first) != 0, "twice is not the same");
    check(getentropy(second, sizeof second) == 0, "getentropy");
    check_error(getrandom(first, 1, 0xff00), EINVAL, "unknown flags");
    int fd = open("/dev/urandom", O_RDONLY);
    check(read(fd, from_file, 32) == 32 && memcmp(first, from_file, 32) != 0, "/dev/urandom");
    FILE *file = fopen("random", "w");
    for (int i = 0; i < 32; i++)
        fprintf(file, "%02x%02x%02x", first[i], second[i], from_file[i]);
    check(fclose(file) == 0, "it can be written");
    return 0;
}
