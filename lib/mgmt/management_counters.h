// SPDX-License-Identifier: BSD-3-Clause
#pragma once

#include "mgmt/tunnel_tally.h"

#include <array>
#include <atomic>
#include <cstddef>
#include <cstdint>

namespace ravelin {

enum class Transport : uint8_t { Unix, Http, Count };
enum class LogLevel : uint8_t { Debug, Info, Warning, Error, Count };
inline constexpr size_t kLogLevelCount = static_cast<size_t>(LogLevel::Count);

/// What management counts about itself, from several of its threads.
struct ManagementCounters {
    using Count = std::atomic<uint64_t>;

    struct Requests {
        Count ok{0};
        Count error{0};
    };
    std::array<Requests, static_cast<size_t>(Transport::Count)> requests;
    Count events_lost_subscriber{0};  ///< a subscriber read too slowly
    std::array<Count, kLogLevelCount> log_messages{};
    Count log_suppressed{0};
    TunnelTally tunnels;

    void count_request(Transport transport, bool ok) {
        Requests& counts = requests[static_cast<size_t>(transport)];
        (ok ? counts.ok : counts.error).fetch_add(1, std::memory_order_relaxed);
    }
};

}  // namespace ravelin
