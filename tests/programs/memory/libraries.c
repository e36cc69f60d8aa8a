/* dlopen, dlsym, dlclose, again and again; constructors, a missing library. */
#include "check.h"
#include <dlfcn.h>

int main(void) {
    int right = 0;
    for (int i = 0; i < 20; i++) {
        void *library = dlopen("libm.so.6", RTLD_NOW | RTLD_LOCAL);
        double (*power)(double, double) = library ? (double (*)(double, double))dlsym(library, "pow") : NULL;
        right += power && power(2, i) == (double)(1 << i);
        dlclose(library);
    }
    check(right == 20, "20 times");
    check(dlopen("libnonexistent.so", RTLD_NOW) == NULL, "a missing library");
    check(strstr(dlerror(), "cannot open shared object file") != NULL, "its message");
    Dl_info info;
    check(dladdr((void *)(uintptr_t)printf, &info) && strstr(info.dli_fname, "libc.so.6"), "dladdr");
    void *self = dlopen(NULL, RTLD_NOW);
    check(dlsym(self, "strlen") != NULL && dlsym(self, "no_such_symbol") == NULL, "dlsym");
    return 0;
}
