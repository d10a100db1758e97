// SPDX-License-Identifier: BSD-3-Clause
#pragma once

#include "packet/drop_reason.h"
#include "packet/headers.h"

#include <array>
#include <cstdint>
#include <optional>
#include <string>
#include <vector>

namespace ravelin {

inline constexpr uint32_t kMaxPorts = 32;

struct PortRange {
    uint16_t first = 0;
    uint16_t last = 65535;
    bool operator==(const PortRange&) const noexcept = default;
};

/// One rule. Empty lists and absent values match everything; all that is given must match.
struct Rule {
    std::string name{};
    std::string where{};                 ///< "ravelin.yaml:42"
    std::optional<uint8_t> from_port{};  ///< index of the port the packet came in on
    std::optional<uint8_t> protocol{};   ///< IANA number
    std::vector<Prefix> source{};
    std::vector<Prefix> destination{};
    std::vector<PortRange> source_ports{};       ///< TCP, UDP, SCTP only
    std::vector<PortRange> destination_ports{};  ///< TCP, UDP, SCTP only
    bool allow = false;
};

/// What the rules are asked about: the first packet of a connection.
struct Query {
    uint8_t from_port = 0;
    uint8_t protocol = 0;
    Address source{};
    Address destination{};
    uint16_t source_port = 0;  ///< 0 unless the protocol has ports
    uint16_t destination_port = 0;
};

struct Judgement {
    bool allow = false;
    uint16_t rule = 0;                     ///< index into rules, or Policy::kDefaultRule
    DropReason reason = DropReason::None;  ///< PolicyRule or PolicyDefault when not allowed
};

/// The ordered rules and what happens when none matches. Immutable once published.
class Policy {
  public:
    static constexpr uint16_t kDefaultRule = UINT16_MAX;

    std::vector<Rule> rules;
    std::array<bool, kMaxPorts> default_allow{};  ///< by the port the packet came in on

    /// The first rule that matches decides. Linear: the reference for every faster matcher.
    [[nodiscard]] Judgement judge(const Query& query) const noexcept;
};

}  // namespace ravelin
