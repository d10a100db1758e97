// SPDX-License-Identifier: BSD-3-Clause
#pragma once

#include "base/time.h"
#include "packet/drop_reason.h"
#include "vpn/protocol.h"

#include <array>
#include <cstddef>
#include <cstdint>
#include <string>
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

/// What was seen of a tunnel until its client began another one. Arrays are by Side.
struct ResetEvidence {
    Instant at{};                         ///< of the new handshake's first packet
    std::array<Instant, 2> last_seen{};   ///< of the old tunnel; Instant{}: never
    std::array<Duration, 2> keepalive{};  ///< zero: unknown
    std::array<bool, 2> good_bye{};       ///< has said that it ends or restarts
    bool flushed = false;                 ///< an operator ended the connection here
    /// Packets of the server that were dropped since the last one that was forwarded, and why.
    uint32_t dropped = 0;
    DropReason drop = DropReason::None;
    /// The connection idled out before two and a half of the client's keepalives, so that what the
    /// client sent since was another connection's.
    bool ended_early = false;
    /// An ICMP error "port unreachable" came from this side since it was last heard.
    std::array<bool, 2> port_unreachable{};
    bool answered = false;  ///< the new handshake was
    // The other tunnels of that server that were established when it fell silent.
    uint32_t silent_too = 0;
    uint32_t alive = 0;
    bool clock_stepped_back = false;  ///< the server's
    // Another session that began when this one fell silent; empty: none.
    std::string rival;
    uint32_t alternations = 0;  ///< how often the two displaced each other
    Duration period{};          ///< of that, once there were two
    bool answers_old = false;   ///< the server went on sending to an address that the client left
    uint32_t unexplained = 0;   ///< earlier returns of this client out of a working tunnel
    uint32_t at_once = 0;       ///< other clients that came back out of a working tunnel just now
    Duration since_renegotiation{};  ///< when the server was last heard; zero: none
    std::string client;              ///< the old tunnel's end, as text

    /// How long the side had not been heard when the client came back.
    [[nodiscard]] Duration silence(Side side) const noexcept {
        return at - last_seen[static_cast<size_t>(side)];
    }
    [[nodiscard]] bool server_silent() const noexcept;
    [[nodiscard]] bool client_silent() const noexcept;
};

struct TunnelJudgement {
    TunnelVerdict verdict = TunnelVerdict::ClientRestart;
    std::string sentence;  ///< cause and evidence, without a full stop
};

/// vpn.md B.4: the first line of the table that fits.
[[nodiscard]] TunnelJudgement judge(const ResetEvidence& evidence);

/// A side of whom nothing came for so long is silent: 2.5 keepalives; 15 s while they are unknown.
[[nodiscard]] Duration silence_limit(Duration keepalive) noexcept;

}  // namespace ravelin
