// SPDX-License-Identifier: BSD-3-Clause
#pragma once

#include "conntrack/record.h"
#include "policy/policy.h"

#include <array>
#include <optional>
#include <span>
#include <string>
#include <vector>

namespace ravelin {

class TunnelRegistry;

/// The words behind the numbers of a FlowRecord.
struct FlowNames {
    std::vector<std::string> wires;
    std::vector<std::string> rules;  ///< of the policy with this generation
    uint16_t generation = 1;
    const TunnelRegistry* tunnels = nullptr;  ///< of late packets; outlives this
};

/// "established" for TCP, otherwise unreplied, replied or assured; as in ravelin_conntrack_entries.
[[nodiscard]] std::string flow_state(const FlowRecord& flow);

/// tcp, udp, ..., or the number where there is no common name.
[[nodiscard]] std::string flow_protocol(const FlowRecord& flow);

/// The same as prose has it, with its article: "a UDP", "an ICMPv6", "an IP protocol 89"; and
/// without.
[[nodiscard]] std::string protocol_with_article(const FlowRecord& flow);
[[nodiscard]] std::string protocol_in_prose(const FlowRecord& flow);

/// Which side the opener sits on: "inside" or "outside".
[[nodiscard]] const char* opened_from(const FlowRecord& flow) noexcept;

/// Its wire's name.
[[nodiscard]] std::string flow_wire(const FlowRecord& flow, const FlowNames& names);

/// The rule that allowed or dropped it, "default" when none matched; nothing when the rule belongs
/// to an older policy.
[[nodiscard]] std::optional<std::string> flow_rule(const FlowRecord& flow, const FlowNames& names);

/// The ends of the original direction: "10.1.1.2:1194", "[2001:db8::1]:1194", or the address alone.
[[nodiscard]] std::string flow_source(const FlowRecord& flow);
[[nodiscard]] std::string flow_destination(const FlowRecord& flow);

/// Appends one JSON object without a newline. Seconds and bytes are named by their suffix.
///
///     {"id":7,"wire":"vpn","family":"ipv4","protocol":"udp","protocol_number":17,
///      "state":"assured","opened_from":"inside","timeout_s":29.9,"age_s":3.1,
///      "original":{"source":"10.1.1.2","destination":"10.2.2.2","sport":1,"dport":2,
///                  "packets":3,"bytes":4},"reply":{...},
///      "rule":"allow-vpn","vlan":[100,200],"worker":0}
///
/// ICMP queries have type, code and id instead of the ports. "rule" is "default" when no rule
/// matched, and null when the rule belongs to an older policy; "vlan" stands only when tagged.
void append_flow_json(std::string& out, const FlowRecord& flow, const FlowNames& names);

/// Appends members of a JSON object that say what a report is about:
///
///     "protocol":"udp","source":"10.1.1.2:54268","destination":"192.0.2.20:1194","wire":"vpn",
///     "worker":0
void append_flow_ends_json(std::string& out, const FlowRecord& flow, const FlowNames& names);

/// A table for people: columns as wide as their widest cell.
class FlowTableFormat {
  public:
    explicit FlowTableFormat(std::span<const FlowRecord> flows, const FlowNames& names);
    void append_header(std::string& out) const;
    void append_row(std::string& out, const FlowRecord& flow) const;

  private:
    static constexpr size_t kColumns = 9;
    using Row = std::array<std::string, kColumns>;
    [[nodiscard]] Row cells(const FlowRecord& flow) const;
    void append(std::string& out, const Row& row) const;

    const FlowNames& names_;
    std::array<size_t, kColumns> width_{};
};

/// Rows of a table that ends with a sentence; the first one is its head. Of the other columns the
/// first two are numbers.
using ReportRow = std::array<std::string, 4>;
[[nodiscard]] std::string report_table(const std::vector<ReportRow>& rows);

/// "1.0" of a second; what lies in the future by a tick's rounding is 0.
[[nodiscard]] std::string tenths_text(Duration duration);

/// Whole seconds, minutes, hours or days with the next smaller unit: "29s", "3m05s", "4d23h".
[[nodiscard]] std::string short_duration(Duration duration);

}  // namespace ravelin
