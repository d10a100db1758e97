// SPDX-License-Identifier: BSD-3-Clause
#pragma once

#include "message.h"

#include <array>
#include <cstdint>
#include <optional>
#include <span>

namespace ravelin::load {

/// What tells a frame in flight from all others: IPv4's identification and IPv6's flow label, which
/// no middlebox on a wire changes, hold the low bits of its number. So frames of any kind and
/// size can be told apart, a bare SYN too.
struct FrameMark {
    uint32_t number = 0;  ///< of the frame, or for a fragment that isn't the first of the one
                          ///< before it, as fragments of one packet share their identification
    uint32_t mask = 0;    ///< the bits of `number` that are known
    bool later_fragment = false;
};

/// The mark of one of our frames; none for anything else, such as ARP.
std::optional<FrameMark> read_mark(std::span<const uint8_t> frame) noexcept;

/// Turns messages into Ethernet frames without the frame check sequence, with right checksums.
class FrameWriter {
  public:
    static constexpr uint32_t kSmallest = 60;
    static constexpr uint32_t kLargest = 1514;

    /// Frames that carry data are `size` bytes long, or as many as their headers need.
    FrameWriter(uint32_t size, uint16_t server_port) noexcept;

    /// Bytes of data in a TCP segment.
    [[nodiscard]] uint32_t tcp_data(bool ipv6) const noexcept;
    /// No frame is longer.
    [[nodiscard]] uint32_t longest(bool with_fragments) const noexcept;

    // Each returns the frame's length; `frame` has room for longest() bytes.

    uint32_t write(Side from, const Message& message, uint32_t number,
                   uint8_t* frame) const noexcept;
    /// A client's UDP datagram of kDatagram bytes in two fragments, numbers `number` and the next.
    [[nodiscard]] std::array<uint32_t, 2> write_fragments(const Message& message, uint32_t number,
                                                          uint8_t* first,
                                                          uint8_t* last) const noexcept;
    /// "Time exceeded" from a router inside about the client's packet in `about`.
    uint32_t write_icmp_error(const Message& message, std::span<const uint8_t> about,
                              uint32_t number, uint8_t* frame) const noexcept;

  private:
    uint32_t size_;
    uint16_t server_port_;
};

}  // namespace ravelin::load
