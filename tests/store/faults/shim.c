/* LD_PRELOAD shim: counts the system calls that touch files below $FAULT_DIR, breaks the one
 * chosen with fault_arm(), and appends what was done to $FAULT_LOG for the power-loss replay.
 *
 * Kinds: 1 kill before, 2 kill after, 3 ENOSPC, 4 EIO, 5 short write, 6 half a write then kill,
 * 7 half a write then ENOSPC for every later write.
 */
#define _GNU_SOURCE
#include <dlfcn.h>
#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#define FDS 4096
static char *names[FDS];
static int fault_at, fault_kind, counter, full, log_fd = -1;
static pthread_mutex_t mutex = PTHREAD_MUTEX_INITIALIZER;

#define REAL(name) static __typeof__(&name) real; \
    if (!real) real = (__typeof__(&name))dlsym(RTLD_NEXT, #name)

void fault_arm(int at, int kind) { fault_at = at; fault_kind = kind; counter = 0; full = 0; }
int fault_count(void) { return counter; }
void fault_log(const char *path) {
    if (log_fd >= 0) close(log_fd);
    log_fd = path ? open(path, O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0600) : -1;
}
static void raw_write(int fd, const void *data, size_t size) {
    static ssize_t (*real)(int, const void *, size_t);
    if (!real) real = (ssize_t (*)(int, const void *, size_t))dlsym(RTLD_NEXT, "write");
    if (real(fd, data, size) != (ssize_t)size) abort();
}
/* One record: operation, fd or -1, offset, sizes of two byte strings, then these. */
static void note(char op, int fd, long offset, const void *a, size_t na, const void *b, size_t nb) {
    if (log_fd < 0) return;
    char head[96];
    int n = snprintf(head, sizeof head, "%c %d %ld %zu %zu\n", op, fd, offset, na, nb);
    pthread_mutex_lock(&mutex);
    raw_write(log_fd, head, n);
    if (na) raw_write(log_fd, a, na);
    if (nb) raw_write(log_fd, b, nb);
    pthread_mutex_unlock(&mutex);
}
void fault_mark(const char *text) { note('!', -1, 0, text, strlen(text), NULL, 0); }

static int below(const char *path) {
    const char *root = getenv("FAULT_DIR");
    return root && path && !strncmp(path, root, strlen(root));
}
static const char *name_of(int fd) { return fd >= 0 && fd < FDS ? names[fd] : NULL; }
static int hit(void) { return __sync_add_and_fetch(&counter, 1) == fault_at && fault_at; }
static void die(void) { kill(getpid(), SIGKILL); for (;;) pause(); }

/* Breaks a call that is no write; nonzero when it must fail with errno set. */
static int broken(int now) {
    if (!now) return 0;
    if (fault_kind == 1 || fault_kind == 6) die();
    if (fault_kind == 3) { errno = ENOSPC; return 1; }
    if (fault_kind == 4) { errno = EIO; return 1; }
    return 0;
}
static void after(int now) { if (now && fault_kind == 2) die(); }

static int opened(int fd, const char *path, int flags) {
    if (fd >= 0 && fd < FDS) { free(names[fd]); names[fd] = strdup(path); }
    if (fd >= 0) note(flags & O_CREAT ? 'c' : 'o', fd, flags & O_TRUNC ? 1 : 0, path, strlen(path), NULL, 0);
    return fd;
}
#define OPEN(name) \
int name(const char *path, int flags, ...) { \
    REAL(name); mode_t mode = 0; \
    if (flags & (O_CREAT | O_TMPFILE)) { va_list v; va_start(v, flags); mode = va_arg(v, mode_t); va_end(v); } \
    if (!below(path)) return real(path, flags, mode); \
    int now = hit(); if (broken(now)) return -1; \
    int fd = opened(real(path, flags, mode), path, flags); after(now); return fd; }
OPEN(open)
OPEN(open64)
#define OPENAT(name) \
int name(int at, const char *path, int flags, ...) { \
    REAL(name); mode_t mode = 0; \
    if (flags & (O_CREAT | O_TMPFILE)) { va_list v; va_start(v, flags); mode = va_arg(v, mode_t); va_end(v); } \
    if (!below(path)) return real(at, path, flags, mode); \
    int now = hit(); if (broken(now)) return -1; \
    int fd = opened(real(at, path, flags, mode), path, flags); after(now); return fd; }
OPENAT(openat)
OPENAT(openat64)

ssize_t write(int fd, const void *data, size_t size) {
    REAL(write);
    const char *name = name_of(fd);
    if (!name) return real(fd, data, size);
    if (full) { errno = ENOSPC; return -1; }
    int now = hit();
    size_t wanted = size;
    if (now && fault_kind >= 5 && size > 1) size /= 2;
    if (fcntl(fd, F_GETFL) & O_DIRECT) size &= ~4095L; /* as the kernel would */
    else if (broken(now)) return -1;
    long offset = lseek(fd, 0, fcntl(fd, F_GETFL) & O_APPEND ? SEEK_END : SEEK_CUR);
    ssize_t done = real(fd, data, size);
    if (done > 0) note('w', fd, offset, data, done, NULL, 0);
    after(now);
    if (now && wanted != size) { if (fault_kind == 6) die(); if (fault_kind == 7) full = 1; }
    return done;
}
int close(int fd) {
    REAL(close);
    if (name_of(fd)) { free(names[fd]); names[fd] = NULL; }
    return real(fd);
}
#define SYNC(name) \
int name(int fd) { \
    REAL(name); if (!name_of(fd)) return real(fd); \
    int now = hit(); if (broken(now)) return -1; \
    int r = real(fd); if (!r) note('s', fd, 0, NULL, 0, NULL, 0); after(now); return r; }
SYNC(fsync)
SYNC(fdatasync)
int rename(const char *from, const char *to) {
    REAL(rename); if (!below(to)) return real(from, to);
    int now = hit(); if (broken(now)) return -1;
    int r = real(from, to); if (!r) note('r', -1, 0, from, strlen(from), to, strlen(to));
    after(now); return r;
}
int unlink(const char *path) {
    REAL(unlink); if (!below(path)) return real(path);
    int now = hit(); if (broken(now)) return -1;
    int r = real(path); if (!r) note('u', -1, 0, path, strlen(path), NULL, 0);
    after(now); return r;
}
int flock(int fd, int operation) {
    REAL(flock); if (!name_of(fd)) return real(fd, operation);
    int now = hit(); if (broken(now)) return -1;
    int r = real(fd, operation); after(now); return r;
}
int fchmod(int fd, mode_t mode) {
    REAL(fchmod); if (!name_of(fd)) return real(fd, mode);
    int now = hit(); if (broken(now)) return -1;
    int r = real(fd, mode); after(now); return r;
}
int mkdir(const char *path, mode_t mode) {
    REAL(mkdir); if (!below(path)) return real(path, mode);
    int now = hit(); if (broken(now)) return -1;
    int r = real(path, mode); after(now); return r;
}
ssize_t read(int fd, void *data, size_t size) {
    REAL(read); if (!name_of(fd)) return real(fd, data, size);
    int now = hit(); if (broken(now)) return -1;
    ssize_t r = real(fd, data, size); after(now); return r;
}
