/* Makes calls that change files fail, or sends a signal, at the n-th call. Loaded with LD_PRELOAD.
 *
 * Only calls on paths below one folder count, so that Python's own files are left alone. Counters
 * live in a small file that every process of a run maps: they go on counting across processes. A
 * process is the `client`, the first one, or a `child`, anything that a process of the run executes;
 * each role has counters of its own. tests/faults/shim.py writes the file and the environment:
 *
 *   HEADRACE_FAULT_CONTROL  the mapped file: struct control
 *   HEADRACE_FAULT_BELOW    the folder, absolute
 *   HEADRACE_FAULT_ROLE     client or child; execve passes `child` on, with LD_PRELOAD and the rest,
 *                           whatever environment the caller chose
 *   HEADRACE_FAULT_PLAN     "ROLE KIND N ACTION VALUE LASTING"; without it calls are only counted
 *
 * ACTION 0: the call fails with errno VALUE. From then on every call whose kind is a bit of LASTING
 * fails as well, in every process. A write that fails for want of room takes half of its bytes first.
 * ACTION 1: signal VALUE goes to the process itself before the call; SIGKILL in the middle of a write.
 * ACTION 2: signal VALUE goes to the client, whoever calls; then the call goes on.
 *
 * Not seen: stdio of C (fopen, fwrite), mmap and direct system calls. headrace uses none for files.
 */
#define _GNU_SOURCE
#include <alloca.h>
#include <dlfcn.h>
#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <signal.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <sys/types.h>
#include <sys/uio.h>
#include <unistd.h>

enum kind { WRITE, SYNC, RENAME, MAKE, OPEN, CLOSE, REMOVE, NOREPLACE, ANY, KINDS };
enum role { CLIENT, CHILD, ROLES };
enum action { FAIL, SIGNAL_SELF, SIGNAL_CLIENT };
enum { PATH = 4096 };

struct control {
    _Atomic uint64_t seen[ROLES][KINDS];
    _Atomic uint64_t fired;
    _Atomic uint64_t client;
};

static struct control *control;
static char below[PATH];
static size_t below_length;
static int role = CHILD, planned, plan_role, plan_kind, plan_action, plan_value;
static unsigned long long plan_at;
static unsigned plan_lasting;
static pid_t self;

#define REAL(name, ...) \
    static __typeof__(name) *real; \
    if (!real) real = (__typeof__(name) *)dlsym(RTLD_NEXT, #name)

static void forked(void) { self = getpid(); }

__attribute__((constructor)) static void set_up(void) {
    const char *path = getenv("HEADRACE_FAULT_CONTROL"), *folder = getenv("HEADRACE_FAULT_BELOW");
    const char *mine = getenv("HEADRACE_FAULT_ROLE"), *plan = getenv("HEADRACE_FAULT_PLAN");
    if (!path || !folder || strlen(folder) >= PATH) return;
    int file = open(path, O_RDWR | O_CLOEXEC);
    if (file < 0) return;
    void *map = mmap(NULL, sizeof *control, PROT_READ | PROT_WRITE, MAP_SHARED, file, 0);
    close(file);
    if (map == MAP_FAILED) return;
    below_length = strlen(strcpy(below, folder));
    role = mine && !strcmp(mine, "client") ? CLIENT : CHILD;
    planned = plan && sscanf(plan, "%d %d %llu %d %d %u", &plan_role, &plan_kind, &plan_at,
                             &plan_action, &plan_value, &plan_lasting) == 6;
    self = getpid();
    pthread_atfork(NULL, NULL, forked); /* vfork calls no such handler */
    control = map;
    if (role == CLIENT) control->client = (uint64_t)self;
}

/* A relative path is relative to a folder that is open, or to the working folder. */
static int path_counts(int folder, const char *path) {
    char full[2 * PATH], link[64];
    if (!path || strlen(path) >= PATH) return 0;
    if (*path == '/') {
        strcpy(full, path);
    } else {
        if (folder == AT_FDCWD) strcpy(link, "/proc/self/cwd");
        else snprintf(link, sizeof link, "/proc/self/fd/%d", folder);
        ssize_t length = readlink(link, full, PATH - 1);
        if (length < 0) return 0;
        full[length] = '/';
        strcpy(full + length + 1, path);
    }
    return !strncmp(full, below, below_length) && (!full[below_length] || full[below_length] == '/');
}

static int file_counts(int file) {
    char link[64], full[PATH];
    snprintf(link, sizeof link, "/proc/self/fd/%d", file);
    ssize_t length = readlink(link, full, PATH - 1);
    if (length < 0) return 0;
    full[length] = 0; /* of a pipe or socket it is no path */
    return *full == '/' && path_counts(AT_FDCWD, full);
}

/* Between vfork and exec the process is not yet one of its own. */
static int watching(void) { return control && getpid() == self; }

/* Returns the errno with which the call has to fail, or 0. */
static int faulty(enum kind kind) {
    uint64_t of_kind = ++control->seen[role][kind];
    uint64_t of_all = kind == NOREPLACE ? 0 : ++control->seen[role][ANY];
    if (!planned) return 0;
    if (control->fired) return plan_action == FAIL && plan_lasting >> kind & 1 ? plan_value : 0;
    uint64_t count = plan_kind == ANY ? of_all : plan_kind == (int)kind ? of_kind : 0;
    if (role != plan_role || count != plan_at) return 0;
    control->fired = 1;
    if (plan_action == FAIL) return plan_value;
    if (plan_action == SIGNAL_CLIENT) kill((pid_t)control->client, plan_value);
    return plan_action == SIGNAL_SELF ? -1 : 0;
}

static int fails(enum kind kind) {
    int saved = errno, error = faulty(kind);
    if (error < 0) kill(getpid(), plan_value), error = 0;
    errno = error ? error : saved;
    return error != 0;
}

/* How many bytes of a write go through; -1: none, and errno says why. */
static ssize_t allowed(int file, size_t wanted, ssize_t (*half)(int, const void *, size_t, off_t),
                       const void *bytes, off_t offset) {
    if (!watching() || !file_counts(file)) return (ssize_t)wanted;
    int saved = errno, first = !control->fired, error = faulty(WRITE);
    errno = saved;
    if (error < 0) {
        if (half && plan_value == SIGKILL) half(file, bytes, wanted / 2, offset);
        kill(getpid(), plan_value);
        return (ssize_t)wanted;
    }
    if (!error) return (ssize_t)wanted;
    if (first && plan_lasting >> WRITE & 1 && wanted > 1) return (ssize_t)(wanted / 2);
    errno = error;
    return -1;
}

static ssize_t half_write(int file, const void *bytes, size_t count, off_t offset) {
    REAL(write);
    (void)offset;
    return real(file, bytes, count);
}

static ssize_t half_pwrite(int file, const void *bytes, size_t count, off_t offset) {
    REAL(pwrite);
    return real(file, bytes, count, offset);
}

ssize_t write(int file, const void *bytes, size_t count) {
    REAL(write);
    ssize_t room = allowed(file, count, half_write, bytes, 0);
    return room < 0 ? -1 : real(file, bytes, (size_t)room);
}

#define PWRITE(name, offset_type) \
    ssize_t name(int file, const void *bytes, size_t count, offset_type offset) { \
        REAL(name); \
        ssize_t room = allowed(file, count, half_pwrite, bytes, (off_t)offset); \
        return room < 0 ? -1 : real(file, bytes, (size_t)room, offset); \
    }
PWRITE(pwrite, off_t)
PWRITE(pwrite64, off64_t)

ssize_t writev(int file, const struct iovec *pieces, int count) {
    REAL(writev);
    size_t wanted = 0;
    for (int index = 0; index < count; index++) wanted += pieces[index].iov_len;
    ssize_t room = allowed(file, wanted, NULL, NULL, 0);
    if (room >= 0 && (size_t)room < wanted && count > 0) return real(file, pieces, 1);
    return room < 0 ? -1 : real(file, pieces, count);
}

#define SENDFILE(name, offset_type) \
    ssize_t name(int out, int in, offset_type *offset, size_t count) { \
        REAL(name); \
        ssize_t room = allowed(out, count, NULL, NULL, 0); \
        return room < 0 ? -1 : real(out, in, offset, (size_t)room); \
    }
SENDFILE(sendfile, off_t)
SENDFILE(sendfile64, off64_t)

ssize_t copy_file_range(int in, off64_t *from, int out, off64_t *to, size_t count, unsigned flags) {
    REAL(copy_file_range);
    ssize_t room = allowed(out, count, NULL, NULL, 0);
    return room < 0 ? -1 : real(in, from, out, to, (size_t)room, flags);
}

#define ON_FILE(name, kind) \
    int name(int file) { \
        REAL(name); \
        return watching() && file_counts(file) && fails(kind) ? -1 : real(file); \
    }
ON_FILE(fsync, SYNC)
ON_FILE(fdatasync, SYNC)

/* The file is closed even when that tells of an error, as Linux does. */
int close(int file) {
    REAL(close);
    int saved = errno, failed = 0;
    if (watching()) {
        int flags = fcntl(file, F_GETFL);
        errno = saved;
        if (flags >= 0 && (flags & O_ACCMODE) != O_RDONLY && file_counts(file)) failed = fails(CLOSE);
        if (failed) saved = errno;
    }
    int result = real(file);
    if (failed) errno = saved;
    return failed ? -1 : result;
}

#define COUNTS(folder, path) (watching() && path_counts(folder, path))
#define ON_PATH(name, kind, folder, path, parameters, arguments) \
    int name parameters { \
        REAL(name); \
        return COUNTS(folder, path) && fails(kind) ? -1 : real arguments; \
    }
ON_PATH(rename, RENAME, AT_FDCWD, to, (const char *from, const char *to), (from, to))
ON_PATH(renameat, RENAME, folder, to, (int old, const char *from, int folder, const char *to),
        (old, from, folder, to))
ON_PATH(link, RENAME, AT_FDCWD, to, (const char *from, const char *to), (from, to))
ON_PATH(linkat, RENAME, folder, to, (int old, const char *from, int folder, const char *to, int flags),
        (old, from, folder, to, flags))
ON_PATH(mkdir, MAKE, AT_FDCWD, path, (const char *path, mode_t mode), (path, mode))
ON_PATH(mkdirat, MAKE, folder, path, (int folder, const char *path, mode_t mode), (folder, path, mode))
ON_PATH(symlink, MAKE, AT_FDCWD, path, (const char *to, const char *path), (to, path))
ON_PATH(symlinkat, MAKE, folder, path, (const char *to, int folder, const char *path), (to, folder, path))
ON_PATH(unlink, REMOVE, AT_FDCWD, path, (const char *path), (path))
ON_PATH(rmdir, REMOVE, AT_FDCWD, path, (const char *path), (path))
ON_PATH(unlinkat, REMOVE, folder, path, (int folder, const char *path, int flags), (folder, path, flags))

int renameat2(int old, const char *from, int folder, const char *to, unsigned flags) {
    REAL(renameat2);
    if (COUNTS(folder, to) && ((flags && fails(NOREPLACE)) || fails(RENAME))) return -1;
    return real(old, from, folder, to, flags);
}

#define CREATES(flags) ((flags) & O_CREAT || ((flags) & O_TMPFILE) == O_TMPFILE)
#define MODE(flags) \
    mode_t mode = 0; \
    if (CREATES(flags)) { \
        va_list rest; \
        va_start(rest, flags); \
        mode = va_arg(rest, mode_t); \
        va_end(rest); \
    }
#define OPEN_PATH(name) \
    int name(const char *path, int flags, ...) { \
        REAL(name); \
        MODE(flags) \
        if (CREATES(flags) && COUNTS(AT_FDCWD, path) && fails(OPEN)) return -1; \
        return real(path, flags, mode); \
    }
#define OPEN_AT(name) \
    int name(int folder, const char *path, int flags, ...) { \
        REAL(name); \
        MODE(flags) \
        if (CREATES(flags) && COUNTS(folder, path) && fails(OPEN)) return -1; \
        return real(folder, path, flags, mode); \
    }
OPEN_PATH(open)
OPEN_PATH(open64)
OPEN_AT(openat)
OPEN_AT(openat64)

/* Called between vfork and exec: the stack is all that may be used. */
int execve(const char *path, char *const arguments[], char *const environment[]) {
    REAL(execve);
    static const char *const ours[] = {"LD_PRELOAD", "HEADRACE_FAULT_CONTROL", "HEADRACE_FAULT_BELOW",
                                       "HEADRACE_FAULT_PLAN"};
    if (!control) return real(path, arguments, environment);
    size_t count = 0, added = 0;
    while (environment && environment[count]) count++;
    char **all = alloca((count + 6) * sizeof *all);
    for (size_t index = 0; index < count; index++)
        if (strncmp(environment[index], "LD_PRELOAD=", 11) && strncmp(environment[index], "HEADRACE_FAULT_", 15))
            all[added++] = environment[index];
    for (size_t index = 0; index < sizeof ours / sizeof *ours; index++) {
        const char *value = getenv(ours[index]);
        if (!value) continue;
        char *entry = alloca(strlen(ours[index]) + strlen(value) + 2);
        strcpy(entry, ours[index]);
        strcat(strcat(entry, "="), value);
        all[added++] = entry;
    }
    all[added++] = "HEADRACE_FAULT_ROLE=child";
    all[added] = NULL;
    return real(path, arguments, all);
}
