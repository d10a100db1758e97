// SPDX-License-Identifier: BSD-3-Clause
#include "capture/replay.h"

#include "capture/output.h"
#include "support/fragmenter.h"
#include "support/packet_builder.h"
#include "unit/capture/capture_files.h"

#include <gtest/gtest.h>

#include <map>

namespace ravelin {
namespace {

using testing::Bytes;
using testing::PacketBuilder;
using testing::Recorded;
using testing::ScratchDirectory;

constexpr int64_t kStart = 1'700'000'000'000'000'000;
constexpr int64_t kSecond = 1'000'000'000;

constexpr const char* kClient = "198.51.100.7";
constexpr const char* kServer = "192.0.2.1";
constexpr const char* kRouter = "203.0.113.1";

/// A wire between outside (port 0) and inside (port 1); UDP port 1194 is open from outside.
class ReplayTest : public ::testing::Test {
  protected:
    ReplayTest() {
        topology_.port_count = 2;
        topology_.ports[0] = {1, 0, false};
        topology_.ports[1] = {0, 0, true};
        runtime_.tracking = TrackingOptions::strict();
        runtime_.pass_ethertypes = {0x0806};
        runtime_.policy.default_allow = {false, true};
        Rule rule;
        rule.name = "openvpn";
        rule.from_port = 0;
        rule.protocol = ip_protocol::kUdp;
        rule.destination_ports = {{1194, 1194}};
        rule.allow = true;
        runtime_.policy.rules = {rule};
    }

    void run(const std::vector<Recorded>& outside, const std::vector<Recorded>& inside) {
        CaptureMerge merge;
        for (uint8_t port = 0; port < 2; ++port) {
            const std::string path = scratch_.file(std::to_string(port));
            testing::write_pcap(path, port == 0 ? outside : inside, true);
            auto reader = CaptureReader::open(path);
            ASSERT_TRUE(reader.has_value());
            merge.add(port, std::move(*reader));
        }
        Replay replay{topology_, std::make_unique<Runtime>(runtime_), 64, HashSecret{}};
        replay.run(merge, [&](const ReplayedPacket& packet) {
            // Ids are hashes: the tests number them by their first appearance.
            ReplayedPacket numbered = packet;
            if (packet.flow != 0) {
                numbered.flow = flows_.emplace(packet.flow, flows_.size() + 1).first->second;
            }
            lines_ += verdict_line(numbered, packet.port == 0 ? "outside" : "inside");
        });
        open_ = replay.flows();
        const WorkerCounters& counters = replay.counters();
        uint64_t in = 0;
        uint64_t out = 0;
        for (size_t port = 0; port < 2; ++port) {
            in += counters.received[port].packets.value();
            out += counters.transmitted[port].packets.value();
        }
        for (const PacketsBytes& dropped : counters.dropped)
            out += dropped.packets.value();
        EXPECT_EQ(in, out + counters.held.value()) << "every packet has one fate";
        held_ = counters.held.value();
    }

    ScratchDirectory scratch_;
    Topology topology_;
    Runtime runtime_;
    std::string lines_;
    std::map<uint64_t, uint64_t> flows_;
    std::vector<FlowRecord> open_;
    uint64_t held_ = 0;
};

TEST_F(ReplayTest, tells_the_fate_of_every_packet_in_order) {
    const Bytes request = PacketBuilder{}.ipv4(kClient, kServer).udp(40000, 1194).build();
    const Bytes answer = PacketBuilder{}.ipv4(kServer, kClient).udp(1194, 40000).build();
    const Bytes scan = PacketBuilder{}.ipv4(kClient, kServer).tcp(40000, 22, "S").build();
    const Bytes probe = PacketBuilder{}.ipv4(kServer, kClient).udp(33434, 33434).build();
    const Bytes error = PacketBuilder{}.ipv4(kRouter, kServer).icmp_error(11, 0, probe, 28).build();
    run(
        {
            {kStart + 1000, request},
            {kStart + kSecond, scan},
            {kStart + 2 * kSecond, PacketBuilder{}.arp(kClient, kServer).build()},
            {kStart + 3 * kSecond + 500, error},
            {kStart + 4 * kSecond, PacketBuilder{}.ether_type(0x88cc).build()},
        },
        {
            {kStart + 1999, answer},
            {kStart + 3 * kSecond, probe},
            {kStart + 5 * kSecond, Bytes{1, 2, 3}},
        });
    EXPECT_EQ(
        lines_,
        R"({"n":1,"ts":"1700000000.000001","port":"outside","class":"NEW","verdict":"forward","reason":"","flow":1}
{"n":2,"ts":"1700000000.000001","port":"inside","class":"ESTABLISHED","verdict":"forward","reason":"","flow":1}
{"n":3,"ts":"1700000001.000000","port":"outside","class":"NEW","verdict":"drop","reason":"policy_default","flow":0}
{"n":4,"ts":"1700000002.000000","port":"outside","class":"NONE","verdict":"forward","reason":"","flow":0}
{"n":5,"ts":"1700000003.000000","port":"inside","class":"NEW","verdict":"forward","reason":"","flow":2}
{"n":6,"ts":"1700000003.000000","port":"outside","class":"RELATED","verdict":"forward","reason":"","flow":2}
{"n":7,"ts":"1700000004.000000","port":"outside","class":"NONE","verdict":"drop","reason":"ethertype_unsupported","flow":0}
{"n":8,"ts":"1700000005.000000","port":"inside","class":"NONE","verdict":"drop","reason":"l2_malformed","flow":0}
)");
}

TEST_F(ReplayTest, tells_the_fate_of_a_datagram_at_each_of_its_fragments) {
    const auto pieces = testing::fragments_of(
        PacketBuilder{}.ipv4(kClient, kServer).udp(40000, 1194).payload(Bytes(100)).build(), 64, 7);
    ASSERT_EQ(pieces.size(), 2U);
    const Bytes lonely = testing::fragments_of(
        PacketBuilder{}.ipv4(kClient, kServer).udp(1, 1194).payload(Bytes(100)).build(), 64, 8)[0];
    const Bytes probe = PacketBuilder{}.ipv4(kServer, kClient).udp(33434, 33434).build();
    run({{kStart, pieces[1]},
         {kStart + 2000, lonely},
         {kStart + 2 * kSecond, pieces[0]},
         {kStart + 29 * kSecond, lonely},
         {kStart + 31 * kSecond, lonely}},
        {{kStart + kSecond, probe}});
    EXPECT_EQ(
        lines_,
        R"({"n":1,"ts":"1700000000.000000","port":"outside","class":"NEW","verdict":"forward","reason":"","flow":1}
{"n":2,"ts":"1700000000.000002","port":"outside","class":"INVALID","verdict":"drop","reason":"fragment_timeout","flow":0}
{"n":3,"ts":"1700000001.000000","port":"inside","class":"NEW","verdict":"forward","reason":"","flow":2}
{"n":4,"ts":"1700000002.000000","port":"outside","class":"NEW","verdict":"forward","reason":"","flow":1}
{"n":5,"ts":"1700000029.000000","port":"outside","class":"INVALID","verdict":"drop","reason":"fragment_duplicate","flow":0}
{"n":6,"ts":"1700000031.000000","port":"outside","class":"NONE","verdict":"held","reason":"","flow":0}
)");
    EXPECT_EQ(held_, 1U);
}

TEST_F(ReplayTest, takes_the_captures_times_as_its_clock) {
    const Bytes request = PacketBuilder{}.ipv4(kClient, kServer).udp(40000, 1194).build();
    const Bytes answer = PacketBuilder{}.ipv4(kServer, kClient).udp(1194, 40000).build();
    // 30 s unreplied: the answer after 29.9 s is in time, the one after 31 s opens a new one.
    for (const auto& [delay, ct_class] :
         {std::pair{29'900'000'000, "ESTABLISHED"}, std::pair{31'000'000'000, "NEW"}}) {
        lines_.clear();
        run({{kStart, request}}, {{kStart + delay, answer}});
        EXPECT_NE(lines_.find("\"port\":\"inside\",\"class\":\"" + std::string{ct_class} + "\""),
                  std::string::npos)
            << lines_;
    }
}

TEST_F(ReplayTest, lets_everything_expire_in_a_gap_however_long_it_is) {
    std::vector<Recorded> outside;
    for (uint16_t port = 0; port < 60; ++port) {
        outside.push_back({kStart + port, PacketBuilder{}
                                              .ipv4(kClient, kServer)
                                              .udp(static_cast<uint16_t>(1024 + port), 1194)
                                              .build()});
    }
    const Bytes last = PacketBuilder{}.ipv4(kClient, kServer).udp(9999, 1194).build();
    for (const int64_t days : {1, 200, 249, 400, 3650}) {
        std::vector<Recorded> frames = outside;
        frames.push_back({kStart + days * 86400 * kSecond, last});
        run(frames, {});
        ASSERT_EQ(open_.size(), 1U) << days;
        EXPECT_EQ(open_[0].source_port, 9999);
        EXPECT_EQ(open_[0].remaining, 30s) << days;
    }
}

TEST_F(ReplayTest, lists_what_is_open_at_the_end) {
    const Bytes request = PacketBuilder{}.ipv4(kClient, kServer).udp(40000, 1194).build();
    const Bytes answer = PacketBuilder{}.ipv4(kServer, kClient).udp(1194, 40000).build();
    const Bytes ping = PacketBuilder{}.ipv4(kServer, kClient).icmp_echo(7, 1).build();
    const Bytes pong = PacketBuilder{}.ipv4(kClient, kServer).icmp_echo(7, 1, true).build();
    run({{kStart, request}, {kStart + 3 * kSecond, pong}},
        {{kStart + kSecond, answer}, {kStart + 2 * kSecond, ping}});
    ASSERT_EQ(open_.size(), 1U) << "an answered ping is over";
    EXPECT_EQ(open_[0].protocol, ip_protocol::kUdp);
    EXPECT_EQ(open_[0].source.to_string(), kClient);
    EXPECT_EQ(open_[0].packets, (std::array<uint64_t, 2>{1, 1}));
    EXPECT_EQ(open_[0].remaining, 178s);
}

TEST_F(ReplayTest, judges_a_packet_that_was_cut_by_what_is_there) {
    const Bytes request =
        PacketBuilder{}.ipv4(kClient, kServer).udp(40000, 1194).payload(Bytes(400)).build();
    run({{kStart, Bytes{request.begin(), request.begin() + 96}, 442}}, {});
    EXPECT_NE(lines_.find("\"verdict\":\"drop\",\"reason\":\"ip_truncated\""), std::string::npos)
        << lines_;
}

TEST_F(ReplayTest, gives_the_same_answer_every_time) {
    const Bytes request = PacketBuilder{}.ipv4(kClient, kServer).udp(40000, 1194).build();
    run({{kStart, request}, {kStart, request}}, {});
    const std::string first = std::exchange(lines_, {});
    const auto ids = std::exchange(flows_, {});
    run({{kStart, request}, {kStart, request}}, {});
    EXPECT_EQ(lines_, first);
    EXPECT_EQ(flows_, ids);
}

TEST(VerdictWords, are_those_of_the_format) {
    EXPECT_EQ(class_word(CtClass::None), "NONE");
    EXPECT_EQ(class_word(CtClass::New), "NEW");
    EXPECT_EQ(class_word(CtClass::Established), "ESTABLISHED");
    EXPECT_EQ(class_word(CtClass::Related), "RELATED");
    EXPECT_EQ(class_word(CtClass::Invalid), "INVALID");
    EXPECT_EQ(class_word(CtClass::Untracked), "UNTRACKED");
    EXPECT_EQ(class_word(CtClass::Stale), "STALE");
    EXPECT_EQ(verdict_word(Action::Forward), "forward");
    EXPECT_EQ(verdict_word(Action::Drop), "drop");
    EXPECT_EQ(verdict_word(Action::Pending), "held");
}

}  // namespace
}  // namespace ravelin
