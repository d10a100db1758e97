// SPDX-License-Identifier: BSD-3-Clause
// A library to preload: CLOCK_REALTIME plus the seconds that stand in the file $LAB_WALL_CLOCK,
// through each of the calls that read it. With $LAB_WALL_CLOCK_SYNCHRONISED the kernel is made to
// say that somebody keeps its clock right, whether or not that is so on this machine.
#define _GNU_SOURCE
#include <fcntl.h>
#include <stdint.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <sys/time.h>
#include <sys/timex.h>
#include <time.h>
#include <unistd.h>

static const volatile int64_t* offset;

__attribute__((constructor)) static void open_offset(void) {
    const char* path = getenv("LAB_WALL_CLOCK");
    const int fd = path == NULL ? -1 : open(path, O_RDONLY | O_CLOEXEC);
    void* map = fd < 0 ? MAP_FAILED : mmap(NULL, sizeof *offset, PROT_READ, MAP_SHARED, fd, 0);
    if (map != MAP_FAILED) offset = map;
    if (fd >= 0) close(fd);
}

int clock_gettime(clockid_t clock, struct timespec* time) {
    const long result = syscall(SYS_clock_gettime, clock, time);
    if (result == 0 && clock == CLOCK_REALTIME && offset != NULL) time->tv_sec += *offset;
    return (int)result;
}

int gettimeofday(struct timeval* restrict time, void* restrict zone) {
    (void)zone;
    struct timespec now;
    if (clock_gettime(CLOCK_REALTIME, &now) != 0) return -1;
    time->tv_sec = now.tv_sec;
    time->tv_usec = now.tv_nsec / 1000;
    return 0;
}

time_t time(time_t* also) {
    struct timespec now;
    if (clock_gettime(CLOCK_REALTIME, &now) != 0) return (time_t)-1;
    if (also != NULL) *also = now.tv_sec;
    return now.tv_sec;
}

int adjtimex(struct timex* state) {
    const long result = syscall(SYS_adjtimex, state);
    if (result < 0 || getenv("LAB_WALL_CLOCK_SYNCHRONISED") == NULL) return (int)result;
    state->status &= ~STA_UNSYNC;
    return TIME_OK;
}
