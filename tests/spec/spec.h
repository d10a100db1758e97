// SPDX-License-Identifier: BSD-3-Clause
#pragma once

#include <algorithm>
#include <array>
#include <chrono>
#include <cstddef>
#include <cstdint>
#include <string_view>
#include <tuple>

// An executable specification of connection tracking. It is written for readers, from the RFCs and
// from what netfilter was seen to do, and shares no line with the trackers of lib/conntrack: two
// people who misread a rule in the same way are less likely than one.
namespace ravelin::spec {

using namespace std::chrono_literals;
using Time = std::chrono::milliseconds;

enum class Profile : uint8_t { Strict, Linux };

/// Who sent a packet. Either may be the one who opened the connection.
enum class Side : uint8_t { Client, Server };
[[nodiscard]] constexpr Side other(Side side) {
    return side == Side::Client ? Side::Server : Side::Client;
}

/// What a packet is to connection tracking.
enum class Class : uint8_t { New, Established, Related, Invalid, Untracked };

/// One connection as an onlooker sees it.
struct Visible {
    Side opener = Side::Client;
    uint16_t query = 0;        ///< ICMP: type << 8 | low byte of the identifier; otherwise 0
    std::string_view state{};  ///< netfilter's word; empty for protocols without states
    bool seen_reply = false;
    bool assured = false;
    Time left{};  ///< until it ends

    bool operator==(const Visible&) const = default;
    [[nodiscard]] auto order() const { return std::tuple{query, opener}; }
};

/// What one step showed: what the packet was, and every connection after it.
struct Seen {
    static constexpr size_t kMost = 8;

    Class ct_class = Class::Invalid;
    size_t count = 0;
    std::array<Visible, kMost> connections{};

    void add(const Visible& connection) { connections.at(count++) = connection; }
    void sort() {
        std::sort(connections.begin(), connections.begin() + static_cast<std::ptrdiff_t>(count),
                  [](const Visible& a, const Visible& b) { return a.order() < b.order(); });
    }
    bool operator==(const Seen&) const = default;
};

}  // namespace ravelin::spec
