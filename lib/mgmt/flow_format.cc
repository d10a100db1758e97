// SPDX-License-Identifier: BSD-3-Clause
#include "mgmt/flow_format.h"

#include "conntrack/connection.h"
#include "mgmt/conntrack_format.h"
#include "mgmt/text.h"
#include "packet/headers.h"
#include "pipeline/counters.h"

#include <algorithm>
#include <array>
#include <cstdio>

namespace ravelin {

namespace {

constexpr std::array<std::string_view, 9> kHeader{
    "PROTO", "STATE", "SOURCE", "DESTINATION", "TIMEOUT", "AGE", "PACKETS", "BYTES", "WIRE"};

bool has(const FlowRecord& flow, uint8_t flag) {
    return (flow.flags & flag) != 0;
}

/// Of ESP and AH where each SPI is a connection of its own; otherwise 0.
uint32_t spi_of(const FlowRecord& flow) {
    if (!is_ipsec(flow.protocol)) return 0;
    return static_cast<uint32_t>(flow.source_port) << 16 | flow.destination_port;
}

/// As IPsec tools write an SPI.
std::string hex(uint32_t number) {
    std::array<char, 11> text{};
    std::snprintf(text.data(), text.size(), "0x%08x", number);
    return text.data();
}

/// Tenths of a second are what a listing can promise.
void append_seconds(std::string& out, Duration duration) {
    const auto tenths = duration / 100ms;
    append_number(out, tenths / 10);
    out.push_back('.');
    append_number(out, tenths % 10);
}

void append_direction_json(std::string& out, const FlowRecord& flow, Direction direction) {
    const bool original = direction == Direction::Original;
    const auto index = static_cast<size_t>(direction);
    out.append("{\"source\":\"");
    append_address(out, original ? flow.source : flow.destination, flow.family);
    out.append("\",\"destination\":\"");
    append_address(out, original ? flow.destination : flow.source, flow.family);
    out.append("\",");
    if (is_icmp(flow.protocol)) {
        const auto request = static_cast<uint8_t>(flow.destination_port >> 8);
        out.append("\"type\":");
        append_number(out, original ? request : icmp_reply_type(flow.family, request));
        out.append(",\"code\":");
        append_number(out, flow.destination_port & 0xff);
        out.append(",\"id\":");
        append_number(out, flow.source_port);
        out.push_back(',');
    } else if (has_ports(flow.protocol)) {
        out.append("\"sport\":");
        append_number(out, original ? flow.source_port : flow.destination_port);
        out.append(",\"dport\":");
        append_number(out, original ? flow.destination_port : flow.source_port);
        out.push_back(',');
    }
    if (const uint32_t spi = original ? spi_of(flow) : 0; spi != 0)
        out.append("\"spi\":\"" + hex(spi) + "\",");
    out.append("\"packets\":");
    append_number(out, flow.packets[index]);
    out.append(",\"bytes\":");
    append_number(out, flow.bytes[index]);
    out.push_back('}');
}

std::string end_text(const Address& address, Family family, bool port, uint16_t number) {
    std::string text;
    append_address(text, address, family);
    if (!port) return text;
    if (family == Family::Ipv6) text = "[" + text + "]";
    text.push_back(':');
    append_number(text, number);
    return text;
}

std::string two(long long value) {
    return (value < 10 ? "0" : "") + std::to_string(value);
}

}  // namespace

std::string flow_protocol(const FlowRecord& flow) {
    const ProtocolLabel label = protocol_label(flow.protocol);
    if (label != ProtocolLabel::Other) return keyword(label);
    return std::to_string(flow.protocol);
}

std::string protocol_in_prose(const FlowRecord& flow) {
    const ProtocolLabel label = protocol_label(flow.protocol);
    if (label == ProtocolLabel::Other) return "IP protocol " + std::to_string(flow.protocol);
    if (label == ProtocolLabel::Icmpv6) return "ICMPv6";
    std::string word = keyword(label);
    for (char& character : word)
        if (character >= 'a' && character <= 'z') character = static_cast<char>(character - 32);
    return word;
}

std::string protocol_with_article(const FlowRecord& flow) {
    const std::string word = protocol_in_prose(flow);
    // As they are spelled out: an ESP, an ICMP, an SCTP.
    return (std::string_view{"AEIS"}.find(word.front()) != std::string_view::npos ? "an " : "a ") +
           word;
}

const char* opened_from(const FlowRecord& flow) noexcept {
    return has(flow, connection_flag::kFromInside) ? "inside" : "outside";
}

std::string flow_wire(const FlowRecord& flow, const FlowNames& names) {
    return flow.wire < names.wires.size() ? names.wires[flow.wire] : std::to_string(flow.wire);
}

std::optional<std::string> flow_rule(const FlowRecord& flow, const FlowNames& names) {
    if (flow.policy_generation != names.generation) return {};
    if (flow.rule == Policy::kDefaultRule) return "default";
    if (flow.rule < names.rules.size()) return names.rules[flow.rule];
    return {};
}

std::string flow_source(const FlowRecord& flow) {
    return end_text(flow.source, flow.family, has_ports(flow.protocol), flow.source_port);
}

std::string flow_destination(const FlowRecord& flow) {
    return end_text(flow.destination, flow.family, has_ports(flow.protocol), flow.destination_port);
}

std::string flow_state(const FlowRecord& flow) {
    if (flow.protocol == ip_protocol::kTcp || flow.protocol == ip_protocol::kSctp) {
        const bool tcp = flow.protocol == ip_protocol::kTcp;
        std::string word{tcp ? tcp_state_word(flow.state) : sctp_state_word(flow.state)};
        for (char& character : word)
            if (character >= 'A' && character <= 'Z') character = static_cast<char>(character + 32);
        return word;
    }
    if (has(flow, connection_flag::kAssured)) return "assured";
    return has(flow, connection_flag::kSeenReply) ? "replied" : "unreplied";
}

void append_flow_json(std::string& out, const FlowRecord& flow, const FlowNames& names) {
    out.append("{\"id\":");
    append_number(out, flow.id);
    out.append(",\"wire\":");
    append_json_string(out, flow_wire(flow, names));
    out.append(flow.family == Family::Ipv4 ? ",\"family\":\"ipv4\"" : ",\"family\":\"ipv6\"");
    out.append(",\"protocol\":\"" + flow_protocol(flow) + "\",\"protocol_number\":");
    append_number(out, flow.protocol);
    out.append(",\"state\":\"" + flow_state(flow) + "\"");
    out.append(has(flow, connection_flag::kSeenReply) ? ",\"replied\":true" : ",\"replied\":false");
    out.append(has(flow, connection_flag::kAssured) ? ",\"assured\":true" : ",\"assured\":false");
    out.append(",\"opened_from\":\"").append(opened_from(flow));
    out.append("\",\"timeout_s\":");
    append_seconds(out, flow.remaining);
    out.append(",\"age_s\":");
    append_seconds(out, flow.age);
    out.append(",\"original\":");
    append_direction_json(out, flow, Direction::Original);
    out.append(",\"reply\":");
    append_direction_json(out, flow, Direction::Reply);
    out.append(",\"rule\":");
    if (const std::optional<std::string> rule = flow_rule(flow, names))
        append_json_string(out, *rule);
    else
        out.append("null");
    if (flow.outer_vlan != 0 || flow.inner_vlan != 0) {
        out.append(",\"vlan\":[");
        append_number(out, flow.outer_vlan);
        if (flow.inner_vlan != 0) {
            out.push_back(',');
            append_number(out, flow.inner_vlan);
        }
        out.push_back(']');
    }
    out.append(",\"worker\":");
    append_number(out, flow.shard);
    out.push_back('}');
}

void append_flow_ends_json(std::string& out, const FlowRecord& flow, const FlowNames& names) {
    out.append("\"protocol\":\"").append(flow_protocol(flow));
    out.append("\",\"source\":\"").append(flow_source(flow));
    out.append("\",\"destination\":\"").append(flow_destination(flow));
    out.append("\",\"wire\":");
    append_json_string(out, flow_wire(flow, names));
    out.append(",\"worker\":");
    append_number(out, flow.shard);
}

FlowTableFormat::FlowTableFormat(std::span<const FlowRecord> flows, const FlowNames& names)
    : names_{names} {
    // Wide enough for all is two passes over the cells; a listing of more than this many rows is
    // not read by eye, and its first rows set the width.
    constexpr size_t kMeasured = 10000;
    for (size_t column = 0; column < kColumns; ++column)
        width_[column] = kHeader[column].size();
    for (const FlowRecord& flow : flows.first(std::min(flows.size(), kMeasured))) {
        const Row row = cells(flow);
        for (size_t column = 0; column < kColumns; ++column)
            width_[column] = std::max(width_[column], row[column].size());
    }
}

FlowTableFormat::Row FlowTableFormat::cells(const FlowRecord& flow) const {
    Row row{flow_protocol(flow),
            flow_state(flow),
            flow_source(flow),
            flow_destination(flow),
            short_duration(flow.remaining),
            short_duration(flow.age),
            std::to_string(flow.packets[0]) + "/" + std::to_string(flow.packets[1]),
            std::to_string(flow.bytes[0]) + "/" + std::to_string(flow.bytes[1]),
            flow_wire(flow, names_)};
    if (is_icmp(flow.protocol)) row[0] += " id " + std::to_string(flow.source_port);
    if (const uint32_t spi = spi_of(flow); spi != 0) row[0] += " spi " + hex(spi);
    return row;
}

void FlowTableFormat::append(std::string& out, const Row& row) const {
    // Numbers stand right, words left.
    static constexpr std::array<bool, kColumns> kRight{false, false, false, false, true,
                                                       true,  true,  true,  false};
    for (size_t column = 0; column < kColumns; ++column) {
        const std::string& cell = row[column];
        const size_t pad = cell.size() < width_[column] ? width_[column] - cell.size() : 0;
        if (kRight[column]) out.append(pad, ' ');
        out.append(cell);
        const bool last = column + 1 == kColumns;
        if (!kRight[column] && !last) out.append(pad, ' ');
        out.append(last ? "\n" : "  ");
    }
}

void FlowTableFormat::append_header(std::string& out) const {
    Row row;
    std::copy(kHeader.begin(), kHeader.end(), row.begin());
    append(out, row);
}

void FlowTableFormat::append_row(std::string& out, const FlowRecord& flow) const {
    append(out, cells(flow));
}

std::string report_table(const std::vector<ReportRow>& rows) {
    std::array<size_t, 3> width{};
    for (const ReportRow& row : rows)
        for (size_t i = 0; i < width.size(); ++i)
            width[i] = std::max(width[i], row[i].size());
    std::string text;
    for (const ReportRow& row : rows) {
        for (size_t i = 0; i < width.size(); ++i) {
            const std::string pad(width[i] - row[i].size(), ' ');
            const bool number = i < 2;
            text += (number ? pad + row[i] : row[i] + pad) + "  ";
        }
        text += row[3] + "\n";
    }
    return text;
}

std::string tenths_text(Duration duration) {
    const auto tenths = std::max(Duration{0}, duration) / 100ms;
    return std::to_string(tenths / 10) + "." + std::to_string(tenths % 10);
}

std::string short_duration(Duration duration) {
    const long long seconds = duration / 1s;
    if (seconds < 60) return std::to_string(seconds) + "s";
    if (seconds < 3600) return std::to_string(seconds / 60) + "m" + two(seconds % 60) + "s";
    if (seconds < 86400)
        return std::to_string(seconds / 3600) + "h" + two(seconds % 3600 / 60) + "m";
    return std::to_string(seconds / 86400) + "d" + two(seconds % 86400 / 3600) + "h";
}

}  // namespace ravelin
