// SPDX-License-Identifier: BSD-3-Clause
#include "script.h"

#include "base/byteorder.h"
#include "capture/writer.h"
#include "frame.h"

#include <arpa/inet.h>
#include <array>
#include <charconv>
#include <cstdio>
#include <sstream>
#include <stdexcept>

namespace ravelin::differential {

namespace {

std::string address_text(const std::array<uint8_t, 16>& address, Family family) {
    std::array<char, INET6_ADDRSTRLEN> text{};
    inet_ntop(family == Family::Ipv6 ? AF_INET6 : AF_INET, address.data(), text.data(),
              text.size());
    return text.data();
}

template <class... Values>
std::string format(const char* pattern, Values... values) {
    std::array<char, 240> text{};
    std::snprintf(text.data(), text.size(), pattern, values...);
    return text.data();
}

std::string describe_tcp(std::span<const uint8_t> upper) {
    std::string flags;
    for (int bit = 0; bit < 8; ++bit)
        if ((upper[13] >> bit & 1) != 0) flags += "FSRPAUEW"[bit];
    const size_t header = std::min<size_t>(upper.size(), (upper[12] >> 4U) * 4U);
    std::string text =
        format("TCP %s seq %u ack %u win %u length %zu", flags.empty() ? "-" : flags.c_str(),
               load_be32(&upper[4]), load_be32(&upper[8]), unsigned{load_be16(&upper[14])},
               upper.size() - header);
    if (header > 20) {
        text += " options";
        for (size_t i = 20; i < header; ++i)
            text += format(" %02x", unsigned{upper[i]});
    }
    return text;
}

std::string describe_upper(uint8_t protocol, std::span<const uint8_t> upper) {
    const bool icmp = protocol == ip_protocol::kIcmp || protocol == ip_protocol::kIcmpv6;
    if (icmp && upper.size() >= 8)
        return format("ICMP type %u code %u id %u", unsigned{upper[0]}, unsigned{upper[1]},
                      unsigned{load_be16(&upper[4])});
    if (protocol == ip_protocol::kTcp && upper.size() >= 20)
        return format("%u > %u ", unsigned{load_be16(&upper[0])}, unsigned{load_be16(&upper[2])}) +
               describe_tcp(upper);
    if (protocol == ip_protocol::kUdp && upper.size() >= 8)
        return format("%u > %u UDP length %u", unsigned{load_be16(&upper[0])},
                      unsigned{load_be16(&upper[2])}, unsigned{load_be16(&upper[4])});
    return format("protocol %u, %zu bytes", unsigned{protocol}, upper.size());
}

std::string describe_ip(std::span<const uint8_t> bytes, Family family);

std::string describe_quote(std::span<const uint8_t> upper, Family family) {
    return " quotes [" + describe_ip(upper.subspan(8), family) + "]";
}

std::string describe_ip(std::span<const uint8_t> bytes, Family family) {
    const bool v6 = family == Family::Ipv6;
    if (bytes.size() < (v6 ? 40U : 20U)) return format("%zu bytes", bytes.size());
    std::array<uint8_t, 16> source{};
    std::array<uint8_t, 16> destination{};
    std::copy_n(&bytes[v6 ? 8 : 12], v6 ? 16 : 4, source.begin());
    std::copy_n(&bytes[v6 ? 24 : 16], v6 ? 16 : 4, destination.begin());
    std::string text = address_text(source, family) + " > " + address_text(destination, family);
    size_t header = v6 ? 40 : static_cast<size_t>(bytes[0] & 0xf) * 4;
    const uint8_t protocol = bytes[v6 ? 6 : 9];
    if (!v6 && (load_be16(&bytes[6]) & 0x3fff) != 0)
        text += format(" fragment %u%s", unsigned{load_be16(&bytes[6]) & 0x1fffU} * 8,
                       (load_be16(&bytes[6]) & 0x2000) != 0 ? "+" : "");
    if (header < 20 || header > bytes.size()) return text + " bad header length";
    const std::span<const uint8_t> upper = bytes.subspan(header);
    text += " " + describe_upper(protocol, upper);
    const bool icmp = protocol == ip_protocol::kIcmp || protocol == ip_protocol::kIcmpv6;
    const bool error =
        icmp && upper.size() >= 8 &&
        (v6 ? upper[0] < 128
            : upper[0] == 3 || upper[0] == 4 || upper[0] == 5 || upper[0] == 11 || upper[0] == 12);
    return error ? text + describe_quote(upper, family) : text;
}

uint8_t hex_digit(char c) {
    if (c >= '0' && c <= '9') return static_cast<uint8_t>(c - '0');
    if (c >= 'a' && c <= 'f') return static_cast<uint8_t>(c - 'a' + 10);
    throw std::runtime_error{"not a hexadecimal digit"};
}

/// "A", "B", "A:3", "A@1" or "A:3@1", then the bytes.
void read_frame_line(const std::string& head, const std::string& hex, Script& script,
                     uint8_t phase) {
    Event event{.side = head[0] == 'A' ? Side::A : Side::B, .phase = phase};
    const auto number_behind = [&](char mark) {
        const size_t at = head.find(mark);
        return at == std::string::npos ? 0UL : std::stoul(head.substr(at + 1));
    };
    event.datagram = static_cast<uint16_t>(number_behind(':'));
    event.arrives_at = static_cast<uint8_t>(number_behind('@'));
    std::vector<uint8_t> frame;
    for (size_t i = 0; i + 1 < hex.size(); i += 2)
        frame.push_back(static_cast<uint8_t>(hex_digit(hex[i]) << 4 | hex_digit(hex[i + 1])));
    if (frame.size() < 14) throw std::runtime_error{"a frame has 14 bytes at least"};
    script.add(event, frame);
}

void read_line(const std::string& line, Replay& replay, uint8_t& phase) {
    std::istringstream words{line.substr(0, line.find('#'))};
    std::string head;
    std::string value;
    if (!(words >> head >> value)) return;
    if (head == "campaign") {
        replay.campaign = value;
    } else if (head == "block") {
        replay.script.number = static_cast<uint32_t>(std::stoul(value));
    } else if (head == "workers") {
        const unsigned long workers = std::stoul(value);
        if (workers == 0 || workers > kMostWorkers)
            throw std::runtime_error{"1 to " + std::to_string(kMostWorkers) + " workers"};
        replay.script.workers = static_cast<uint8_t>(workers);
    } else if (head == "step") {
        if (phase + 1U >= kPhases) throw std::runtime_error{"too many steps"};
        replay.steps[phase++] = static_cast<uint32_t>(std::stoul(value));
    } else if (head[0] == 'A' || head[0] == 'B') {
        read_frame_line(head, value, replay.script, phase);
    } else {
        throw std::runtime_error{"what is " + head + "?"};
    }
}

}  // namespace

std::string describe(std::span<const uint8_t> frame) {
    const Place at = place_of(frame);
    if (frame.size() <= at.l3) return format("%zu bytes", frame.size());
    return describe_ip(frame.subspan(at.l3), at.family);
}

std::string to_text(const Replay& replay) {
    std::string text = "campaign " + replay.campaign + "\nblock " +
                       std::to_string(replay.script.number) + "\nworkers " +
                       std::to_string(replay.script.workers) + "\n";
    uint8_t phase = 0;
    for (const Event& event : replay.script.events) {
        for (; phase < event.phase; ++phase)
            text += "step " + std::to_string(replay.steps[phase]) + "\n";
        text += event.side == Side::A ? "A" : "B";
        if (event.datagram != 0) text += ":" + std::to_string(event.datagram);
        const uint32_t worker = event.arrives_at % replay.script.workers;
        if (worker != 0) text += "@" + std::to_string(worker);
        text += " ";
        const std::span<const uint8_t> frame = replay.script.frame(event);
        for (const uint8_t byte : frame)
            text += format("%02x", unsigned{byte});
        text += "  # " + describe(frame) + "\n";
    }
    for (; phase < kPhases - 1 && replay.steps[phase] != 0; ++phase)
        text += "step " + std::to_string(replay.steps[phase]) + "\n";
    return text;
}

Replay replay_from_text(const std::string& text) {
    Replay replay;
    uint8_t phase = 0;
    std::istringstream lines{text};
    std::string line;
    for (int number = 1; std::getline(lines, line); ++number) {
        try {
            read_line(line, replay, phase);
        } catch (const std::exception& error) {
            throw std::runtime_error{"line " + std::to_string(number) + ": " + error.what()};
        }
    }
    if (replay.campaign.empty()) throw std::runtime_error{"no campaign is named"};
    return replay;
}

void write_capture(const Replay& replay, const std::string& path) {
    auto writer = CaptureWriter::create(path);
    if (!writer) throw std::runtime_error{"can't write " + path};
    Duration at{};
    uint8_t phase = 0;
    for (const Event& event : replay.script.events) {
        for (; phase < event.phase; ++phase)
            at += std::chrono::seconds{replay.steps[phase]};
        at += 1ms;
        const std::span<const uint8_t> frame = replay.script.frame(event);
        writer->write({.nanoseconds = at.count(),
                       .wire_length = static_cast<uint32_t>(frame.size()),
                       .bytes = frame});
    }
    if (!writer->close()) throw std::runtime_error{"can't write " + path};
}

}  // namespace ravelin::differential
