// SPDX-License-Identifier: BSD-3-Clause
#include "config/network_values.h"

#include "config/text.h"
#include "config/values.h"

#include <algorithm>
#include <array>
#include <charconv>
#include <openssl/evp.h>

namespace ravelin::config {
namespace {

constexpr std::array kProtocols{
    NamedNumber{"icmp", ip_protocol::kIcmp},
    NamedNumber{"igmp", ip_protocol::kIgmp},
    NamedNumber{"tcp", ip_protocol::kTcp},
    NamedNumber{"udp", ip_protocol::kUdp},
    NamedNumber{"gre", ip_protocol::kGre},
    NamedNumber{"esp", ip_protocol::kEsp},
    NamedNumber{"ah", ip_protocol::kAh},
    NamedNumber{"icmpv6", ip_protocol::kIcmpv6},
    NamedNumber{"ospf", 89},
    NamedNumber{"pim", 103},
    NamedNumber{"vrrp", 112},
    NamedNumber{"l2tp", 115},
    NamedNumber{"sctp", ip_protocol::kSctp},
    NamedNumber{"udplite", 136},
};

// EtherTypes as the IEEE registers them.
constexpr std::array kEtherTypes{
    NamedNumber{"arp", 0x0806},        NamedNumber{"rarp", 0x8035},
    NamedNumber{"lldp", 0x88cc},       NamedNumber{"eapol", 0x888e},
    NamedNumber{"lacp", 0x8809},       NamedNumber{"macsec", 0x88e5},
    NamedNumber{"ptp", 0x88f7},        NamedNumber{"cfm", 0x8902},
    NamedNumber{"mpls", 0x8847},       NamedNumber{"mpls", 0x8848},
    NamedNumber{"pppoe", 0x8863},      NamedNumber{"pppoe", 0x8864},
    NamedNumber{"stp", kEtherTypeLlc}, NamedNumber{"llc", kEtherTypeLlc},
    NamedNumber{"profinet", 0x8892},   NamedNumber{"wake_on_lan", 0x0842},
};

std::vector<std::string_view> names_of(std::span<const NamedNumber> table) {
    std::vector<std::string_view> names;
    for (const NamedNumber& entry : table) {
        if (names.empty() || names.back() != entry.name) names.push_back(entry.name);
    }
    return names;
}

/// A list's items, or the value itself where one stands in place of a list of one.
std::vector<const Node*> one_or_more(const Node& node) {
    if (node.kind != Node::Kind::List) return {&node};
    std::vector<const Node*> items;
    for (const Node& item : node.items)
        items.push_back(&item);
    return items;
}

bool refuse_empty(const Key& key, const Node& node, const std::string& label, Findings& findings) {
    if (node.kind != Node::Kind::List || !node.items.empty()) return false;
    findings.error(node.place, label + ": expected " + expected(key) +
                                   ", got an empty list; leave the key out to match all");
    return true;
}

void refuse_item(const Key& key, const Node& item, const std::string& label,
                 const std::string& more, Findings& findings) {
    findings.error(item.place,
                   label + ": expected " + expected(key) + ", got " + describe(item) + more);
}

/// 0x88cc and the like.
std::optional<uint16_t> parse_hexadecimal(std::string_view text) {
    if (text.substr(0, 2) != "0x" || text.size() < 3 || text.size() > 6) return std::nullopt;
    uint16_t number = 0;
    const char* const end = text.data() + text.size();
    const auto [stop, error] = std::from_chars(text.data() + 2, end, number, 16);
    if (error != std::errc{} || stop != end) return std::nullopt;
    return number;
}

/// Why a number can't stand in `non_ip`; empty when it can.
std::string ether_type_objection(uint16_t number) {
    constexpr uint16_t kFirst = 0x0600;  // IEEE 802.3 3.2.6: lower values are lengths
    if (number < kFirst) return "EtherTypes begin at 0x0600";
    if (number == 0x0800 || number == 0x86dd) return "IP is tracked and judged by the rules";
    if (number == 0x8100 || number == 0x88a8 || number == 0x9100) {
        return "a VLAN tag is no protocol; what follows it counts";
    }
    return {};
}

void add_once(std::vector<uint16_t>& list, uint16_t number) {
    if (std::find(list.begin(), list.end(), number) == list.end()) list.push_back(number);
}

std::optional<PortRange> parse_port_range(std::string_view text) {
    const size_t dash = text.find('-');
    const auto first = parse_number(text.substr(0, dash));
    const auto last = dash == std::string_view::npos ? first : parse_number(text.substr(dash + 1));
    if (!first || !last || *first > *last || *last > 65535) return std::nullopt;
    return PortRange{static_cast<uint16_t>(*first), static_cast<uint16_t>(*last)};
}

}  // namespace

std::span<const NamedNumber> protocol_names() noexcept {
    return kProtocols;
}
std::span<const NamedNumber> ether_type_names() noexcept {
    return kEtherTypes;
}

std::string protocol_name(uint8_t protocol) {
    for (const NamedNumber& entry : kProtocols) {
        if (entry.number == protocol) return std::string{entry.name};
    }
    return std::to_string(protocol);
}

std::vector<uint16_t> read_ether_types(const Key& key, const Node& node, const std::string& label,
                                       Findings& findings) {
    std::vector<uint16_t> list;
    if (node.kind != Node::Kind::List) {
        refuse_item(key, node, label, "", findings);
        return list;
    }
    for (const Node& item : node.items) {
        if (item.kind == Node::Kind::Refused) continue;
        bool known = false;
        for (const NamedNumber& entry : kEtherTypes) {
            if (item.kind != Node::Kind::Scalar || entry.name != item.text) continue;
            add_once(list, entry.number);
            known = true;
        }
        if (known) continue;
        const auto number =
            item.kind == Node::Kind::Scalar ? parse_hexadecimal(item.text) : std::nullopt;
        if (!number) {
            findings.error(item.place, label + ": expected a name such as arp, or 0x88cc, got " +
                                           describe(item) +
                                           did_you_mean(item.text, names_of(kEtherTypes)));
            continue;
        }
        const std::string objection = ether_type_objection(*number);
        if (objection.empty()) {
            add_once(list, *number);
        } else {
            findings.error(item.place, label + ": " + in_quotes(item.text) + ": " + objection);
        }
    }
    return list;
}

std::optional<uint8_t> read_protocol(const Key& key, const Node& node, const std::string& label,
                                     Findings& findings) {
    if (node.kind == Node::Kind::Scalar) {
        for (const NamedNumber& entry : kProtocols) {
            if (entry.name == node.text) return static_cast<uint8_t>(entry.number);
        }
        const auto number = node.quoted ? std::nullopt : parse_number(node.text);
        if (number && *number <= 255) return static_cast<uint8_t>(*number);
        if (node.text == "any" || node.text == "all") {
            refuse_item(key, node, label, "; leave the key out to match all", findings);
            return std::nullopt;
        }
    }
    refuse_item(key, node, label, did_you_mean(node.text, names_of(kProtocols)), findings);
    return std::nullopt;
}

std::vector<Prefix> read_prefixes(const Key& key, const Node& node, const std::string& label,
                                  Findings& findings) {
    std::vector<Prefix> list;
    if (refuse_empty(key, node, label, findings)) return list;
    for (const Node* item : one_or_more(node)) {
        if (item->kind == Node::Kind::Refused) continue;
        constexpr size_t kLongest = 64;  // longer is no address, and no text for a message
        if (item->kind != Node::Kind::Scalar || item->text.empty() ||
            item->text.size() > kLongest) {
            refuse_item(key, *item, label, "", findings);
            continue;
        }
        const Result<Prefix> prefix = Prefix::parse(item->text);
        if (prefix) {
            list.push_back(*prefix);
        } else {
            findings.error(item->place, label + ": " + printable(prefix.error().message));
        }
    }
    return list;
}

std::vector<PortRange> read_port_ranges(const Key& key, const Node& node, const std::string& label,
                                        Findings& findings) {
    std::vector<PortRange> list;
    if (refuse_empty(key, node, label, findings)) return list;
    for (const Node* item : one_or_more(node)) {
        if (item->kind == Node::Kind::Refused) continue;
        const auto range =
            item->kind == Node::Kind::Scalar ? parse_port_range(item->text) : std::nullopt;
        if (range) {
            list.push_back(*range);
        } else {
            refuse_item(key, *item, label, "", findings);
        }
    }
    return list;
}

bool is_endpoint(std::string_view text) {
    const size_t colon = text.rfind(':');
    if (colon == std::string_view::npos) return false;
    std::string_view host = text.substr(0, colon);
    const auto port = parse_number(text.substr(colon + 1));
    if (!port || *port < 1 || *port > 65535) return false;
    const bool bracketed = host.size() > 2 && host.front() == '[' && host.back() == ']';
    if (bracketed) host = host.substr(1, host.size() - 2);
    const Result<Address> address = Address::parse(host);
    return address.has_value() && bracketed == (host.find(':') != std::string_view::npos);
}

std::optional<std::array<uint8_t, Mac1Key::kPublicKey>> read_public_key(std::string_view text) {
    constexpr size_t kCharacters = 44;
    constexpr std::string_view kAlphabet =
        "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
    if (text.size() != kCharacters || text.back() != '=' ||
        text.substr(0, kCharacters - 1).find_first_not_of(kAlphabet) != std::string_view::npos)
        return std::nullopt;
    // It writes whole groups of three bytes, the last one for the padding.
    std::array<uint8_t, Mac1Key::kPublicKey + 1> bytes{};
    EVP_DecodeBlock(bytes.data(), reinterpret_cast<const uint8_t*>(text.data()), kCharacters);
    std::array<uint8_t, Mac1Key::kPublicKey> key{};
    std::copy_n(bytes.begin(), key.size(), key.begin());
    return key;
}

}  // namespace ravelin::config
