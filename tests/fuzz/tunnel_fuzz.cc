// SPDX-License-Identifier: BSD-3-Clause
// One connection's packets before each observer of tunnels, and as segments of TCP: nothing beyond
// a payload is read, and what the client says alone makes no tunnel.
#include "base/check.h"
#include "packet/headers.h"
#include "support/tunnel_watch.h"
#include "vpn/tunnels.h"

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
    int32_t jump = 0;              ///< of TCP: where it stands, from where it should
    uint8_t flags = 0;             ///< of TCP
    std::vector<uint8_t> payload;  ///< of exactly this size: the sanitizer sees one byte too many
};

/// Each packet: side, time that has passed, place and flags of a segment, its length in two bytes,
/// its bytes. The last one may be cut.
std::vector<Packet> read_packets(std::span<const uint8_t> bytes) {
    constexpr std::array<Duration, 8> kAfter = {0ms, 1ms, 100ms, 1s, 5s, 20s, 120s, 3600s};
    constexpr std::array<int32_t, 8> kJump = {0, 0, 0, 0, 1, 300, -200, INT32_MIN};
    std::vector<Packet> packets;
    while (bytes.size() >= 3) {
        Packet packet;
        packet.from = static_cast<Side>(bytes[0] & 1);
        packet.after = kAfter[bytes[0] >> 1 & 7];
        packet.jump = kJump[bytes[0] >> 4 & 7];
        packet.flags = bytes[0] >> 7 != 0 ? tcp_flag::kFin : uint8_t{0};
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

/// The packets as segments of one connection, or only those of the client.
void run_stream(std::span<const Packet> packets, bool with_server) {
    TunnelCounters counters;
    TunnelTable table{4, HashSecret{1, 2, 3}, 0, counters, nullptr};
    Instant now = Instant{} + 1s;
    uint32_t handle = TunnelTable::kNoTunnel;
    std::array<uint32_t, 2> next{};
    uint64_t bytes = 0;
    for (const Packet& packet : packets) {
        if (!with_server && packet.from == Side::Server) continue;
        now += packet.after;
        const auto side = static_cast<size_t>(packet.from);
        TunnelSegment segment{
            .direction = packet.from == Side::Client ? Direction::Original : Direction::Reply,
            .sequence = next[side] + static_cast<uint32_t>(packet.jump),
            .acknowledgement = next[1 - side],
            .flags = packet.flags,
            .payload = packet.payload};
        next[side] = segment.sequence + static_cast<uint32_t>(packet.payload.size());
        bytes += packet.payload.size();
        if (handle == TunnelTable::kNoTunnel) {
            if (packet.from == Side::Client)
                handle = table.begin_stream({.port = {40000, 1194},
                                             .ip_protocol = ip_protocol::kTcp,
                                             .payload = packet.payload},
                                            segment, now);
            CHECK(table.stream(0) == handle);
            continue;
        }
        if (!table.observe_segment(handle, segment, {}, now).watched) break;
        const Tunnel* tunnel = table.find(handle);
        CHECK(tunnel != nullptr && table.stream(0) == handle);
        check(*tunnel, bytes, with_server);
    }
    table.leave_stream(0, now);
    CHECK(table.is_empty() && table.stream(0) == TunnelTable::kNoTunnel);
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
    run_stream(packets, true);
    run_stream(packets, false);
    return 0;
}
