// SPDX-License-Identifier: BSD-3-Clause
#pragma once

#include "base/result.h"
#include "config/schema.h"

#include <cstdint>

struct rte_mempool;

namespace ravelin {

/// How many packet buffers a configuration needs, and how large.
struct BufferPlan {
    uint32_t count = 0;
    uint16_t data_room = 0;  ///< of one buffer, headroom included
    uint64_t bytes = 0;      ///< of memory for all of them
};

/// Enough for every descriptor of every queue to be full while each worker fills its bursts, its
/// rings, its cache and its fragments; each buffer holds a whole frame of the largest mtu.
BufferPlan buffer_plan(const Config& config) noexcept;

/// The one pool of all ports: a frame leaves by the port of its wire's other end, and a card may
/// free in bulk only what comes from one pool.
class Buffers {
  public:
    static Result<Buffers> create(const BufferPlan& plan, bool without_hugepages);
    ~Buffers();
    Buffers(Buffers&& other) noexcept;
    Buffers& operator=(Buffers&&) = delete;
    Buffers(const Buffers&) = delete;
    Buffers& operator=(const Buffers&) = delete;

    [[nodiscard]] rte_mempool* pool() const noexcept { return pool_; }
    [[nodiscard]] uint32_t total() const noexcept;
    /// Buffers that are free now; management may ask at any time.
    [[nodiscard]] uint32_t available() const noexcept;

  private:
    explicit Buffers(rte_mempool* pool) noexcept : pool_{pool} {}
    rte_mempool* pool_ = nullptr;
};

}  // namespace ravelin
