// SPDX-License-Identifier: BSD-3-Clause
#pragma once

#include "pipeline/request.h"
#include "pipeline/shard.h"
#include "sync/spsc_ring.h"

#include <cstdint>

namespace ravelin {

/// Answers management's questions a slice at a time, so that a listing of millions of connections
/// never holds up a packet for more than some microseconds.
class RequestServer {
  public:
    /// Entries looked at in one turn with packets, and in one without: a worker that yields its CPU
    /// when idle has few turns, and nobody waits behind a longer one.
    static constexpr uint32_t kSlice = 128;
    static constexpr uint32_t kIdleSlice = 8192;

    void serve(SpscRing<Request*>& requests, Shard& shard, bool busy, Instant now) noexcept;

  private:
    Request* current_ = nullptr;
};

}  // namespace ravelin
