// SPDX-License-Identifier: BSD-3-Clause
#pragma once

#include "conntrack/record.h"
#include "conntrack/tracker.h"
#include "packet/drop_reason.h"

#include <array>
#include <compare>
#include <cstdint>

namespace ravelin::differential {

/// The two ends of the wire: where a frame is sent, and how the ports of both sides are numbered.
enum class Side : uint8_t { A = 0, B = 1 };

[[nodiscard]] constexpr Side other(Side side) noexcept {
    return side == Side::A ? Side::B : Side::A;
}

/// What one of the two, the kernel or Ravelin, made of one frame.
struct Verdict {
    CtClass ct_class = CtClass::None;           ///< None: not judged, or dropped before that
    Direction direction = Direction::Original;  ///< means nothing with None, Invalid, Untracked
    bool came_out = false;  ///< the kernel accepts INVALID too, so that its mark can be seen
    bool trimmed = false;   ///< what came out lacks the bytes behind the IP packet
    bool altered = false;   ///< what came out differs in more than the mark
    DropReason reason = DropReason::None;  ///< Ravelin only
};

/// One direction's addresses and ports as conntrack names them.
struct Tuple {
    std::array<uint8_t, 16> source{};  ///< IPv4: the first four
    std::array<uint8_t, 16> destination{};
    uint16_t source_port = 0;       ///< ICMP: the identifier
    uint16_t destination_port = 0;  ///< ICMP: type << 8 | code
    uint8_t protocol = 0;
    Family family = Family::None;
    auto operator<=>(const Tuple&) const noexcept = default;
};

/// The tuple of the answer (netfilter nf_ct_invert_tuple()).
[[nodiscard]] Tuple inverted(const Tuple& tuple) noexcept;

/// One connection as both sides list it.
struct Entry {
    Tuple original{};
    Tuple reply{};
    uint8_t state = 0;  ///< of TCP and SCTP, netfilter's number
    bool seen_reply = false;
    bool assured = false;
    std::array<uint64_t, 2> packets{};
    std::array<uint64_t, 2> bytes{};
    Duration remaining{};   ///< the kernel's in whole seconds
    Duration age{};         ///< Ravelin only
    uint16_t vlan = 0;      ///< Ravelin only: the kernel's key has none
    uint32_t sequence = 0;  ///< which script it belongs to, by its addresses
};

}  // namespace ravelin::differential
