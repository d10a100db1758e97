// SPDX-License-Identifier: BSD-3-Clause
#include "config/validate.h"

#include "config/network_values.h"
#include "config/text.h"
#include "config/values.h"

#include <algorithm>
#include <array>
#include <map>
#include <optional>
#include <unordered_map>
#include <utility>

namespace ravelin::config {
namespace {

/// A rule can't be written in fewer characters than `{name: a, action: drop}` and its separator,
/// so that the size limit of files keeps rule numbers below Policy::kDefaultRule.
static_assert(kMaxConfigBytes / 24 < Policy::kDefaultRule);

/// "udp_replied" is of UDP; nothing for what is of all other protocols.
std::optional<uint8_t> protocol_of_timeout(std::string_view key) {
    const std::string_view word = key.substr(0, key.find('_'));
    for (const NamedNumber& entry : protocol_names())
        if (entry.name == word) return static_cast<uint8_t>(entry.number);
    return {};
}

class Validator {
  public:
    Validator(Draft& draft, const std::string& path, Findings& findings)
        : draft_{draft}, path_{path}, findings_{findings} {}

    void run() {
        ports();
        wires();
        rules();
        services();
        cores();
        eal();
    }

  private:
    void ports() {
        std::map<std::string, std::string, std::less<>> devices;
        for (const PortDraft& port : draft_.ports) {
            const PortConfig& value = port.value;
            if ((value.descriptors & (value.descriptors - 1)) != 0) {
                findings_.error(port.place, "port " + in_quotes(value.name) +
                                                ": descriptors must be a power of two, got " +
                                                std::to_string(value.descriptors));
            }
            const std::string device = value.device.substr(0, value.device.find(','));
            if (!device.empty()) {
                const auto [other, is_new] = devices.emplace(device, value.name);
                if (!is_new) {
                    findings_.error(port.place, "port " + in_quotes(value.name) + ": device " +
                                                    in_quotes(device) + " belongs to port " +
                                                    in_quotes(other->second) + " already");
                }
            }
            index_.emplace(value.name, draft_.config.ports.size());
            draft_.config.ports.push_back(value);
        }
        if (draft_.ports.size() > kMaxPorts) {
            findings_.error(draft_.ports[kMaxPorts].place, "at most " + std::to_string(kMaxPorts) +
                                                               " ports, got " +
                                                               std::to_string(draft_.ports.size()));
        }
        wire_of_.resize(draft_.ports.size());
    }

    /// The index of the port that a key names; reports a name that isn't there.
    std::optional<size_t> find_port(const Node& element, std::string_view key,
                                    const std::string& name, const std::string& label) {
        if (name.empty()) return std::nullopt;  // missing or refused already
        const auto found = index_.find(name);
        if (found != index_.end()) return found->second;
        std::vector<std::string_view> names;
        for (const PortDraft& port : draft_.ports)
            names.push_back(port.value.name);
        findings_.error(place_of(element, key), label + ": there is no port " + in_quotes(name) +
                                                    did_you_mean(name, names));
        return std::nullopt;
    }

    void wires() {
        std::unordered_map<std::string, uint32_t> names;
        for (WireDraft& wire : draft_.wires) {
            unique_name(*wire.node, wire.value.name, "wire", names);
            const std::string element = " of wire " + in_quotes(wire.value.name);
            const auto outside =
                find_port(*wire.node, "outside", wire.outside, "outside" + element);
            const auto inside = find_port(*wire.node, "inside", wire.inside, "inside" + element);
            if (outside && inside && *outside == *inside) {
                findings_.error(place_of(*wire.node, "inside"),
                                "wire " + in_quotes(wire.value.name) +
                                    " needs two different ports, got " + in_quotes(wire.inside) +
                                    " twice");
            } else {
                if (outside) claim(*wire.node, "outside", *outside, wire.value.name);
                if (inside) claim(*wire.node, "inside", *inside, wire.value.name);
            }
            wire.value.outside = static_cast<uint8_t>(outside.value_or(0));
            wire.value.inside = static_cast<uint8_t>(inside.value_or(0));
            wire.value.allow_from_outside = wire.from_outside == "allow";
            wire.value.allow_from_inside = wire.from_inside == "allow";
            set_default(outside, wire.value.allow_from_outside);
            set_default(inside, wire.value.allow_from_inside);
            draft_.config.wires.push_back(wire.value);
        }
        unused_ports();
    }

    void set_default(std::optional<size_t> port, bool allow) {
        if (port && *port < kMaxPorts) draft_.config.policy.default_allow[*port] = allow;
    }

    void claim(const Node& wire, std::string_view key, size_t port, const std::string& name) {
        if (wire_of_[port]) {
            findings_.error(place_of(wire, key),
                            "port " + in_quotes(draft_.ports[port].value.name) +
                                " belongs to wire " + in_quotes(*wire_of_[port]) + " already");
            return;
        }
        wire_of_[port] = name;
    }

    /// Only when the wires themselves are right: otherwise the ports are what the user meant.
    void unused_ports() {
        if (draft_.wires.empty() || findings_.has_errors()) return;
        for (size_t i = 0; i < draft_.ports.size(); ++i) {
            if (wire_of_[i]) continue;
            findings_.error(draft_.ports[i].place, "port " + in_quotes(draft_.ports[i].value.name) +
                                                       " belongs to no wire");
        }
    }

    void unique_name(const Node& element, const std::string& name, std::string_view what,
                     std::unordered_map<std::string, uint32_t>& names) {
        if (name.empty()) return;
        const Place place = place_of(element, "name");
        const auto [first, is_new] = names.emplace(name, place.line);
        if (is_new) return;
        findings_.error(place, std::string{what} + " " + in_quotes(name) +
                                   ": the name is used in line " + std::to_string(first->second) +
                                   " already");
    }

    void rules() {
        std::unordered_map<std::string, uint32_t> names;
        for (RuleDraft& rule : draft_.rules) {
            Rule& value = rule.value;
            const size_t errors_before = findings_.errors();
            unique_name(*rule.node, value.name, "rule", names);
            if (value.name == "default") {
                findings_.error(place_of(*rule.node, "name"),
                                "rule 'default': that is what the wires' own defaults are called");
            }
            value.where = path_ + ":" + std::to_string(rule.node->place.line);
            value.allow = rule.action == "allow";
            value.late = read_stale_policy(rule.late);
            if (!rule.late.empty() && !value.allow) {
                findings_.error(place_of(*rule.node, "late"),
                                "late of rule " + in_quotes(value.name) +
                                    ": the rule allows no connection that could be late");
            }
            const auto from =
                find_port(*rule.node, "from", rule.from, "from of rule " + in_quotes(value.name));
            if (from && *from < kMaxPorts) value.from_port = static_cast<uint8_t>(*from);
            check_ports(rule);
            check_families(rule);
            check_timeouts(rule);
            rule.good = rule.good && findings_.errors() == errors_before;
        }
        find_unreachable(draft_.rules, findings_);
        if (rules_with_timeouts_ > TrackingSets::kMost) {
            findings_.error(draft_.rules.front().node->place,
                            "at most " + std::to_string(TrackingSets::kMost) +
                                " rules may have timeouts of their own, got " +
                                std::to_string(rules_with_timeouts_));
        }
        for (const RuleDraft& rule : draft_.rules)
            draft_.config.policy.rules.push_back(rule.value);
    }

    /// Only the connections that a rule allows have timeouts, and only those of its protocol.
    void check_timeouts(RuleDraft& rule) {
        const Node* const node = rule.node->find("timeouts");
        if (node == nullptr) return;
        const auto refuse = [&](const Place& place, std::string_view key, std::string_view why) {
            findings_.error(place, std::string{key} + " of rule " + in_quotes(rule.value.name) +
                                       ": " + std::string{why});
        };
        if (!rule.value.allow) {
            refuse(node->place, "timeouts", "the rule allows no connection that could have one");
            return;
        }
        for (const Node& key : node->keys) {
            const auto protocol = protocol_of_timeout(key.text);
            if (!rule.value.protocol || !protocol || *protocol == *rule.value.protocol) continue;
            refuse(key.place, "timeouts." + key.text, "the rule is about another protocol");
        }
        if (rule.timeouts == draft_.config.tracking.timeouts) return;
        rule.value.timeouts = rule.timeouts;
        ++rules_with_timeouts_;
    }

    void services() {
        std::unordered_map<std::string, uint32_t> names;
        for (ServiceDraft& service : draft_.services) {
            VpnService& value = service.value;
            unique_name(*service.node, value.name, "service", names);
            value.protocol = service.protocol == "wireguard" ? VpnProtocol::WireGuard
                             : service.protocol == "ipsec"   ? VpnProtocol::Ike
                             : service.protocol == "dtls"    ? VpnProtocol::Dtls
                                                             : VpnProtocol::OpenVpn;
            if (const auto key = read_public_key(service.public_key))
                value.mac1 = Mac1Key::of(*key);
            if (value.mac1 && value.protocol != VpnProtocol::WireGuard) {
                findings_.error(place_of(*service.node, "public_key"),
                                "public_key of service " + in_quotes(value.name) +
                                    ": only wireguard's handshakes show for whom they were made");
            }
            draft_.config.services.push_back(value);
        }
        if (draft_.services.empty()) return;
        const Node& first = *draft_.services.front().node;
        if (draft_.services.size() > VpnService::kMost) {
            findings_.error(draft_.services[VpnService::kMost].node->place,
                            "at most " + std::to_string(VpnService::kMost) + " services, got " +
                                std::to_string(draft_.services.size()));
        }
        if (draft_.config.tunnels == 0 || !draft_.config.observation.observe) {
            findings_.error(first.place,
                            "services need tunnels to be observed: tunnels.capacity is 0, or "
                            "tunnels.observe is false");
        }
    }

    void check_ports(const RuleDraft& rule) {
        if (!rule.value.protocol || has_ports(*rule.value.protocol)) return;
        for (const std::string_view key : {"source_ports", "destination_ports"}) {
            if (rule.node->find(key) == nullptr) continue;
            findings_.error(place_of(*rule.node, key),
                            std::string{key} + " of rule " + in_quotes(rule.value.name) + ": " +
                                protocol_name(*rule.value.protocol) +
                                " has no ports; only tcp, udp and sctp have");
        }
    }

    /// A prefix that the rest of its rule makes useless is a mistake that nobody would notice.
    void check_families(const RuleDraft& rule) {
        const Rule& value = rule.value;
        Family needed = Family::None;
        std::string because;
        if (value.protocol == ip_protocol::kIcmp) {
            needed = Family::Ipv4;
            because = "protocol icmp is IPv4's; icmpv6 is IPv6's";
        } else if (value.protocol == ip_protocol::kIcmpv6) {
            needed = Family::Ipv6;
            because = "protocol icmpv6 is IPv6's; icmp is IPv4's";
        }
        check_side(rule, "source", value.source, needed, because);
        check_side(rule, "destination", value.destination, needed, because);
        if (needed != Family::None || value.source.empty() || value.destination.empty()) return;
        for (const Family family : {Family::Ipv4, Family::Ipv6}) {
            const bool source = has_family(value.source, family);
            const bool destination = has_family(value.destination, family);
            if (source == destination) continue;
            const std::string here = source ? "source" : "destination";
            const std::string there = source ? "destination" : "source";
            const std::string name = family == Family::Ipv4 ? "IPv4" : "IPv6";
            findings_.error(place_of(*rule.node, here), here + " of rule " + in_quotes(value.name) +
                                                            " has " + name + ", but " + there +
                                                            " has none: it would never match");
        }
    }

    static bool has_family(const std::vector<Prefix>& list, Family family) {
        return std::any_of(list.begin(), list.end(),
                           [&](const Prefix& prefix) { return prefix.family == family; });
    }

    void check_side(const RuleDraft& rule, std::string_view key, const std::vector<Prefix>& list,
                    Family needed, const std::string& because) {
        if (needed == Family::None) return;
        const Family other = needed == Family::Ipv4 ? Family::Ipv6 : Family::Ipv4;
        if (!has_family(list, other)) return;
        findings_.error(place_of(*rule.node, key), std::string{key} + " of rule " +
                                                       in_quotes(rule.value.name) + ": " + because);
    }

    void cores() {
        const CoresConfig& cores = draft_.config.cores;
        for (const uint16_t cpu : cores.workers) {
            if (std::find(cores.management.begin(), cores.management.end(), cpu) ==
                cores.management.end()) {
                continue;
            }
            findings_.warning(draft_.workers_place,
                              "CPU " + std::to_string(cpu) +
                                  " is named for management and for workers: they would share it, "
                                  "and a worker is always busy");
            return;
        }
    }

    /// Options that would contradict what stands elsewhere in the file.
    void eal() {
        static constexpr std::array<std::string_view, 8> kCores{
            "-l", "--lcores", "-c", "--coremask", "-S", "--service-corelist", "-s", "--main-lcore"};
        const std::vector<std::string>& words = draft_.config.eal;
        const auto has = [&](std::string_view word) {
            return std::find(words.begin(), words.end(), word) != words.end();
        };
        for (const std::string& word : words) {
            const std::string_view option = std::string_view{word}.substr(0, word.find('='));
            if (std::find(kCores.begin(), kCores.end(), option) == kCores.end()) continue;
            findings_.error(draft_.eal_place,
                            "eal: " + in_quotes(word) + " is decided by 'cores'; leave it out");
        }
        // EAL 22.11 refuses the pair with a sentence about --legacy-mem that nobody wrote.
        if (has("--no-huge") && has("--in-memory")) {
            findings_.error(draft_.eal_place,
                            "eal: --in-memory needs huge pages and can't go with --no-huge");
        }
    }

    Draft& draft_;
    const std::string& path_;
    Findings& findings_;
    size_t rules_with_timeouts_ = 0;
    std::unordered_map<std::string, size_t> index_;
    std::vector<std::optional<std::string>> wire_of_;
};

}  // namespace

Place place_of(const Node& element, std::string_view key) {
    const Node* value = element.find(key);
    return value != nullptr ? value->place : element.place;
}

void validate(Draft& draft, const std::string& path, Findings& findings) {
    draft.config.steering = draft.steering == "ports" ? Steering::Ports : Steering::Addresses;
    draft.config.tracking.tombstones.policy = read_stale_policy(draft.stale_policy);
    Validator{draft, path, findings}.run();
}

}  // namespace ravelin::config
