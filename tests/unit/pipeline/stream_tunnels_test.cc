// SPDX-License-Identifier: BSD-3-Clause
// OpenVPN over TCP, seen from the ports.
#include "base/byteorder.h"
#include "support/openvpn_session.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <random>
#include <string>
#include <string_view>
#include <vector>

namespace ravelin {
namespace {

namespace openvpn_packet = testing::openvpn_packet;
using testing::Bytes;
using ::testing::ElementsAre;
using testing::Fate;
using ::testing::IsEmpty;
using testing::kClient;
using testing::kClientAddress;
using testing::kInside;
using testing::kOutside;
using testing::kServer;
using testing::kServerAddress;
using testing::Lab;
using testing::PacketBuilder;

/// An OpenVPN packet as it stands in the stream.
Bytes record(const Bytes& packet) {
    Bytes out(2);
    store_be16(out.data(), static_cast<uint16_t>(packet.size()));
    out.insert(out.end(), packet.begin(), packet.end());
    return out;
}

Bytes operator+(Bytes left, const Bytes& right) {
    left.insert(left.end(), right.begin(), right.end());
    return left;
}

Bytes text(std::string_view words) {
    return {words.begin(), words.end()};
}

/// A client and a server that have a TCP connection through the appliance.
class TcpSession {
  public:
    explicit TcpSession(uint32_t tunnels = 64, uint32_t connections = 1024)
        : lab{1, Lab::allow_all(), connections, false, {}, 1024, tunnels} {}

    /// By Side, like everything here.
    Fate segment(size_t side, std::string_view flags, const Bytes& bytes = {}) {
        const Fate fate = segment_at(side, next[side], flags, bytes);
        next[side] += static_cast<uint32_t>(bytes.size());
        if (flags.find_first_of("SF") != std::string_view::npos) ++next[side];
        return fate;
    }
    Fate segment_at(size_t side, uint32_t sequence, std::string_view flags, const Bytes& bytes) {
        PacketBuilder builder;
        if (side == 0)
            builder.ipv4(kClientAddress, kServerAddress).tcp(port, 1194, flags);
        else
            builder.ipv4(kServerAddress, kClientAddress).tcp(1194, port, flags);
        const bool first = flags == "S";
        return lab.pass(side == 0 ? kOutside : kInside, builder.seq(sequence)
                                                            .ack(first ? 0 : next[1 - side])
                                                            .window(65535)
                                                            .payload(bytes)
                                                            .build());
    }
    void open() {
        segment(0, "S");
        segment(1, "SA");
        segment(0, "A");
    }
    Fate client(const Bytes& bytes) { return segment(0, "PA", bytes); }
    Fate server(const Bytes& bytes) { return segment(1, "PA", bytes); }
    Bytes data(size_t side, size_t length = 100) {
        return record(openvpn_packet::data(0, 3, ++counter[side], length));
    }
    void connect() {
        open();
        client(record(openvpn_packet::plain(7, 0, kClient, 0, 0, 0, 0)));
        server(record(openvpn_packet::plain(8, 0, kServer, 1, kClient, 0, 0)));
        client(data(0));
        server(data(1));
    }
    /// All connections end, and nobody tells their tunnels.
    void flush() {
        uint32_t cursor = 0;
        shard().conntrack.flush(cursor, UINT32_MAX, lab.clock.now());
    }
    std::vector<std::string> told() { return testing::take_told(lab, last); }
    Shard& shard() { return lab.workers[0]->shard(); }
    /// The only tunnel, or nullptr.
    const Tunnel* tunnel() { return shard().tunnels.in_slot(0); }
    uint64_t counted(size_t side) { return tunnel() == nullptr ? 0 : tunnel()->data_packets[side]; }

    Lab lab;
    uint16_t port = 50000;
    std::array<uint32_t, 2> next{1000, 0xfffffff0};  // the server's numbers wrap
    std::array<uint32_t, 2> counter{};
    TunnelEvent last;
};

TEST(StreamTunnels, a_session_is_told_like_one_over_udp) {
    TcpSession session;
    session.connect();
    EXPECT_THAT(session.told(),
                ElementsAre("started client", "answered server", "established server"));
    EXPECT_EQ(session.last.tunnel.ip_protocol, ip_protocol::kTcp);
    EXPECT_EQ(session.last.tunnel.session, (std::array{kClient, kServer}));
    EXPECT_EQ(session.last.tunnel.port, (std::array<uint16_t, 2>{50000, 1194}));
    EXPECT_EQ(session.counted(0), 1U);
    EXPECT_EQ(session.counted(1), 1U);
}

TEST(StreamTunnels, one_segment_may_hold_many_packets) {
    TcpSession session;
    session.connect();
    session.client(session.data(0) + session.data(0, 300) + session.data(0, 60));
    session.server(session.data(1) + session.data(1));
    EXPECT_EQ(session.counted(0), 4U);
    EXPECT_EQ(session.counted(1), 3U);
}

TEST(StreamTunnels, a_packet_may_span_segments) {
    TcpSession session;
    session.connect();
    const Bytes bytes = session.data(0, 1500) + session.data(0, 1500);
    for (size_t at = 0; at < bytes.size(); at += 600) {
        const auto end = bytes.begin() + static_cast<ptrdiff_t>(std::min(bytes.size(), at + 600));
        session.client({bytes.begin() + static_cast<ptrdiff_t>(at), end});
    }
    EXPECT_EQ(session.counted(0), 3U);
    session.client(session.data(0));
    EXPECT_EQ(session.counted(0), 4U);
}

// Wherever the stream is cut: what begins in a segment that has its head is counted, and a cut
// within a length costs no more than the packets until the next beginning that is recognised.
TEST(StreamTunnels, the_stream_may_be_cut_anywhere) {
    constexpr uint32_t kPackets = 300;
    for (uint32_t seed = 0; seed < 50; ++seed) {
        SCOPED_TRACE(seed);
        std::mt19937 random{seed};
        TcpSession session;
        session.connect();
        for (const size_t side : {size_t{0}, size_t{1}}) {
            Bytes stream;
            for (uint32_t i = 0; i < kPackets; ++i)
                stream = std::move(stream) + session.data(side, 50 + random() % 1500);
            for (size_t at = 0; at < stream.size();) {
                const size_t size = std::min<size_t>(200 + random() % 1261, stream.size() - at);
                const auto begin = stream.begin() + static_cast<ptrdiff_t>(at);
                ASSERT_EQ(session.segment(side, "PA", {begin, begin + static_cast<ptrdiff_t>(size)})
                              .action,
                          Action::Forward);
                session.segment(1 - side, "A");
                at += size;
            }
            const uint64_t counted = session.counted(side);
            EXPECT_GE(counted, kPackets * 9 / 10 + 1);
            EXPECT_LE(counted, kPackets + 1);
            session.segment(side, "PA", session.data(side));
            session.segment(side, "PA", session.data(side));
            EXPECT_GT(session.counted(side), counted) << "in step again";
        }
        EXPECT_EQ(session.tunnel()->stage, TunnelStage::Established);
        EXPECT_THAT(session.told(),
                    ElementsAre("started client", "answered server", "established server"));
    }
}

TEST(StreamTunnels, a_segment_that_comes_late_leaves_it_in_step) {
    TcpSession session;
    session.connect();
    const uint32_t lost_at = session.next[0];
    const Bytes lost = session.data(0, 400);
    session.next[0] += static_cast<uint32_t>(lost.size());
    session.client(session.data(0));
    session.client(session.data(0));
    EXPECT_EQ(session.counted(0), 3U) << "recognised behind the gap";
    session.segment_at(0, lost_at, "PA", lost);
    session.client(session.data(0));
    EXPECT_EQ(session.counted(0), 4U) << "what comes again is behind";
}

TEST(StreamTunnels, before_data_the_session_id_is_what_is_recognised) {
    TcpSession session;
    session.open();
    session.client(record(openvpn_packet::plain(7, 0, kClient, 0, 0, 0, 0)));
    session.server(record(openvpn_packet::plain(8, 0, kServer, 1, kClient, 0, 0)));
    session.next[0] += 300;  // lost before us
    session.client(Bytes(100, 0x55) + record(openvpn_packet::plain(4, 0, kClient, 0, 0, 3, 60)) +
                   session.data(0));
    session.server(session.data(1));
    EXPECT_THAT(session.told(),
                ElementsAre("started client", "answered server", "established server"));
}

TEST(StreamTunnels, what_no_packet_begins_with_is_passed_over) {
    TcpSession session;
    session.connect();
    session.client(Bytes(50, 0));
    session.client(Bytes{1});
    session.client(Bytes(1460, 0xff));
    for (int i = 0; i < 100; ++i)
        EXPECT_EQ(session.client(Bytes(200, 0)).action, Action::Forward);
    session.client(session.data(0));
    EXPECT_EQ(session.counted(0), 1U) << "it is no longer looked for";
    EXPECT_EQ(session.tunnel()->stage, TunnelStage::Established);
}

TEST(StreamTunnels, the_connections_end_is_the_tunnels) {
    struct Case {
        size_t side;
        const char* flags;
        std::vector<std::string> told;
        CloseReason reason;
    };
    const std::vector<Case> cases{
        {0, "FA", {"ended client"}, CloseReason::Fin},
        {1, "FA", {"exit server", "ended client"}, CloseReason::Fin},
        {0, "RA", {"ended client"}, CloseReason::Reset},
        {1, "RA", {"exit server", "ended client"}, CloseReason::Reset},
    };
    for (const Case& each : cases) {
        SCOPED_TRACE(std::to_string(each.side) + each.flags);
        TcpSession session;
        session.connect();
        session.told();
        session.segment(each.side, each.flags);
        EXPECT_EQ(session.told(), each.told);
        EXPECT_EQ(session.last.reason, each.reason);
        EXPECT_EQ(session.tunnel(), nullptr);
        // TCP keeps the connection for a while.
        EXPECT_EQ(session.segment(1 - each.side, "PA", session.data(1 - each.side)).action,
                  Action::Forward);
        EXPECT_THAT(session.told(), IsEmpty());
    }
}

TEST(StreamTunnels, an_unanswered_handshake_that_ends_has_failed) {
    TcpSession session;
    session.open();
    session.client(record(openvpn_packet::plain(7, 0, kClient, 0, 0, 0, 0)));
    session.segment(0, "FA");
    EXPECT_THAT(session.told(), ElementsAre("started client", "failed client"));
    EXPECT_TRUE(session.shard().tunnels.is_empty());
}

TEST(StreamTunnels, other_streams_are_looked_at_once) {
    const Bytes reset = openvpn_packet::plain(7, 0, kClient, 0, 0, 0, 0);
    const Bytes data = openvpn_packet::data(0, 3, 1, 100);
    const std::vector<std::pair<size_t, Bytes>> firsts{
        {0, text("GET / HTTP/1.1\r\nHost: example.org\r\n\r\n")},
        {1, text("SSH-2.0-OpenSSH_9.2p1\r\n")},
        {0, Bytes{0x16, 3, 1, 0, 200} + Bytes(200, 1)},
        {0, Bytes{7}},
        {0, reset},                        // as over UDP
        {0, record(reset) + Bytes(1, 0)},  // something behind it
        {0, Bytes{0, 15} + reset},         // cut short
        {0, record(data)},                 // in mid-stream
        {1, record(reset)},                // from who was called
    };
    for (const auto& [side, bytes] : firsts) {
        SCOPED_TRACE(bytes.size());
        TcpSession session;
        session.open();
        EXPECT_EQ(session.shard().conntrack.watched_as(0), kWatchedStream);
        EXPECT_EQ(session.segment(side, "PA", bytes).action, Action::Forward);
        EXPECT_EQ(session.shard().conntrack.watched_as(0), 0U);
        EXPECT_THAT(session.told(), IsEmpty());
        EXPECT_TRUE(session.shard().tunnels.is_empty());
    }
}

TEST(StreamTunnels, a_server_that_answers_something_else_is_no_tunnel) {
    TcpSession session;
    session.open();
    session.client(record(openvpn_packet::plain(7, 0, kClient, 0, 0, 0, 0)));
    session.server(record(Bytes(40, 0x41)));
    EXPECT_THAT(session.told(), ElementsAre("started client"));
    EXPECT_EQ(session.shard().conntrack.watched_as(0), 0U);
    EXPECT_TRUE(session.shard().tunnels.is_empty());
}

// The same index, again and again: each tunnel ends with its own connection.
TEST(StreamTunnels, a_connection_that_takes_the_place_of_another_is_its_own) {
    TcpSession session{64, 1};
    for (uint16_t i = 0; i < 5; ++i) {
        SCOPED_TRACE(i);
        session.port = static_cast<uint16_t>(50000 + i);
        session.counter = {};
        session.connect();
        EXPECT_THAT(session.told(),
                    ElementsAre("started client", "answered server", "established server"));
        EXPECT_EQ(session.last.tunnel.port[0], session.port);
        session.flush();
        session.port = static_cast<uint16_t>(60000 + i);
        session.open();
        EXPECT_THAT(session.told(), ElementsAre("ended client"));
        session.flush();
    }
}

TEST(StreamTunnels, without_room_for_tunnels_nothing_is_watched_for_long) {
    TcpSession session{0};
    session.connect();
    EXPECT_THAT(session.told(), IsEmpty());
    EXPECT_EQ(session.shard().conntrack.watched_as(0), 0U);
}

TEST(StreamTunnels, the_rule_that_allowed_it_is_still_known) {
    TcpSession session;
    session.connect();
    ASSERT_EQ(session.shard().conntrack.watched_as(0), kWatchedStream);
    EXPECT_EQ(session.lab.flows()[0].rule, Policy::kDefaultRule);
}

TEST(StreamTunnels, an_icmp_error_tells_its_path) {
    TcpSession session;
    session.connect();
    session.told();
    const Bytes quoted = PacketBuilder{}
                             .ipv4(kServerAddress, kClientAddress)
                             .tcp(1194, session.port, "PA")
                             .seq(session.next[1] - 50)
                             .ack(session.next[0])
                             .payload(Bytes(1440))
                             .build();
    session.lab.pass(kOutside, PacketBuilder{}
                                   .ipv4("203.0.113.1", kServerAddress)
                                   .icmp_error(3, 4, quoted, 28, 1400)
                                   .build());
    EXPECT_THAT(session.told(), ElementsAre("path_mtu client"));
    EXPECT_EQ(session.last.value, 1400U);
}

TEST(StreamTunnels, it_may_be_silent) {
    TcpSession session;
    session.connect();
    session.told();
    for (int i = 0; i < 70; ++i) {
        session.lab.wait(1s);
        session.client(session.data(0));
    }
    EXPECT_THAT(session.told(), ElementsAre("silent server"));
}

}  // namespace
}  // namespace ravelin
