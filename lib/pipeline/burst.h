// SPDX-License-Identifier: BSD-3-Clause
#pragma once

#include "pipeline/packet.h"

#include <array>
#include <cstdint>

namespace ravelin {

/// Most packets that one poll takes.
inline constexpr uint32_t kBurstSize = 64;

/// Packets that move through the stages together. Everything but the first `count` is stale.
struct Burst {
    std::array<Packet, kBurstSize> packets{};
    uint32_t count = 0;
    uint32_t bytes = 0;  ///< of all frames
    /// Some packet was neither forwarded nor judged in the short cut of a stage: later stages have
    /// something to look for.
    bool unusual = false;

    void clear() noexcept {
        count = 0;
        bytes = 0;
        unusual = false;
    }
    /// Takes a frame in; what earlier bursts left in the place is overwritten.
    void add(const Frame& frame, bool steered = false) noexcept {
        Packet& packet = packets[count++];
        packet.frame = frame;
        packet.flow = 0;
        static_cast<Fate&>(packet) = Fate{.steered = steered};
        bytes += frame.length;
    }
    [[nodiscard]] Packet* begin() noexcept { return packets.data(); }
    [[nodiscard]] Packet* end() noexcept { return packets.data() + count; }
};

}  // namespace ravelin
