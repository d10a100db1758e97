// SPDX-License-Identifier: BSD-3-Clause
#pragma once

#include "mgmt/tunnel_registry.h"

#include <nlohmann/json_fwd.hpp>

#include <string>
#include <vector>

namespace ravelin {

/// A registry at one moment, and how it names its tunnels.
struct TunnelView {
    const TunnelRegistry& registry;
    Instant now{};
    TunnelIds ids = TunnelIds::Session;
};

/// "established"; "closed 1.0 s ago"
[[nodiscard]] std::string tunnel_state(const TunnelStory& story, Instant now);

/// A row for each, for people: who, in what state, when either side was last heard, and the one
/// thing about it that matters most.
[[nodiscard]] std::string tunnel_table(const std::vector<const TunnelStory*>& stories,
                                       const TunnelView& view);

/// Everything about one tunnel, in the manner of `wg show`, then its time line.
[[nodiscard]] std::string tunnel_page(const TunnelStory& story, const TunnelView& view);

/// The same as an object; `whole`: with the time line.
[[nodiscard]] nlohmann::json tunnel_json(const TunnelStory& story, const TunnelView& view,
                                         bool whole);

/// What an operator should do about it, a sentence each; empty: all is well.
[[nodiscard]] std::vector<std::string> tunnel_advice(const TunnelStory& story,
                                                     const TunnelView& view);

/// One line of JSON:
///
///     {"event":"tunnel","time":1700000000.250000,"id":"9f3c21aa","kind":"verdict",
///      "vpn":"openvpn","state":"handshake","client":"198.51.100.2:40001",
///      "server":"192.0.2.20:1194","wire":"vpn","worker":0,"verdict":"server_freeze",
///      "explanation":"..."}
///
/// "verdict" stands with verdicts and flaps only.
void append_tunnel_news_json(std::string& out, const TunnelNews& news, const std::string& wire,
                             Duration unix_offset);

/// "OpenVPN 198.51.100.2:40001 to 192.0.2.20:1194 (9f3c21aa): ..."
[[nodiscard]] std::string tunnel_news_line(const TunnelNews& news);

}  // namespace ravelin
