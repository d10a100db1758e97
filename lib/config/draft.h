// SPDX-License-Identifier: BSD-3-Clause
#pragma once

#include "config/node.h"
#include "config/schema.h"

#include <string>
#include <vector>

namespace ravelin::config {

struct PortDraft {
    PortConfig value{};
    Place place{};  ///< of its name
};

struct WireDraft {
    WireConfig value{};
    std::string outside{};
    std::string inside{};
    std::string from_outside = "drop";
    std::string from_inside = "allow";
    const Node* node = nullptr;
};

struct RuleDraft {
    Rule value{};
    std::string from{};
    std::string action{};
    std::string late{};
    Timeouts timeouts{};  ///< conntrack.timeouts, and what it sets itself
    const Node* node = nullptr;
    bool good = true;  ///< nothing in it was refused, so that it can be compared with others
};

struct ServiceDraft {
    VpnService value{};
    std::string protocol{};
    std::string public_key{};
    const Node* node = nullptr;
};

/// A configuration while it is read: names aren't resolved yet, and every element knows where it
/// stands. Elements are filled one after the other, so "the" port, wire or rule is the last one.
struct Draft {
    Config config{};
    std::string profile = "strict";
    std::string steering = "addresses";
    std::string stale_policy = "drop";
    std::vector<PortDraft> ports{};
    std::vector<WireDraft> wires{};
    std::vector<RuleDraft> rules{};
    std::vector<ServiceDraft> services{};
    Place eal_place{};      ///< of the value of `eal`
    Place workers_place{};  ///< of the value of `cores.workers`
};

}  // namespace ravelin::config
