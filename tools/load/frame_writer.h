// SPDX-License-Identifier: BSD-3-Clause
#pragma once

#include "message.h"

#include <array>
#include <cstdint>
#include <optional>
#include <span>
#include <vector>

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
    FrameWriter(uint32_t size, uint16_t server_port);

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
    /// Frames of one kind differ in their number, their tuple, TCP's numbers and flags, and which
    /// part of the pattern their data is: all else is written and summed once. Sums that read back
    /// what was just written, in words of another size, would take longer than all of the rest.
    struct Template {
        std::array<uint8_t, 80> headers{};  ///< a round size copies fast
        uint32_t l4 = 0;                    ///< offset of UDP or TCP
        uint32_t data = 0;                  ///< offset of the data, whose length follows
        uint32_t data_length = 0;
        uint64_t ip_sum = 0;              ///< of IPv4's header without the varying fields
        uint64_t l4_sum = 0;              ///< likewise of UDP's or TCP's and the pseudo header
        std::vector<uint16_t> data_sums;  ///< of the data, by where it begins in the pattern
    };
    [[nodiscard]] const Template& template_of(Side from, const Flow& flow,
                                              bool has_data) const noexcept {
        return templates_[index_of(from) * 8 + flow.ipv6 * 4U + flow.tcp * 2U + has_data];
    }
    [[nodiscard]] Template make_template(Side from, const Flow& flow, bool has_data) const;

    uint32_t size_;
    uint16_t server_port_;
    std::array<Template, 16> templates_;
};

}  // namespace ravelin::load
