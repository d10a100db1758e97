// SPDX-License-Identifier: BSD-3-Clause
// One connection's packets before each observer of tunnels: nothing beyond a payload is read, and
// what the client says alone makes no tunnel.
#include "base/check.h"
#include "support/tunnel_watch.h"

#include <array>
#include <cstddef>
#include <cstdint>
#include <span>
#include <vector>

namespace ravelin {
namespace {

constexpr std::array<std::array<uint16_t, 2>, 4> kPorts = {
    {{40000, 51820}, {500, 500}, {4500, 4500}, {40000, 443}}};

struct Packet {
    Side from = Side::Client;
    Duration after{};
    std::vector<uint8_t> payload;  ///< of exactly this size: the sanitizer sees one byte too many
};

/// Each packet: side and time that has passed, its length in two bytes, its bytes. The last one may
/// be cut.
std::vector<Packet> read_packets(std::span<const uint8_t> bytes) {
    constexpr std::array<Duration, 8> kAfter = {0ms, 1ms, 100ms, 1s, 5s, 20s, 120s, 3600s};
    std::vector<Packet> packets;
    while (bytes.size() >= 3) {
        Packet packet;
        packet.from = static_cast<Side>(bytes[0] & 1);
        packet.after = kAfter[bytes[0] >> 1 & 7];
        const size_t length = std::min<size_t>(bytes[1] * size_t{256} + bytes[2], bytes.size() - 3);
        packet.payload.assign(bytes.begin() + 3,
                              bytes.begin() + 3 + static_cast<ptrdiff_t>(length));
        packets.push_back(std::move(packet));
        bytes = bytes.subspan(3 + length);
    }
    return packets;
}

/// What holds of a tunnel after any packet.
void check(const Tunnel& tunnel, size_t packets, bool server_spoke) {
    CHECK(server_spoke || !tunnel.confirmed());
    CHECK(tunnel.stage < TunnelStage::Count && tunnel.protocol < VpnProtocol::Count);
    CHECK(tunnel.data_packets[0] + tunnel.data_packets[1] <= packets);
    for (size_t side = 0; side < 2; ++side) {
        // Plain data has its counter inside.
        CHECK(size_t{tunnel.small[side]} + 1 >= size_t{tunnel.counter_at} + 4);
        CHECK(tunnel.smallest_data[side] <= tunnel.largest_data[side]);
    }
    if (tunnel.stage >= TunnelStage::Established) CHECK(tunnel.established != Instant{});
}

void run(const testing::TunnelObserver& observer, std::array<uint16_t, 2> ports,
         std::span<const Packet> packets) {
    testing::TunnelWatch both{observer, ports};
    testing::TunnelWatch client_alone{observer, ports};
    Instant now = Instant{} + 1s;
    size_t count = 0;
    bool server_spoke = false;
    bool confirmed = false;
    for (const Packet& packet : packets) {
        now += packet.after;
        ++count;
        server_spoke |= packet.from == Side::Server;
        both.packet(packet.from, packet.payload, now);
        if (!both.watched()) break;
        check(both.tunnel(), count, server_spoke);
        CHECK(!confirmed || both.confirmed());
        confirmed = both.confirmed();
    }
    for (const Packet& packet : packets) {
        if (packet.from == Side::Client)
            client_alone.packet(Side::Client, packet.payload, now += packet.after);
        CHECK(!client_alone.confirmed());
    }
}

}  // namespace
}  // namespace ravelin

/// Input: which ports, then packets.
extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
    using namespace ravelin;
    if (size < 1) return 0;
    const std::vector<Packet> packets = read_packets({data + 1, size - 1});
    for (const testing::TunnelObserver& observer : testing::kTunnelObservers)
        run(observer, kPorts[data[0] & 3], packets);
    return 0;
}
