// SPDX-License-Identifier: BSD-3-Clause
#pragma once

#include "base/time.h"
#include "mgmt/tunnel_verdict.h"
#include "packet/drop_reason.h"
#include "vpn/protocol.h"

#include <array>
#include <cstdint>
#include <string>

namespace ravelin {

/// What was seen of a tunnel until its client began another one. Arrays are by Side.
struct ResetEvidence {
    /// Renegotiation has 60 s (hand-window) and some seconds in which both keys are in use.
    static constexpr Duration kRenegotiationShadow = 70s;

    Instant at{};                         ///< of the new handshake's first packet
    std::array<Instant, 2> last_seen{};   ///< of the old tunnel; Instant{}: never
    std::array<Duration, 2> keepalive{};  ///< zero: unknown
    /// Both sides send something by themselves when they are idle, as in OpenVPN. Where they don't,
    /// only what the worker has told is silence.
    bool both_ping = true;
    std::array<bool, 2> told_silent{};
    std::array<bool, 2> good_bye{};  ///< has said that it ends or restarts
    bool flushed = false;            ///< an operator ended the connection here
    /// Packets of the server that were dropped since the last one that was forwarded, and why.
    uint32_t dropped = 0;
    DropReason drop = DropReason::None;
    /// The connection idled out before two and a half of the client's keepalives, so that what the
    /// client sent since was another connection's.
    bool ended_early = false;
    /// An ICMP error "port unreachable" came from this side since it was last heard.
    std::array<bool, 2> port_unreachable{};
    /// The server's last packet was answered so from the client's side, though the client may have
    /// been heard since: elsewhere, if that was a NAT that had forgotten it.
    bool last_refused = false;
    /// Within this silence a NAT beyond us forgets the client, as its moves have shown; zero:
    /// unknown.
    Duration nat_forgets{};
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
    [[nodiscard]] bool after_renegotiation() const noexcept {
        return since_renegotiation > 0s && since_renegotiation <= kRenegotiationShadow;
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

/// By Side. Servers push their own keepalive to clients, so that one side's tells the other's.
[[nodiscard]] constexpr Duration server_keepalive(
    const std::array<Duration, 2>& keepalive) noexcept {
    return keepalive[1] == Duration{} ? keepalive[0] : keepalive[1];
}

/// A side of whom nothing came for so long is silent: 2.5 keepalives; 15 s while they are unknown.
[[nodiscard]] Duration silence_limit(Duration keepalive) noexcept;

}  // namespace ravelin
