/* LD_PRELOAD shim: every fsync and fdatasync takes $SLOW_SYNC_US microseconds longer, as it
 * does on a disk that really waits for its medium. The real call is made as well. */
#define _GNU_SOURCE
#include <dlfcn.h>
#include <stdlib.h>
#include <unistd.h>

static void wait_for_the_medium(void) {
    const char *text = getenv("SLOW_SYNC_US");
    if (text) usleep((useconds_t)strtoul(text, NULL, 10));
}
static int forward(const char *name, int descriptor) {
    int (*real)(int) = (int (*)(int))dlsym(RTLD_NEXT, name);
    return real(descriptor);
}
int fsync(int descriptor) {
    wait_for_the_medium();
    return forward("fsync", descriptor);
}
int fdatasync(int descriptor) {
    wait_for_the_medium();
    return forward("fdatasync", descriptor);
}
