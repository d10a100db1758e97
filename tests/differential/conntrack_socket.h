// SPDX-License-Identifier: BSD-3-Clause
#pragma once

#include "verdict.h"

#include <cstdint>
#include <functional>
#include <vector>

struct mnl_socket;
struct nlmsghdr;

namespace ravelin::differential {

/// The kernel's connection table of this namespace, through ctnetlink.
class ConntrackSocket {
  public:
    ConntrackSocket();
    ~ConntrackSocket();
    ConntrackSocket(const ConntrackSocket&) = delete;
    ConntrackSocket& operator=(const ConntrackSocket&) = delete;

    /// Every entry; Entry::sequence is left to the caller.
    void dump(std::vector<Entry>& entries);
    void flush();

    // Collected, and sent by apply(): the way in which time passes for the kernel.
    void set_remaining(const Tuple& original, uint32_t seconds);
    void remove(const Tuple& original);
    /// Returns how many entries were gone already.
    uint32_t apply();

  private:
    nlmsghdr* begin(uint16_t type, uint16_t flags, uint8_t family);
    void finish(nlmsghdr* message);
    void send_batch();

    mnl_socket* socket_;
    std::vector<uint8_t> batch_;
    size_t used_ = 0;
    uint32_t waiting_ = 0;  ///< acknowledgements of the batch
    uint32_t missing_ = 0;
    std::vector<uint8_t> buffer_;
};

}  // namespace ravelin::differential
