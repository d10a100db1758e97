// SPDX-License-Identifier: BSD-3-Clause
#include "coverage.h"

#include "conntrack/connection.h"
#include "conntrack/tcp_table.h"

#include <algorithm>
#include <cstdio>

namespace ravelin::differential {

namespace {

constexpr std::array<const char*, kTcpPhaseCount> kPhaseNames{
    "NONE",       "SYN_SENT", "SYN_RECV",  "ESTABLISHED", "FIN_WAIT",
    "CLOSE_WAIT", "LAST_ACK", "TIME_WAIT", "CLOSE",       "SYN_SENT2"};
constexpr std::array<const char*, Coverage::kTcpClasses> kClassNames{"SYN", "SYN/ACK", "FIN",
                                                                     "ACK", "RST",     "bad flags"};
constexpr std::array<const char*, Coverage::kOthers> kOtherNames{"UDP", "ICMP query", "other"};
constexpr std::array<const char*, Coverage::kOtherStates> kReplyNames{"NONE", "UNREPLIED",
                                                                      "REPLIED", "ASSURED"};
constexpr std::array<const char*, kQuotedProtocols> kQuotedNames{"udp", "tcp", "query", "error",
                                                                 "esp", "gre", "other"};
constexpr std::array<const char*, kHandovers> kHandoverNames{"packet", "ICMP error", "fragment",
                                                             "of datagram", "decided"};
constexpr std::array<const char*, 2> kDirectionNames{"original", "reply"};
constexpr size_t kQuery = 1;  // among the others

size_t other_row(uint8_t protocol) noexcept {
    switch (protocol) {
        case ip_protocol::kUdp:
            return 0;
        case ip_protocol::kIcmp:
        case ip_protocol::kIcmpv6:
            return kQuery;
        default:
            return 2;
    }
}

size_t other_column(StateLabel state) noexcept {
    return state == StateLabel::None
               ? 0
               : static_cast<size_t>(state) - static_cast<size_t>(StateLabel::Unreplied) + 1;
}

/// Without a connection every packet is its opener's.
bool can_be(size_t state, size_t direction) noexcept {
    return state != 0 || direction == 0;
}

/// The kernel never calls an ICMP query ASSURED.
bool can_be_other(size_t row, size_t state, size_t direction) noexcept {
    return can_be(state, direction) && !(row == kQuery && state == 3);
}

template <class... Values>
void print(std::string& out, const char* format, Values... values) {
    std::array<char, 200> line{};
    std::snprintf(line.data(), line.size(), format, values...);
    out += line.data();
}

std::string error_name(const ErrorKind& kind) {
    std::string name;
    print(name, "v%d %u/%u", kind.family == Family::Ipv6 ? 6 : 4, unsigned{kind.type},
          unsigned{kind.code});
    return name;
}

std::string cut_name(size_t cut) {
    return kCuts[cut] == UINT16_MAX ? "whole" : std::to_string(kCuts[cut]);
}

std::vector<ErrorKind> make_error_kinds() {
    std::vector<ErrorKind> kinds;
    const auto range = [&](Family family, uint8_t type, uint8_t last) {
        for (uint8_t code = 0; code <= last; ++code)
            kinds.push_back({family, type, code});
        kinds.push_back({family, type, 200});
    };
    range(Family::Ipv4, 3, 15);
    range(Family::Ipv4, 4, 0);
    range(Family::Ipv4, 5, 3);
    range(Family::Ipv4, 11, 1);
    range(Family::Ipv4, 12, 2);
    range(Family::Ipv6, 1, 8);
    range(Family::Ipv6, 2, 0);
    range(Family::Ipv6, 3, 1);
    range(Family::Ipv6, 4, 10);
    for (const uint8_t type : std::array<uint8_t, 4>{0, 5, 100, 127})
        kinds.push_back({Family::Ipv6, type, 0});
    kinds.push_back({Family::Ipv6, 137, 0});  // redirect, an error in disguise
    return kinds;
}

template <class T>
void add_all(T& sum, const T& more) noexcept {
    if constexpr (std::is_integral_v<T>) {
        sum += more;
    } else {
        for (size_t i = 0; i < sum.size(); ++i)
            add_all(sum[i], more[i]);
    }
}

}  // namespace

StateLabel state_label(const FlowRecord& flow) noexcept {
    if (flow.protocol == ip_protocol::kTcp) return static_cast<StateLabel>(flow.state);
    if ((flow.flags & connection_flag::kAssured) != 0) return StateLabel::Assured;
    return (flow.flags & connection_flag::kSeenReply) != 0 ? StateLabel::Replied
                                                           : StateLabel::Unreplied;
}

bool was_tracked(const Packet& packet) noexcept {
    if (packet.headers.family == Family::None || packet.ct_class == CtClass::None) return false;
    if (packet.ct_class == CtClass::Untracked) return false;
    return packet.reason == DropReason::None || packet.reason == DropReason::TcpFlags ||
           packet.reason >= DropReason::TcpNoConnection;
}

std::span<const ErrorKind> error_kinds() {
    static const std::vector<ErrorKind> kinds = make_error_kinds();
    return kinds;
}

void Coverage::count_packet(StateLabel before, Direction way, const Packet& packet) noexcept {
    const Headers& headers = packet.headers;
    const auto direction = static_cast<size_t>(way);
    if (headers.protocol != ip_protocol::kTcp) {
        const size_t row = other_row(headers.protocol);
        // Other ICMP types are no queries, and find no connection.
        if (row == kQuery && !is_icmp_query(headers.family, headers.icmp_type)) return;
        ++others[row][other_column(before)][direction];
        return;
    }
    const uint8_t index = tcp_table::kIndexByFlags[headers.tcp_flags & tcp_table::kStateFlags];
    const size_t row =
        index == tcp_table::kBadFlags ? static_cast<size_t>(TcpPacketIndex::None) : index;
    ++tcp[static_cast<size_t>(before)][row][direction];
}

void Coverage::count_error(const Meant& meant) noexcept {
    ++errors[meant.error_kind][meant.quoted][meant.cut];
}

void Coverage::count_handed(size_t workers, const Packet& packet) noexcept {
    Handover kind = packet.is_icmp_error ? Handover::Error : Handover::Packet;
    if (packet.headers.is_fragment) kind = Handover::Fragment;
    if (packet.steered) kind = Handover::Datagram;
    ++handed[workers - 1][static_cast<size_t>(kind)];
}

void Coverage::count_sent_for_others(size_t workers, uint64_t packets) noexcept {
    handed[workers - 1][static_cast<size_t>(Handover::Decided)] += packets;
}

void Coverage::add(const Coverage& other) noexcept {
    add_all(tcp, other.tcp);
    add_all(others, other.others);
    add_all(errors, other.errors);
    add_all(classes, other.classes);
    add_all(handed, other.handed);
}

std::string Coverage::to_text() const {
    std::string out = "Packets by state before x packet x direction (original / reply)\n\n";
    print(out, "%-12s", "");
    for (const char* name : kClassNames)
        print(out, " %17s", name);
    for (size_t state = 0; state < kTcpPhaseCount; ++state) {
        print(out, "\n%-12s", kPhaseNames[state]);
        for (const ByDirection& count : tcp[state])
            print(out, " %8llu/%8llu", static_cast<unsigned long long>(count[0]),
                  static_cast<unsigned long long>(count[1]));
    }
    print(out, "\n\n%-12s", "");
    for (const char* name : kReplyNames)
        print(out, " %17s", name);
    for (size_t row = 0; row < kOthers; ++row) {
        print(out, "\n%-12s", kOtherNames[row]);
        for (const ByDirection& count : others[row])
            print(out, " %8llu/%8llu", static_cast<unsigned long long>(count[0]),
                  static_cast<unsigned long long>(count[1]));
    }
    out +=
        "\n\nICMP errors by type/code x quoted protocol: in sum over the cuts, and the rarest "
        "cut\n(";
    for (size_t cut = 0; cut < kCuts.size(); ++cut)
        out += cut_name(cut) + (cut + 1 < kCuts.size() ? ", " : " bytes of the upper layer)\n\n");
    print(out, "%-12s", "");
    for (const char* name : kQuotedNames)
        print(out, " %13s", name);
    for (size_t kind = 0; kind < error_kinds().size(); ++kind) {
        print(out, "\n%-12s", error_name(error_kinds()[kind]).c_str());
        for (const auto& cuts : errors[kind]) {
            uint64_t sum = 0;
            for (const uint64_t count : cuts)
                sum += count;
            print(out, " %8llu/%4llu", static_cast<unsigned long long>(sum),
                  static_cast<unsigned long long>(*std::min_element(cuts.begin(), cuts.end())));
        }
    }
    out += "\n\nHanded from worker to worker\n\n";
    print(out, "%-12s", "");
    for (const char* name : kHandoverNames)
        print(out, " %13s", name);
    for (size_t workers = 2; workers <= kMostWorkers; ++workers) {
        print(out, "\n%zu workers   ", workers);
        for (const uint64_t count : handed[workers - 1])
            print(out, " %13llu", static_cast<unsigned long long>(count));
    }
    return out + "\n";
}

std::vector<std::string> Coverage::empty_cells(uint32_t workers) const {
    std::vector<std::string> empty;
    for (size_t state = 0; state < kTcpPhaseCount; ++state)
        for (size_t row = 0; row < kTcpClasses; ++row)
            for (size_t direction = 0; direction < 2; ++direction)
                if (tcp[state][row][direction] == 0 && can_be(state, direction))
                    empty.push_back(std::string{"TCP "} + kPhaseNames[state] + " x " +
                                    kClassNames[row] + " x " + kDirectionNames[direction]);
    for (size_t row = 0; row < kOthers; ++row)
        for (size_t state = 0; state < kOtherStates; ++state)
            for (size_t direction = 0; direction < 2; ++direction)
                if (others[row][state][direction] == 0 && can_be_other(row, state, direction))
                    empty.push_back(std::string{kOtherNames[row]} + " x " + kReplyNames[state] +
                                    " x " + kDirectionNames[direction]);
    empty_errors(empty);
    for (size_t each = 2; each <= kMostWorkers; ++each)
        if (workers == 0 || workers == each) empty_handovers(each, empty);
    return empty;
}

void Coverage::empty_errors(std::vector<std::string>& empty) const {
    for (size_t kind = 0; kind < error_kinds().size(); ++kind)
        for (size_t quoted = 0; quoted < kQuotedProtocols; ++quoted)
            for (size_t cut = 0; cut < kCuts.size(); ++cut)
                if (errors[kind][quoted][cut] == 0)
                    empty.push_back("ICMP error " + error_name(error_kinds()[kind]) + " x " +
                                    kQuotedNames[quoted] + " x " + cut_name(cut));
}

void Coverage::empty_handovers(size_t workers, std::vector<std::string>& empty) const {
    for (size_t kind = 0; kind < kHandovers; ++kind)
        if (handed[workers - 1][kind] == 0)
            empty.push_back("handed over by one of " + std::to_string(workers) +
                            " workers: " + kHandoverNames[kind]);
}

}  // namespace ravelin::differential
