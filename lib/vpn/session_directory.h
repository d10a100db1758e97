// SPDX-License-Identifier: BSD-3-Clause
#pragma once

#include "base/keyed_hash.h"
#include "base/time.h"
#include "vpn/tunnel.h"

#include <atomic>
#include <cstdint>
#include <vector>

namespace ravelin {

/// The sessions that servers have confirmed lately, of all workers: who has moved to an address
/// that another worker owns is no stranger there.
///
/// Theory: a worker notes (server's end, what the client's packets carry) whenever it looks at a
/// packet of a confirmed tunnel, which is a few times a minute; any worker asks when data comes
/// that begins a connection. An entry is one atomic word, a tag, whose it is and when it was noted;
/// four to a bucket, the oldest gives way. It admits a packet to tracking, and proves nothing: what
/// a tunnel may do, its own worker decides by the packet counter.
class SessionDirectory {
  public:
    static constexpr Duration kLifetime = 3600s;

    explicit SessionDirectory(const HashSecret& secret, uint32_t capacity = 65536)
        : hash_{secret}, words_(capacity) {}

    /// `worker` has heard the client.
    void note(const Tunnel& tunnel, uint8_t worker, Instant now) noexcept;
    /// Another worker has heard the tunnel's client later than this one: it has moved there.
    [[nodiscard]] bool moved_from(const Tunnel& tunnel, uint8_t worker, Instant now) const noexcept;
    /// `candidate` is what the first packet of a connection shows.
    [[nodiscard]] bool knows(const Tunnel& candidate, Instant now) const noexcept;

  private:
    static constexpr size_t kWays = 4;
    struct Place {
        size_t bucket = 0;
        uint32_t tag = 0;
    };
    [[nodiscard]] Place place_of(const Tunnel& tunnel) const noexcept;

    KeyedHash hash_;
    std::vector<std::atomic<uint64_t>> words_;  ///< tag << 40 | worker << 32 | seconds; 0: none
};

}  // namespace ravelin
