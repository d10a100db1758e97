// SPDX-License-Identifier: BSD-3-Clause
#pragma once

#include "base/time.h"

#include <array>
#include <cstdint>
#include <span>
#include <string>
#include <sys/socket.h>
#include <vector>

namespace ravelin::differential {

/// One end of a veth pair: sends frames in one system call, reads what arrives out of a ring that
/// the kernel writes (PACKET_RX_RING, TPACKET_V2).
class PacketPort {
  public:
    explicit PacketPort(const std::string& interface);
    ~PacketPort();
    PacketPort(const PacketPort&) = delete;
    PacketPort& operator=(const PacketPort&) = delete;

    /// Queues a frame for flush(); its bytes stay the caller's until then.
    void queue(std::span<const uint8_t> frame);
    void flush();

    /// The next frame that has arrived, with its VLAN tag put back in; empty when there is none.
    /// Valid until the next call.
    std::span<const uint8_t> receive();
    /// Waits until receive() has something; false when nothing came in `limit`.
    bool wait(Duration limit);

  private:
    static constexpr uint32_t kFrameBytes = 2048;
    static constexpr uint32_t kFrames = 4096;

    int socket_ = -1;
    uint8_t* ring_ = nullptr;
    uint32_t next_ = 0;
    uint8_t* taken_ = nullptr;  ///< the ring's frame that receive() returned last
    std::vector<iovec> vectors_;
    std::vector<mmsghdr> messages_;
};

}  // namespace ravelin::differential
