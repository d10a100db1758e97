// SPDX-License-Identifier: BSD-3-Clause
#pragma once

#include "base/time.h"
#include "mgmt/tunnel_verdict.h"
#include "vpn/tunnel_record.h"

#include <algorithm>
#include <array>
#include <atomic>
#include <chrono>
#include <cstddef>
#include <cstdint>

namespace ravelin {

/// What management counts about tunnels: written by the thread that feeds the registry, read by
/// any. None of it grows with the number of tunnels.
struct TunnelTally {
    using Count = std::atomic<uint64_t>;
    template <class T, size_t N>
    using By = std::array<T, N>;

    /// A histogram of durations: how many up to each bound, in seconds, and more than the last.
    template <size_t N>
    struct Durations {
        By<Count, N + 1> counts{};
        Count nanoseconds{0};  ///< all of them together

        void add(const std::array<double, N>& bounds, Duration duration) noexcept {
            const double seconds = std::chrono::duration<double>(duration).count();
            const auto bound = std::lower_bound(bounds.begin(), bounds.end(), seconds);
            TunnelTally::add(counts[static_cast<size_t>(bound - bounds.begin())]);
            TunnelTally::add(nanoseconds,
                             static_cast<uint64_t>(std::max(Duration{0}, duration).count()));
        }
    };

    /// Seconds, as OpenVPN over a satellite link and WireGuard on a LAN both need.
    static constexpr std::array<double, 10> kHandshakeBounds{0.01, 0.025, 0.05, 0.1, 0.25,
                                                             0.5,  1,     2.5,  10,  60};
    /// Seconds. What is usual stands within a bucket and not on its edge: WireGuard's 120 s,
    /// OpenVPN's hour less a tenth, IKE's one, four and eight hours. Under 300 s is advice.
    static constexpr std::array<double, 11> kRenegotiationBounds{15,   60,   110,  150,   300,  900,
                                                                 1800, 3000, 3900, 15000, 30000};

    By<By<Count, kTunnelStageCount>, kVpnProtocolCount> tunnels{};  ///< now (gauge)
    By<Count, 2> silent{};  ///< tunnels one side of which is silent now (gauge)
    By<Count, kVpnProtocolCount> handshakes{};
    By<Count, kVpnProtocolCount> retries{};
    By<By<Count, kTunnelStageCount>, kVpnProtocolCount> failures{};  ///< by the stage it stopped in
    By<Durations<kHandshakeBounds.size()>, kVpnProtocolCount> handshake_time{};
    By<By<Count, 2>, kVpnProtocolCount> renegotiations{};  ///< by who began
    By<Durations<kRenegotiationBounds.size()>, kVpnProtocolCount> renegotiation_interval{};
    By<Count, kTunnelVerdictCount> resets{};
    Count resets_after_renegotiation{0};
    Count flaps{0};
    By<Count, kVpnProtocolCount> moves{};
    By<Count, kTunnelEventKindCount> events{};
    Count unregistered{0};  ///< tunnels for which there was no room
    By<Count, 2> clock_steps{};
    By<Count, 2> clock_suspects{};      ///< peers whose clocks are off (gauge)
    std::atomic<double> clock_low{0};   ///< of the servers: the lowest offset, seconds (gauge)
    std::atomic<double> clock_high{0};  ///< likewise the highest
    Count news_lost{0};                 ///< messages that nobody took in time

    static void add(Count& count, uint64_t number = 1) noexcept {
        count.fetch_add(number, std::memory_order_relaxed);
    }
    static void take(Count& count) noexcept { count.fetch_sub(1, std::memory_order_relaxed); }
};

}  // namespace ravelin
