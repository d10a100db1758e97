// SPDX-License-Identifier: BSD-3-Clause
#pragma once

#include "base/result.h"
#include "conntrack/record.h"
#include "policy/policy.h"

#include <nlohmann/json_fwd.hpp>

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

namespace ravelin {

enum class FlowSort : uint8_t { None, Bytes, Packets, Age, Timeout };

/// Which connections somebody asks for. What isn't set matches everything; all that is set must
/// match. Addresses and ports are those of the original direction, as conntrack's -s, -d, --sport
/// and --dport.
struct FlowFilter {
    std::optional<uint8_t> protocol;
    std::optional<Prefix> source;
    std::optional<Prefix> destination;
    std::optional<PortRange> source_port;
    std::optional<PortRange> destination_port;
    /// By netfilter's word, which both protocols may have (CLOSED only SCTP); with one of them set
    /// no other protocol matches.
    std::optional<uint8_t> tcp_state;
    std::optional<uint8_t> sctp_state;
    std::optional<bool> assured;
    std::optional<bool> replied;
    std::optional<Family> family;
    std::optional<uint8_t> wire;
    uint64_t limit = UINT64_MAX;
    FlowSort sort = FlowSort::None;  ///< largest first; Timeout: the one that ends next first

    [[nodiscard]] bool matches(const FlowRecord& flow) const noexcept;
    /// Whether `a` comes before `b`. Equal ones stand by id, so that two listings agree.
    [[nodiscard]] bool before(const FlowRecord& a, const FlowRecord& b) const noexcept;

  private:
    [[nodiscard]] bool in_state(const FlowRecord& flow) const noexcept;
};

/// Reads the object "filters" of a request. An unknown key or value is an error that names what
/// would have been right. `wires` are the names of the configured wires.
Result<FlowFilter> parse_flow_filter(const nlohmann::json& filters,
                                     const std::vector<std::string>& wires);

}  // namespace ravelin
