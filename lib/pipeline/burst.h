// SPDX-License-Identifier: BSD-3-Clause
#pragma once

#include "pipeline/io.h"
#include "pipeline/packet.h"

#include <array>
#include <cstdint>

namespace ravelin {

/// Packets that move through the stages together. Everything but the first `count` is stale.
struct Burst {
    std::array<Packet, kBurstSize> packets{};
    uint32_t count = 0;

    void clear() noexcept { count = 0; }
    /// Takes a frame in; what earlier bursts left in the place is overwritten.
    void add(const Frame& frame, bool steered = false) noexcept {
        Packet& packet = packets[count++];
        packet.frame = frame;
        packet.candidate = UINT32_MAX;
        packet.flow = 0;
        packet.action = Action::Pending;
        packet.reason = DropReason::None;
        packet.ct_class = CtClass::None;
        packet.direction = Direction::Original;
        packet.is_icmp_error = false;
        packet.missed = false;
        packet.steered = steered;
    }
    [[nodiscard]] Packet* begin() noexcept { return packets.data(); }
    [[nodiscard]] Packet* end() noexcept { return packets.data() + count; }
};

}  // namespace ravelin
