// SPDX-License-Identifier: BSD-3-Clause
#pragma once

#include "bench/frames.h"
#include "bench/ports.h"

#include <array>
#include <cstdint>
#include <functional>
#include <utility>

namespace ravelin::bench {

/// Established traffic: each direction visits the connections in an order of its own that looks
/// random, every one once per round. Zipf's law or trains would be kinder to the caches.
class Established {
  public:
    /// `connections` is a power of two.
    Established(uint32_t connections, std::function<Kind(uint32_t)> kind_of)
        : mask_{connections - 1}, kind_of_{std::move(kind_of)} {}

    uint32_t operator()(uint8_t port, uint8_t* frame) {
        const bool from_client = port == kInside;
        const uint64_t n = sent_[port]++;
        const uint32_t connection = shuffle(static_cast<uint32_t>(n) & mask_, from_client);
        const Place place{kind_of_(connection), connection, from_client};
        // Round 0 was establish()'s.
        const auto round = static_cast<uint32_t>(n / (uint64_t{mask_} + 1)) + 1;
        return write_frame(frame, place, data_numbers(from_client, round));
    }
    [[nodiscard]] uint32_t connections() const noexcept { return mask_ + 1; }

    /// A permutation of 0 to mask: odd multipliers and shifts to the right can be undone.
    [[nodiscard]] uint32_t shuffle(uint32_t n, bool from_client) const noexcept {
        n = (n * (from_client ? 0x9e3779b1U : 0x85ebca77U)) & mask_;
        n ^= n >> (from_client ? 5 : 7);
        n = (n * (from_client ? 0xc2b2ae3dU : 0x27d4eb2fU)) & mask_;
        return n ^ (n >> 6);
    }

  private:
    uint32_t mask_;
    std::function<Kind(uint32_t)> kind_of_;
    std::array<uint64_t, 2> sent_{};
};

}  // namespace ravelin::bench
