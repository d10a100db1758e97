// SPDX-License-Identifier: BSD-3-Clause
#pragma once

#include "conntrack/record.h"
#include "mgmt/flow_format.h"

#include <string>
#include <vector>

namespace ravelin {

/// What was denied and why, in one sentence without a full stop:
///
///     a new UDP connection from outside, 203.0.113.9:5353 to 192.0.2.20:53: rule "no-dns" drops
///     it; no connection of these ends is known or remembered
///
///     a TCP packet from outside, in reply, on the connection that 10.1.1.2:54268 opened from
///     inside to 192.0.2.20:443 3m05s before: the TCP segment lies outside the window of its
///     connection
[[nodiscard]] std::string explain_denial(const FlowRecord& flow, const DenialInfo& info,
                                         const FlowNames& names);

/// Appends the members of a JSON object that tell the same, without braces:
///
///     "packets":2,"reason":"policy_rule","class":"new","came_from":"outside",
///     "direction":"original","sender":"203.0.113.9","icmp_error":false,"rule":"no-dns",
///     "explanation":"...","connection":{...},"protocol":"udp","source":"203.0.113.9:5353",
///     "destination":"192.0.2.20:53","wire":"vpn","worker":0
///
/// "rule" is null where no rule was asked, "connection" (append_flow_json()) where there was none.
void append_denial_json(std::string& out, const FlowRecord& flow, const DenialInfo& info,
                        const FlowNames& names);

/// One JSON object, and one row for people, of a report; `now`: for "ago".
void append_denial_record_json(std::string& out, const DenialRecord& record, const FlowNames& names,
                               Instant now);
[[nodiscard]] std::string denial_table(const std::vector<DenialRecord>& records,
                                       const FlowNames& names, Instant now);

}  // namespace ravelin
