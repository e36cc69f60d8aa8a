/* A program that does a little of everything, to be linked in every way there is. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

static int compare(const void *a, const void *b) {
    return *(const int *)a - *(const int *)b;
}

int main(int argc, char **argv) {
    char line[100];
    int numbers[500];
    char *big = malloc(1000000);
    memset(big, 'x', 999999);
    big[999999] = 0;
    for (int i = 0; i < 500; i++)
        numbers[i] = i * 7919 % 503;
    qsort(numbers, 500, sizeof *numbers, compare);
    printf("%d %s %zu %d %d\n", argc, argv[1], strlen(big), numbers[499], time(NULL) > 0);
    while (fgets(line, sizeof line, stdin))
        printf("<%s>", line);
    fprintf(stderr, "%s\n", getenv("HOME") ? "home" : "none");
    fflush(stdout);
    free(big);
    return system("echo child; exit 2") >> 8;
}
