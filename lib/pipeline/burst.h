// SPDX-License-Identifier: BSD-3-Clause
#pragma once

#include "pipeline/packet.h"

#include <array>
#include <cstdint>

namespace ravelin {

/// Most packets that one poll takes.
inline constexpr uint32_t kBurstSize = 64;
static_assert(kBurstSize <= 64);  // Burst::undecided

/// Packets that move through the stages together. Everything but the first `count` is stale.
struct Burst {
    std::array<Packet, kBurstSize> packets{};
    uint32_t count = 0;
    uint32_t bytes = 0;  ///< of all frames
    /// A bit for each packet that decide() has to look at: few, so that it looks for no others.
    uint64_t undecided = 0;

    void clear() noexcept {
        count = 0;
        bytes = 0;
        undecided = 0;
    }
    /// Takes a frame in; what earlier bursts left in the place is overwritten.
    void add(const Frame& frame, bool steered = false) noexcept {
        Packet& packet = packets[count++];
        packet.frame = frame;
        packet.flow = 0;
        static_cast<Fate&>(packet) = Fate{.steered = steered};
        bytes += frame.length;
    }
    /// decide() has to look at this packet of the burst.
    void leave_undecided(const Packet& packet) noexcept { undecided |= bit_of(packet); }
    [[nodiscard]] uint64_t bit_of(const Packet& packet) const noexcept {
        return uint64_t{1} << (&packet - packets.data());
    }
    [[nodiscard]] Packet* begin() noexcept { return packets.data(); }
    [[nodiscard]] Packet* end() noexcept { return packets.data() + count; }
};

}  // namespace ravelin
