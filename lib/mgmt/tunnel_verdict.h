// SPDX-License-Identifier: BSD-3-Clause
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <string_view>

namespace ravelin {

/// Why a client came back with a new session: the label `verdict` of ravelin_tunnel_resets_total.
enum class TunnelVerdict : uint8_t {
    OurPolicy,          ///< packets of the server were dropped here
    ServerLostClient,   ///< the server stopped talking to this client alone
    DuplicateIdentity,  ///< two devices with one identity displace each other
    ServerFreeze,       ///< the server's timers stood still for all clients
    ServerDown,
    NatBeyond,      ///< what was forwarded didn't reach the client
    ClientDied,     ///< its process was gone, its host answered
    ClientOffline,  ///< sleep, network change
    Graceful,       ///< somebody had said good-bye
    ClientRestart,  ///< out of a working tunnel: a clock that jumped forward, or an operator
    Count
};
inline constexpr size_t kTunnelVerdictCount = static_cast<size_t>(TunnelVerdict::Count);

struct TunnelVerdictInfo {
    TunnelVerdict verdict;
    std::string_view keyword;  ///< "server_freeze"
    std::string_view meaning;  ///< half a sentence: "the client came back because ..."
    std::string_view advice;   ///< what usually helps, one sentence
};
/// Indexed by the verdict.
extern const std::array<TunnelVerdictInfo, kTunnelVerdictCount> kTunnelVerdicts;
[[nodiscard]] std::string_view keyword(TunnelVerdict verdict) noexcept;

}  // namespace ravelin
