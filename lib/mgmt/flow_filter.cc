// SPDX-License-Identifier: BSD-3-Clause
#include "mgmt/flow_filter.h"

#include "conntrack/connection.h"
#include "conntrack/options.h"
#include "mgmt/conntrack_format.h"
#include "packet/headers.h"

#include <nlohmann/json.hpp>

#include <algorithm>
#include <array>
#include <charconv>
#include <cstring>
#include <utility>

namespace ravelin {

namespace {

using nlohmann::json;

constexpr std::array<std::pair<std::string_view, uint8_t>, 8> kProtocols{{
    {"tcp", ip_protocol::kTcp},
    {"udp", ip_protocol::kUdp},
    {"icmp", ip_protocol::kIcmp},
    {"icmpv6", ip_protocol::kIcmpv6},
    {"esp", ip_protocol::kEsp},
    {"ah", ip_protocol::kAh},
    {"gre", ip_protocol::kGre},
    {"sctp", ip_protocol::kSctp},
}};

bool in(const std::optional<PortRange>& range, uint16_t port) {
    return !range || (port >= range->first && port <= range->last);
}

/// The whole text is a number that fits.
template <class T>
std::optional<T> number(std::string_view text) {
    T value{};
    const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value);
    if (error != std::errc{} || end != text.data() + text.size()) return std::nullopt;
    return value;
}

std::string text_of(const json& value) {
    return value.is_string() ? value.get<std::string>() : value.dump();
}

Result<void> wrong(std::string_view key, const json& value, std::string_view expected) {
    return fail("filter " + std::string{key} + ": \"" + text_of(value).substr(0, 64) +
                "\" is not " + std::string{expected});
}

Result<void> read_protocol(FlowFilter& filter, const json& value) {
    const std::string text = text_of(value);
    for (const auto& [name, protocol] : kProtocols)
        if (name == text) filter.protocol = protocol;
    if (!filter.protocol) filter.protocol = number<uint8_t>(text);
    if (filter.protocol) return {};
    return wrong("protocol", value,
                 "a protocol (tcp, udp, icmp, icmpv6, esp, ah, gre, sctp or a number to 255)");
}

Result<void> read_prefix(std::optional<Prefix>& prefix, std::string_view key, const json& value) {
    auto parsed = Prefix::parse(text_of(value));
    if (!parsed) return wrong(key, value, "an address or prefix: " + parsed.error().message);
    prefix = *parsed;
    return {};
}

Result<void> read_ports(std::optional<PortRange>& range, std::string_view key, const json& value) {
    const std::string text = text_of(value);
    const size_t dash = text.find('-');
    const auto first = number<uint16_t>(std::string_view{text}.substr(0, dash));
    const auto last = dash == std::string::npos
                          ? first
                          : number<uint16_t>(std::string_view{text}.substr(dash + 1));
    if (!first || !last || *first > *last)
        return wrong(key, value, "a port or a range of ports (1194, 1000-2000)");
    range = PortRange{*first, *last};
    return {};
}

Result<void> read_state(FlowFilter& filter, const json& value) {
    std::string text = text_of(value);
    std::transform(text.begin(), text.end(), text.begin(),
                   [](char c) { return c >= 'a' && c <= 'z' ? static_cast<char>(c - 32) : c; });
    std::string tcp;
    for (uint8_t state = 1; state < kTcpPhaseCount; ++state) {
        if (tcp_state_word(state) == text) filter.tcp_state = state;
        tcp += (state == 1 ? "" : ", ") + std::string{tcp_state_word(state)};
    }
    std::string sctp;
    for (uint8_t state = 1; state < kSctpPhaseCount; ++state) {
        if (sctp_state_word(state) == text) filter.sctp_state = state;
        sctp += (state == 1 ? "" : ", ") + std::string{sctp_state_word(state)};
    }
    if (filter.tcp_state || filter.sctp_state) return {};
    return wrong("state", value, "a state of TCP (" + tcp + ") or SCTP (" + sctp + ")");
}

Result<void> read_wire(FlowFilter& filter, const json& value,
                       const std::vector<std::string>& wires) {
    const auto found = std::find(wires.begin(), wires.end(), text_of(value));
    if (found == wires.end()) return wrong("wire", value, "a configured wire");
    filter.wire = static_cast<uint8_t>(found - wires.begin());
    return {};
}

Result<void> read_sort(FlowFilter& filter, const json& value) {
    static constexpr std::array<std::pair<std::string_view, FlowSort>, 4> kSorts{{
        {"bytes", FlowSort::Bytes},
        {"packets", FlowSort::Packets},
        {"age", FlowSort::Age},
        {"timeout", FlowSort::Timeout},
    }};
    for (const auto& [name, sort] : kSorts)
        if (text_of(value) == name) filter.sort = sort;
    if (filter.sort != FlowSort::None) return {};
    return wrong("sort", value, "one of bytes, packets, age, timeout");
}

Result<void> read_flag(std::optional<bool>& flag, std::string_view key, const json& value,
                       bool wanted) {
    if (!value.is_boolean()) return wrong(key, value, "true or false");
    if (value.get<bool>()) flag = wanted;
    return {};
}

Result<void> read_key(FlowFilter& filter, const std::string& key, const json& value,
                      const std::vector<std::string>& wires) {
    if (key == "protocol") return read_protocol(filter, value);
    if (key == "source") return read_prefix(filter.source, key, value);
    if (key == "destination") return read_prefix(filter.destination, key, value);
    if (key == "sport") return read_ports(filter.source_port, key, value);
    if (key == "dport") return read_ports(filter.destination_port, key, value);
    if (key == "state") return read_state(filter, value);
    if (key == "assured") return read_flag(filter.assured, key, value, true);
    if (key == "unreplied") return read_flag(filter.replied, key, value, false);
    if (key == "wire") return read_wire(filter, value, wires);
    if (key == "sort") return read_sort(filter, value);
    if (key == "family") {
        if (value == "ipv4" || value == "ipv6") {
            filter.family = value == "ipv4" ? Family::Ipv4 : Family::Ipv6;
            return {};
        }
        return wrong(key, value, "ipv4 or ipv6");
    }
    if (key == "limit") {
        const auto limit = number<uint64_t>(text_of(value));
        if (!limit) return wrong(key, value, "a number");
        filter.limit = *limit;
        return {};
    }
    return fail("unknown filter \"" + key.substr(0, 64) +
                "\" (protocol, source, destination, sport, dport, state, assured, unreplied, "
                "family, wire, limit, sort)");
}

uint64_t total(const std::array<uint64_t, 2>& both) {
    return both[0] + both[1];
}

}  // namespace

bool FlowFilter::in_state(const FlowRecord& flow) const noexcept {
    if (flow.protocol == ip_protocol::kTcp) return tcp_state && flow.state == *tcp_state;
    return flow.protocol == ip_protocol::kSctp && sctp_state && flow.state == *sctp_state;
}

bool FlowFilter::matches(const FlowRecord& flow) const noexcept {
    if (protocol && *protocol != flow.protocol) return false;
    if (family && *family != flow.family) return false;
    if (wire && *wire != flow.wire) return false;
    if ((tcp_state || sctp_state) && !in_state(flow)) return false;
    if (assured && *assured != ((flow.flags & connection_flag::kAssured) != 0)) return false;
    if (replied && *replied != ((flow.flags & connection_flag::kSeenReply) != 0)) return false;
    if ((source_port || destination_port) && !has_ports(flow.protocol)) return false;
    if (!in(source_port, flow.source_port) || !in(destination_port, flow.destination_port))
        return false;
    if (source && (source->family != flow.family || !source->contains(flow.source))) return false;
    return !destination ||
           (destination->family == flow.family && destination->contains(flow.destination));
}

bool FlowFilter::before(const FlowRecord& a, const FlowRecord& b) const noexcept {
    switch (sort) {
        case FlowSort::Bytes:
            if (total(a.bytes) != total(b.bytes)) return total(a.bytes) > total(b.bytes);
            break;
        case FlowSort::Packets:
            if (total(a.packets) != total(b.packets)) return total(a.packets) > total(b.packets);
            break;
        case FlowSort::Age:
            if (a.age != b.age) return a.age > b.age;
            break;
        case FlowSort::Timeout:
            if (a.remaining != b.remaining) return a.remaining < b.remaining;
            break;
        case FlowSort::None:
            break;
    }
    return a.id < b.id;
}

Result<FlowFilter> parse_flow_filter(const json& filters, const std::vector<std::string>& wires) {
    FlowFilter filter;
    if (filters.is_null()) return filter;
    if (!filters.is_object()) return fail("\"filters\" must be an object");
    for (const auto& [key, value] : filters.items())
        if (auto read = read_key(filter, key, value, wires); !read)
            return tl::unexpected<Error>{read.error()};
    return filter;
}

}  // namespace ravelin
