// SPDX-License-Identifier: BSD-3-Clause
// DPDK's af_packet driver puts each of its sockets into a fanout group whose packets the kernel
// first reassembles (PACKET_FANOUT_FLAG_DEFRAG), and has no option to leave that out. What comes
// then is a frame longer than the link's MTU that was never on the wire: neither can it be judged
// by its fragments, nor can it leave. So the flag is taken out on its way to the kernel (ADR 14).

#include <linux/if_packet.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <unistd.h>

/// Stands before the C library's for the drivers that EAL loads; passes on everything as it is but
/// that flag.
extern "C" __attribute__((visibility("default"))) int setsockopt(int fd, int level, int name,
                                                                 const void* value,
                                                                 socklen_t length) noexcept {
    constexpr unsigned kDefragment = unsigned{PACKET_FANOUT_FLAG_DEFRAG} << 16;
    unsigned argument = 0;
    if (level == SOL_PACKET && name == PACKET_FANOUT && length == sizeof argument) {
        argument = *static_cast<const unsigned*>(value) & ~kDefragment;
        value = &argument;
    }
    return static_cast<int>(syscall(SYS_setsockopt, fd, level, name, value, length));
}
