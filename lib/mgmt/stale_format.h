// SPDX-License-Identifier: BSD-3-Clause
#pragma once

#include "conntrack/record.h"
#include "mgmt/flow_format.h"
#include "mgmt/tunnel_registry.h"

#include <string>
#include <vector>

namespace ravelin {

/// What happened, in one sentence without a full stop:
///
///     late packet of a UDP connection opened from inside by 10.1.1.2:54268 to 192.0.2.20:1194,
///     ended 1.0 s ago after 3m05s because nothing came for its timeout; addresses and ports match
///
/// or, when `tunnels` knows what the connection carried,
///
///     late packet of OpenVPN session 43e5c0de, opened from inside by 10.1.1.2:54268 to
///     192.0.2.20:1194, closed 1.0 s ago after 3m05s by an exit notice from the client; ...
///
/// `at`: when the packet came, for "ago".
[[nodiscard]] std::string explain_stale(const FlowRecord& flow, const StaleInfo& info, Instant at,
                                        const TunnelRegistry* tunnels = nullptr,
                                        TunnelIds ids = TunnelIds::Session);

/// Appends the members of a JSON object that tell the same, without braces:
///
///     "packets":2,"direction":"reply","drop":"stale","ended_ago_s":1.0,"lasted_s":185.0,
///     "close_reason":"idle","closed_by":"nobody","certainty":"tuple","explanation":"...",
///     "opened_from":"inside","protocol":"udp","source":"10.1.1.2:54268",
///     "destination":"192.0.2.20:1194","wire":"vpn","worker":0
void append_stale_json(std::string& out, const FlowRecord& flow, const StaleInfo& info, Instant at,
                       const FlowNames& names);

/// One JSON object, and one row for people, of a report; `now`: for "ago".
void append_stale_record_json(std::string& out, const StaleRecord& record, const FlowNames& names,
                              Instant now);
[[nodiscard]] std::string stale_table(const std::vector<StaleRecord>& records, Instant now,
                                      const TunnelRegistry* tunnels = nullptr);

}  // namespace ravelin
