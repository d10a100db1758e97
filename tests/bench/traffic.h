// SPDX-License-Identifier: BSD-3-Clause
#pragma once

#include "bench/frames.h"
#include "bench/ports.h"

#include <algorithm>
#include <array>
#include <cmath>
#include <cstdint>
#include <functional>
#include <utility>

namespace ravelin::bench {

/// In which order each direction visits the connections.
enum class Sequence : uint8_t {
    Shuffled,  ///< each once per round, in an order that looks random: the worst for the caches
    Zipf,      ///< by Zipf's law, exponent 1; what one direction has often the other has, too
    Trains,    ///< as Shuffled, but kTrain packets of a connection in a row
};

/// Established traffic. TCP goes with Shuffled only: how far each side is follows from the round.
class Established {
  public:
    static constexpr uint32_t kTrain = 8;

    /// `connections` is a power of two.
    Established(uint32_t connections, std::function<Kind(uint32_t)> kind_of,
                Sequence sequence = Sequence::Shuffled)
        : mask_{connections - 1}, kind_of_{std::move(kind_of)}, sequence_{sequence} {}

    uint32_t operator()(uint8_t port, uint8_t* frame) {
        const bool from_client = port == kInside;
        const uint64_t n = sent_[port]++;
        const uint32_t connection = visit(n, from_client);
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
    [[nodiscard]] uint32_t visit(uint64_t n, bool from_client) const noexcept {
        if (sequence_ == Sequence::Zipf) return shuffle(draw(2 * n + (from_client ? 1 : 0)), true);
        if (sequence_ == Sequence::Trains) n /= kTrain;
        return shuffle(static_cast<uint32_t>(n) & mask_, from_client);
    }

    /// The rank, from 0 on, of draw number `n`. Rank r has the weight log(1 + 1 / (r + 1)), which
    /// is nearly 1 / (r + 1), and can be turned round without a table in the device's caches.
    [[nodiscard]] uint32_t draw(uint64_t n) const noexcept {
        // splitmix64
        uint64_t random = n * 0x9e3779b97f4a7c15U;
        random = (random ^ (random >> 30)) * 0xbf58476d1ce4e5b9U;
        random = (random ^ (random >> 27)) * 0x94d049bb133111ebU;
        random ^= random >> 31;
        const double uniform = static_cast<double>(random >> 11) * 0x1p-53;
        return std::min(static_cast<uint32_t>(std::pow(mask_ + 2.0, uniform)) - 1, mask_);
    }

    uint32_t mask_;
    std::function<Kind(uint32_t)> kind_of_;
    Sequence sequence_;
    std::array<uint64_t, 2> sent_{};
};

}  // namespace ravelin::bench
