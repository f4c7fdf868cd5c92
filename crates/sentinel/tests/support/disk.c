/* What happens when the disk is slow or full? Loaded before the C library, this makes writes below a folder fail with
   ENOSPC, or syncs of it take long, as a file says: "full", "slow" or anything else for neither. */

#define _GNU_SOURCE
#include <dlfcn.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/types.h>
#include <sys/uio.h>
#include <unistd.h>

#define SLOW_MICROS 400000

/* The first letter of what the file says. */
static char state(void) {
    char letter = 0;
    const char *path = getenv("TEST_DISK_STATE");
    int fd = path ? open(path, O_RDONLY | O_CLOEXEC) : -1;
    if (fd >= 0) {
        if (read(fd, &letter, 1) != 1) letter = 0;
        close(fd);
    }
    return letter;
}

/* Is it a file of the folder? */
static int is_in_folder(int fd) {
    char link[64], path[4096];
    const char *folder = getenv("TEST_DISK_FOLDER");
    snprintf(link, sizeof link, "/proc/self/fd/%d", fd);
    ssize_t length = readlink(link, path, sizeof path - 1);
    if (length < 0 || !folder) return 0;
    path[length] = 0;
    return strncmp(path, folder, strlen(folder)) == 0;
}

static int refuses(int fd) {
    if (!is_in_folder(fd) || state() != 'f') return 0;
    errno = ENOSPC;
    return 1;
}

static void wait_for_disk(int fd) {
    if (is_in_folder(fd) && state() == 's') usleep(SLOW_MICROS);
}

#define REAL(name) ((__typeof__(&name))dlsym(RTLD_NEXT, #name))

ssize_t write(int fd, const void *bytes, size_t count) {
    return refuses(fd) ? -1 : REAL(write)(fd, bytes, count);
}

ssize_t writev(int fd, const struct iovec *parts, int count) {
    return refuses(fd) ? -1 : REAL(writev)(fd, parts, count);
}

ssize_t pwrite(int fd, const void *bytes, size_t count, off_t offset) {
    return refuses(fd) ? -1 : REAL(pwrite)(fd, bytes, count, offset);
}

ssize_t pwrite64(int fd, const void *bytes, size_t count, off64_t offset) {
    return refuses(fd) ? -1 : REAL(pwrite64)(fd, bytes, count, offset);
}

int fsync(int fd) {
    wait_for_disk(fd);
    return REAL(fsync)(fd);
}

int fdatasync(int fd) {
    wait_for_disk(fd);
    return REAL(fdatasync)(fd);
}
