// SPDX-License-Identifier: BSD-3-Clause
#pragma once

#include "base/check.h"
#include "pipeline/io.h"
#include "sync/spsc_ring.h"

#include <array>
#include <cstdint>
#include <memory>
#include <vector>

namespace ravelin {

/// A packet on its way from one worker to another.
struct Handed {
    enum class Kind : uint8_t {
        Track,     ///< the receiver owns its connection
        Transmit,  ///< already judged; the receiver has the transmit queue of `frame.port`
        Fragment,  ///< of a complete datagram whose connection the receiver owns
    };
    Frame frame{};
    Kind kind = Kind::Track;
    std::array<uint8_t, 7> reserved{};
};
static_assert(sizeof(Handed) == 32);

/// The rings between workers: one from each to each, single producer and single consumer.
class HandoffMesh {
  public:
    explicit HandoffMesh(uint32_t workers, uint32_t capacity = 2047) : workers_{workers} {
        CHECK(workers > 0);
        rings_.resize(size_t{workers} * workers);
        for (uint32_t from = 0; from < workers; ++from) {
            for (uint32_t to = 0; to < workers; ++to) {
                if (from != to)
                    rings_[index(from, to)] = std::make_unique<SpscRing<Handed>>(capacity);
            }
        }
    }

    [[nodiscard]] SpscRing<Handed>& ring(uint32_t from, uint32_t to) noexcept {
        return *rings_[index(from, to)];
    }
    [[nodiscard]] const SpscRing<Handed>& ring(uint32_t from, uint32_t to) const noexcept {
        return *rings_[index(from, to)];
    }
    [[nodiscard]] uint32_t workers() const noexcept { return workers_; }

  private:
    [[nodiscard]] size_t index(uint32_t from, uint32_t to) const noexcept {
        return size_t{from} * workers_ + to;
    }

    uint32_t workers_;
    std::vector<std::unique_ptr<SpscRing<Handed>>> rings_;
};

}  // namespace ravelin
