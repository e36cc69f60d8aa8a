/* Two threads that hand work to each other, with mutex and condition: one runs at a time. */
#include "check.h"
#include <pthread.h>

static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
static pthread_cond_t changed = PTHREAD_COND_INITIALIZER;
static int turn, count;

static void *play(void *argument) {
    int mine = *(int *)argument;
    for (int i = 0; i < 200; i++) {
        pthread_mutex_lock(&lock);
        while (turn != mine)
            pthread_cond_wait(&changed, &lock);
        if (i % 50 == 0)
            printf("player %d at %d\n", mine, count);
        count++;
        turn = !mine;
        pthread_cond_signal(&changed);
        pthread_mutex_unlock(&lock);
    }
    return NULL;
}

int main(void) {
    int numbers[] = {0, 1};
    pthread_t other;
    pthread_create(&other, NULL, play, &numbers[1]);
    play(&numbers[0]);
    pthread_join(other, NULL);
    check(count == 400, "400 turns");
    return 0;
}
