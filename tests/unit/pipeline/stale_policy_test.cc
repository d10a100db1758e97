// SPDX-License-Identifier: BSD-3-Clause
// What the policies for late packets do with them.
#include "base/byteorder.h"
#include "conntrack/related.h"
#include "support/fragmenter.h"
#include "support/lab.h"
#include "support/openvpn_packets.h"

#include <gtest/gtest.h>

#include <string>
#include <vector>

namespace ravelin {
namespace {

namespace openvpn_packet = testing::openvpn_packet;
using testing::Bytes;
using testing::Fate;
using testing::kInside;
using testing::kOutside;
using testing::Lab;
using testing::PacketBuilder;

constexpr const char* kClient = "10.0.0.2";
constexpr const char* kServer = "192.0.2.20";
constexpr uint64_t kClientSession = 0xa2d7ad0826c573ef;
constexpr uint64_t kServerSession = 0x0b228b61a2719f63;

Runtime with_policy(StalePolicy policy, Runtime runtime = Lab::open_policy()) {
    runtime.tracking.tombstones.policy = policy;
    return runtime;
}

/// A rule for UDP from inside with a policy of its own.
Runtime with_rule(StalePolicy general, StalePolicy of_rule) {
    Runtime runtime = with_policy(general);
    Rule rule;
    rule.name = "udp";
    rule.protocol = ip_protocol::kUdp;
    rule.from_port = kInside;
    rule.allow = true;
    rule.late = of_rule;
    runtime.policy.rules.push_back(rule);
    runtime.policy.compile();
    return runtime;
}

uint64_t rejected(Lab& lab) {
    return lab.links[0]->counters.rejected.value();
}

/// The only frame that left by this port since it was last asked.
Bytes answer(Lab& lab, uint8_t port) {
    const std::vector<Bytes> frames = lab.ios[0]->transmitted(port);
    EXPECT_EQ(frames.size(), 1U);
    lab.ios[0]->forget_transmitted();
    return frames.empty() ? Bytes{} : frames.front();
}

/// Parses a frame with all its checksums.
Headers headers_of(const Bytes& frame) {
    Headers headers;
    EXPECT_EQ(keyword(parse(frame, ParseOptions{}, false, headers)), keyword(DropReason::None));
    return headers;
}

struct Ends {
    const char* client;
    const char* server;
};
PacketBuilder between(const char* from, const char* to) {
    PacketBuilder builder;
    builder.ethernet({2, 0, 0, 0, 0, 1}, {2, 0, 0, 0, 0, 2});
    return std::string{from}.find(':') == std::string::npos ? builder.ipv4(from, to)
                                                            : builder.ipv6(from, to);
}

TEST(StaleReject, tells_the_sender_of_udp_that_the_port_is_closed) {
    for (const Ends& ends : {Ends{kClient, kServer}, Ends{"2001:db8::2", "2001:db8:1::20"}}) {
        for (const size_t size : {0U, 9U, 700U, 1400U}) {
            Lab lab{1, with_policy(StalePolicy::Reject)};
            lab.pass(kInside, between(ends.client, ends.server).vlan(5).udp(40000, 53).build());
            lab.wait(31s);
            lab.ios[0]->forget_transmitted();
            const Bytes late = between(ends.server, ends.client)
                                   .vlan(5)
                                   .udp(53, 40000)
                                   .payload(Bytes(size, 7))
                                   .build();
            const Fate fate = lab.pass(kOutside, late);
            EXPECT_EQ(fate.action, Action::Reject);
            EXPECT_EQ(fate.ct_class, CtClass::Stale);
            EXPECT_EQ(rejected(lab), 1U);

            const Bytes frame = answer(lab, kOutside);
            const Headers headers = headers_of(frame);
            const Headers quoted = headers_of(late);
            EXPECT_EQ(Bytes(frame.begin(), frame.begin() + 6),
                      Bytes(late.begin() + 6, late.begin() + 12));
            EXPECT_EQ(headers.outer_vlan, 5);
            const bool ipv4 = headers.family == Family::Ipv4;
            EXPECT_EQ(headers.icmp_type, ipv4 ? 3 : 1);
            EXPECT_EQ(headers.icmp_code, ipv4 ? 3 : 4);
            EXPECT_EQ(headers.ip_length,
                      std::min<uint32_t>(quoted.ip_length + (ipv4 ? 28 : 48), ipv4 ? 576 : 1280));
            const size_t payload = headers.l4_offset + 8U;
            EXPECT_TRUE(std::equal(frame.begin() + static_cast<long>(payload), frame.end(),
                                   late.begin() + quoted.l3_offset));
            QuotedError error;
            EXPECT_EQ(read_icmp_error(
                          headers, std::span{frame}.subspan(headers.l3_offset, headers.ip_length),
                          TrackingOptions::strict(), error),
                      DropReason::None);
        }
    }
}

TEST(StaleReject, resets_tcp_where_the_segment_stands) {
    struct Row {
        const char* flags;
        uint32_t seq, ack;
        size_t payload;
        uint8_t answer_flags;
        uint32_t answer_seq, answer_ack;
    };
    for (const Row& row : {Row{"A", 900, 101, 0, tcp_flag::kRst, 101, 0},
                           Row{"PA", 900, 101, 10, tcp_flag::kRst, 101, 0},
                           Row{"SA", 900, 101, 0, tcp_flag::kRst, 101, 0}}) {
        Lab lab{1, with_policy(StalePolicy::Reject)};
        lab.pass(kInside, between(kClient, kServer).tcp(40000, 443, "S").seq(100).build());
        lab.wait(121s);
        lab.ios[0]->forget_transmitted();
        const Fate fate = lab.pass(kOutside, between(kServer, kClient)
                                                 .tcp(443, 40000, row.flags)
                                                 .seq(row.seq)
                                                 .ack(row.ack)
                                                 .payload(Bytes(row.payload, 1))
                                                 .build());
        EXPECT_EQ(fate.action, Action::Reject) << row.flags;
        const Bytes frame = answer(lab, kOutside);
        const Headers headers = headers_of(frame);
        EXPECT_EQ(headers.protocol, ip_protocol::kTcp);
        EXPECT_EQ(headers.source_port, 40000);
        EXPECT_EQ(headers.destination_port, 443);
        EXPECT_EQ(headers.tcp_flags, row.answer_flags) << row.flags;
        EXPECT_EQ(load_be32(frame.data() + headers.l4_offset + 4), row.answer_seq) << row.flags;
        EXPECT_EQ(load_be32(frame.data() + headers.l4_offset + 8), row.answer_ack) << row.flags;
    }
}

TEST(StaleReject, of_a_reset_an_error_or_a_multicast_nobody_is_told) {
    Lab lab{1, with_policy(StalePolicy::Reject)};
    const Bytes request = between(kClient, kServer).udp(40000, 53).build();
    lab.pass(kInside, request);
    lab.pass(kInside, between(kClient, kServer).tcp(40000, 443, "S").seq(100).build());
    lab.wait(121s);
    lab.ios[0]->forget_transmitted();
    const Bytes broadcast = PacketBuilder{}
                                .ethernet({0xff, 0xff, 0xff, 0xff, 0xff, 0xff}, {2, 0, 0, 0, 0, 2})
                                .ipv4(kServer, kClient)
                                .udp(53, 40000)
                                .build();
    for (const Bytes& frame :
         {between(kServer, kClient).tcp(443, 40000, "R").seq(900).build(),
          between(kServer, kClient).icmp_error(3, 1, request, 28).build(), broadcast}) {
        const Fate fate = lab.pass(kOutside, frame);
        EXPECT_EQ(fate.ct_class, CtClass::Stale);
        EXPECT_EQ(fate.action, Action::Drop);
    }
    EXPECT_TRUE(lab.ios[0]->transmitted(kOutside).empty());
    EXPECT_EQ(lab.drops(DropReason::Stale), 3U);
}

TEST(StaleReject, is_no_more_than_a_hundred_a_second) {
    Lab lab{1, with_policy(StalePolicy::Reject)};
    lab.pass(kInside, between(kClient, kServer).udp(40000, 53).build());
    lab.wait(31s);
    for (int i = 0; i < 150; ++i)
        lab.offer(kOutside, between(kServer, kClient).udp(53, 40000).build());
    lab.run();
    EXPECT_EQ(rejected(lab), 100U);
    EXPECT_EQ(lab.drops(DropReason::Stale), 50U);
}

TEST(StaleReject, leaves_through_the_worker_that_has_the_queue) {
    Lab lab{2, with_policy(StalePolicy::Reject), 1024, true};
    for (uint16_t port = 40000; port < 40020; ++port)
        lab.pass(kInside, between(kClient, kServer).udp(port, 53).build());
    lab.wait(31s);
    for (uint16_t port = 40000; port < 40020; ++port)
        lab.pass(kOutside, between(kServer, kClient).udp(53, port).build());
    size_t sent = 0;
    for (const auto& io : lab.ios)
        sent += io->transmitted(kOutside).size();
    EXPECT_EQ(sent, 40U) << "20 requests and 20 answers";
}

TEST(StalePerRule, the_rule_that_allowed_a_connection_decides) {
    const Bytes request = between(kClient, kServer).udp(40000, 53).build();
    const Bytes late = between(kServer, kClient).udp(53, 40000).build();
    struct Row {
        StalePolicy general, of_rule;
        Action action;
        CtClass ct_class;
    };
    for (const Row& row :
         {Row{StalePolicy::Drop, StalePolicy::General, Action::Drop, CtClass::Stale},
          Row{StalePolicy::Drop, StalePolicy::Reject, Action::Reject, CtClass::Stale},
          Row{StalePolicy::Reject, StalePolicy::Drop, Action::Drop, CtClass::Stale},
          Row{StalePolicy::AsNew, StalePolicy::Drop, Action::Drop, CtClass::Stale},
          Row{StalePolicy::Drop, StalePolicy::AsNew, Action::Drop, CtClass::New},
          Row{StalePolicy::Drop, StalePolicy::Resurrect, Action::Drop, CtClass::Stale}}) {
        Lab lab{1, with_rule(row.general, row.of_rule)};
        lab.pass(kInside, request);
        lab.wait(31s);
        const Fate fate = lab.pass(kOutside, late);
        EXPECT_EQ(fate.action, row.action);
        EXPECT_EQ(fate.ct_class, row.ct_class);
    }
}

/// A tunnel from inside to a server outside, that idles out after 30 s.
class Resurrection {
  public:
    explicit Resurrection(Runtime runtime = with_policy(StalePolicy::Resurrect))
        : lab{1, std::move(runtime)} {}
    static Runtime short_lived() {
        Runtime runtime = with_policy(StalePolicy::Resurrect);
        runtime.tunnels.adaptive_timeouts = false;
        runtime.tracking.timeouts.udp_replied = 30s;
        return runtime;
    }
    Fate client(const Bytes& payload) {
        return lab.pass(kInside,
                        between(kClient, kServer).udp(40000, 1194).payload(payload).build());
    }
    Fate server(const Bytes& payload) {
        return lab.pass(kOutside,
                        between(kServer, kClient).udp(1194, 40000).payload(payload).build());
    }
    void connect() {
        lab.wait(1s);
        client(openvpn_packet::plain(7, 0, kClientSession, 0, 0, 0, 0));
        server(openvpn_packet::plain(8, 0, kServerSession, 1, kClientSession, 0, 0));
        client(openvpn_packet::data(0, 3, 1, 100));
        server(openvpn_packet::data(0, 3, 1, 100));
    }
    [[nodiscard]] uint64_t resurrected() const {
        return lab.links[0]->counters.resurrected.value();
    }
    Lab lab;
};

TEST(StaleResurrect, a_tunnel_that_idled_out_goes_on_whoever_speaks_first) {
    for (const bool by_server : {true, false}) {
        Resurrection session{Resurrection::short_lived()};
        session.connect();
        session.lab.wait(40s);
        ASSERT_TRUE(session.lab.flows().empty());
        const Bytes data = openvpn_packet::data(0, 3, 2, 100);
        const Fate fate = by_server ? session.server(data) : session.client(data);
        EXPECT_EQ(fate.action, Action::Forward);
        EXPECT_EQ(fate.ct_class, CtClass::Established);
        EXPECT_EQ(fate.direction, by_server ? Direction::Reply : Direction::Original);
        EXPECT_EQ(session.resurrected(), 1U);
        const std::vector<FlowRecord> flows = session.lab.flows();
        ASSERT_EQ(flows.size(), 1U);
        EXPECT_EQ(flows[0].source.to_string(), kClient) << "the origin is what it was";
        EXPECT_EQ(flows[0].flags & (connection_flag::kSeenReply | connection_flag::kFromInside),
                  connection_flag::kSeenReply | connection_flag::kFromInside);
        EXPECT_EQ(flows[0].packets[by_server ? 1 : 0], 1U);
        EXPECT_EQ(flows[0].packets[by_server ? 0 : 1], 0U);
        EXPECT_EQ(session.client(openvpn_packet::data(0, 3, 3, 100)).ct_class,
                  CtClass::Established);
        EXPECT_EQ(session.server(openvpn_packet::data(0, 3, 3, 100)).ct_class,
                  CtClass::Established);
        // And once more.
        session.lab.wait(40s);
        EXPECT_EQ(session.server(openvpn_packet::data(0, 3, 4, 100)).action, Action::Forward);
        EXPECT_EQ(session.resurrected(), 2U);
    }
}

TEST(StaleResurrect, only_by_a_packet_that_shows_that_it_is_the_tunnels) {
    const std::pair<const char*, Bytes> rows[] = {
        {"another peer id", openvpn_packet::data(0, 4, 2, 100)},
        {"the counter stands still", openvpn_packet::data(0, 3, 1, 100)},
        {"the counter goes back", openvpn_packet::data(0, 3, 0, 100)},
        {"the counter jumps", openvpn_packet::data(0, 3, 2 + (1U << 20), 100)},
        {"another key, under which the counter shows nothing", openvpn_packet::data(1, 3, 2, 100)},
        {"too short", openvpn_packet::data(0, 3, 2, 15)},
        {"another session", openvpn_packet::plain(4, 0, kClientSession, 0, 0, 5, 100)},
        {"junk", Bytes(100, 0x41)},
    };
    for (const auto& [name, payload] : rows) {
        Resurrection session{Resurrection::short_lived()};
        session.connect();
        session.lab.wait(40s);
        const Fate fate = session.server(payload);
        EXPECT_EQ(fate.action, Action::Drop) << name;
        EXPECT_EQ(fate.ct_class, CtClass::Stale) << name;
    }
    Resurrection session{Resurrection::short_lived()};
    session.connect();
    session.lab.wait(40s);
    EXPECT_EQ(session.server(openvpn_packet::plain(4, 0, kServerSession, 0, 0, 5, 100)).action,
              Action::Forward)
        << "a control packet of the session";
}

TEST(StaleResurrect, only_what_idled_out) {
    Resurrection session;
    session.connect();
    session.lab.wait(20s);
    session.client(openvpn_packet::plain(4, 0, kClientSession, 4, kServerSession, 9, 27));
    EXPECT_EQ(session.server(openvpn_packet::data(0, 3, 2, 100)).ct_class, CtClass::Stale);

    Resurrection flushed;
    flushed.connect();
    uint32_t cursor = 0;
    EXPECT_TRUE(flushed.lab.workers[0]->shard().conntrack.flush(cursor, UINT32_MAX,
                                                                flushed.lab.clock.now()));
    EXPECT_EQ(flushed.server(openvpn_packet::data(0, 3, 2, 100)).ct_class, CtClass::Stale);
}

TEST(StaleResurrect, only_if_todays_rules_allow_it) {
    Resurrection session{Resurrection::short_lived()};
    session.connect();
    session.lab.wait(40s);
    Runtime closed = Resurrection::short_lived();
    closed.policy.default_allow[kInside] = false;
    auto old = session.lab.runtime.publish(std::make_unique<const Runtime>(std::move(closed)));
    session.lab.run();
    EXPECT_EQ(session.server(openvpn_packet::data(0, 3, 2, 100)).ct_class, CtClass::Stale);
    EXPECT_EQ(session.resurrected(), 0U);
}

TEST(StaleResurrect, a_full_table_drops_it_as_late) {
    Lab lab{1, Resurrection::short_lived(), 1};
    const auto server = [&](const Bytes& payload) {
        return lab.pass(kOutside,
                        between(kServer, kClient).udp(1194, 40000).payload(payload).build());
    };
    const auto client = [&](const Bytes& payload) {
        return lab.pass(kInside,
                        between(kClient, kServer).udp(40000, 1194).payload(payload).build());
    };
    lab.wait(1s);
    client(openvpn_packet::plain(7, 0, kClientSession, 0, 0, 0, 0));
    server(openvpn_packet::plain(8, 0, kServerSession, 1, kClientSession, 0, 0));
    client(openvpn_packet::data(0, 3, 1, 100));
    server(openvpn_packet::data(0, 3, 1, 100));
    lab.wait(40s);
    lab.pass(kInside, between(kClient, kServer).udp(1, 2).build());
    EXPECT_EQ(server(openvpn_packet::data(0, 3, 2, 100)).ct_class, CtClass::Stale);
}

}  // namespace
}  // namespace ravelin
