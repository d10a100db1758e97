// SPDX-License-Identifier: BSD-3-Clause
#include "flow/extract.h"

#include "packet/parse.h"
#include "support/packet_builder.h"

#include <gtest/gtest.h>

#include <functional>
#include <string>
#include <vector>

namespace ravelin {
namespace {

using testing::Bytes;
using testing::PacketBuilder;

const HashSecret kSecret{1, 2, 3, 4};

FlowId identify(const Bytes& frame, uint8_t wire = 0, Steering steering = Steering::Addresses) {
    const FlowExtractor extractor{kSecret, steering};
    Headers headers;
    EXPECT_EQ(parse(frame, ParseOptions{.refuse_martians = false}, false, headers),
              DropReason::None);
    FlowId id;
    extractor.extract(headers, frame.data() + headers.l3_offset, wire, id);
    return id;
}

struct PairCase {
    std::string name;
    Bytes there;
    Bytes back;
};

std::vector<PairCase> pairs() {
    return {
        {"tcp", PacketBuilder{}.ipv4("10.0.0.1", "192.0.2.1").tcp(40000, 443, "S").build(),
         PacketBuilder{}.ipv4("192.0.2.1", "10.0.0.1").tcp(443, 40000, "SA").build()},
        {"udp6", PacketBuilder{}.ipv6("2001:db8::1", "2001:db8::2").udp(5000, 1194).build(),
         PacketBuilder{}.ipv6("2001:db8::2", "2001:db8::1").udp(1194, 5000).build()},
        {"udp6_far_apart", PacketBuilder{}.ipv6("2001:db8:9::1", "2001:db8::2").udp(7, 9).build(),
         PacketBuilder{}.ipv6("2001:db8::2", "2001:db8:9::1").udp(9, 7).build()},
        {"udp6_one_address", PacketBuilder{}.ipv6("2001:db8::1", "2001:db8::1").udp(9, 7).build(),
         PacketBuilder{}.ipv6("2001:db8::1", "2001:db8::1").udp(7, 9).build()},
        {"one_address", PacketBuilder{}.ipv4("10.0.0.1", "10.0.0.1").udp(9, 7).build(),
         PacketBuilder{}.ipv4("10.0.0.1", "10.0.0.1").udp(7, 9).build()},
        {"same_address_two_ports", PacketBuilder{}.ipv4("10.0.0.1", "10.0.0.2").udp(7, 9).build(),
         PacketBuilder{}.ipv4("10.0.0.2", "10.0.0.1").udp(9, 7).build()},
        {"echo", PacketBuilder{}.ipv4("10.0.0.9", "10.0.0.2").icmp_echo(77, 1).build(),
         PacketBuilder{}.ipv4("10.0.0.2", "10.0.0.9").icmp_echo(77, 1, true).build()},
        {"echo6", PacketBuilder{}.ipv6("2001:db8::9", "2001:db8::2").icmp_echo(77, 1).build(),
         PacketBuilder{}.ipv6("2001:db8::2", "2001:db8::9").icmp_echo(77, 1, true).build()},
        {"node_information",
         PacketBuilder{}.ipv6("2001:db8::9", "2001:db8::2").icmp(139, 0).build(),
         PacketBuilder{}.ipv6("2001:db8::2", "2001:db8::9").icmp(140, 0).build()},
        {"timestamp", PacketBuilder{}.ipv4("10.0.0.9", "10.0.0.2").icmp(13, 0, 77).build(),
         PacketBuilder{}.ipv4("10.0.0.2", "10.0.0.9").icmp(14, 0, 77).build()},
        {"information", PacketBuilder{}.ipv4("10.0.0.9", "10.0.0.2").icmp(15, 0, 77).build(),
         PacketBuilder{}.ipv4("10.0.0.2", "10.0.0.9").icmp(16, 0, 77).build()},
        {"address_mask", PacketBuilder{}.ipv4("10.0.0.9", "10.0.0.2").icmp(17, 0, 77).build(),
         PacketBuilder{}.ipv4("10.0.0.2", "10.0.0.9").icmp(18, 0, 77).build()},
        {"esp", PacketBuilder{}.ipv4("10.0.0.1", "192.0.2.1").esp(1).payload(Bytes(16)).build(),
         PacketBuilder{}.ipv4("192.0.2.1", "10.0.0.1").esp(2).payload(Bytes(16)).build()},
    };
}

TEST(FlowExtractor, a_packet_and_its_answer_have_one_key_and_opposite_sides) {
    for (const PairCase& pair : pairs()) {
        const FlowId there = identify(pair.there);
        const FlowId back = identify(pair.back);
        EXPECT_TRUE(there.key == back.key) << pair.name;
        EXPECT_EQ(there.hash, back.hash) << pair.name;
        EXPECT_EQ(there.steering_hash, back.steering_hash) << pair.name;
        EXPECT_NE(there.swapped, back.swapped) << pair.name;
    }
}

TEST(FlowExtractor, steers_by_ports_of_tcp_and_udp_only_and_both_directions_alike) {
    const auto steered = [](const Bytes& frame) {
        return identify(frame, 0, Steering::Ports).steering_hash;
    };
    for (const PairCase& pair : pairs()) {
        EXPECT_EQ(steered(pair.there), steered(pair.back)) << pair.name;
        const uint8_t protocol = identify(pair.there).key.protocol;
        const bool counts = protocol == ip_protocol::kTcp || protocol == ip_protocol::kUdp;
        EXPECT_EQ(steered(pair.there) != identify(pair.there).steering_hash, counts) << pair.name;
    }
    // IKE between two concentrators meets the ESP that it speaks of.
    const auto ike = PacketBuilder{}.ipv4("10.0.0.1", "192.0.2.1").udp(500, 500).build();
    const auto esp =
        PacketBuilder{}.ipv4("10.0.0.1", "192.0.2.1").esp(1).payload(Bytes(16)).build();
    EXPECT_EQ(steered(ike), steered(esp));
}

TEST(FlowExtractor, the_short_cut_agrees_with_the_long_way) {
    for (const Steering steering : {Steering::Addresses, Steering::Ports}) {
        const FlowExtractor extractor{kSecret, steering};
        for (uint16_t port = 1; port < 300; port += 7) {
            for (const Bytes& frame :
                 {PacketBuilder{}.ipv4("10.0.0.1", "192.0.2.1").tcp(port, 443, "S").build(),
                  PacketBuilder{}.ipv4("192.0.2.1", "10.0.0.1").udp(443, port).build()}) {
                const FlowId expected = identify(frame, 3, steering);
                FlowId found;
                extractor.extract_plain(frame.data() + 14, frame[23], 3, found);
                EXPECT_EQ(found.key, expected.key);
                EXPECT_EQ(found.hash, expected.hash);
                EXPECT_EQ(found.steering_hash, expected.steering_hash);
                EXPECT_EQ(found.swapped, expected.swapped);
            }
        }
    }
}

TEST(FlowExtractor, whatever_differs_gives_another_key) {
    const auto base = [] { return PacketBuilder{}.ipv4("10.0.0.1", "192.0.2.1").udp(5000, 1194); };
    const FlowKey key = identify(base().build()).key;
    const std::vector<Bytes> others{
        PacketBuilder{}.ipv4("10.0.0.2", "192.0.2.1").udp(5000, 1194).build(),
        PacketBuilder{}.ipv4("10.0.0.1", "192.0.2.2").udp(5000, 1194).build(),
        PacketBuilder{}.ipv4("10.0.0.1", "192.0.2.1").udp(5001, 1194).build(),
        PacketBuilder{}.ipv4("10.0.0.1", "192.0.2.1").udp(5000, 1195).build(),
        PacketBuilder{}.ipv4("10.0.0.1", "192.0.2.1").udp(1194, 5000).build(),
        PacketBuilder{}.ipv4("10.0.0.1", "192.0.2.1").tcp(5000, 1194, "S").build(),
        PacketBuilder{}.vlan(5).ipv4("10.0.0.1", "192.0.2.1").udp(5000, 1194).build(),
        PacketBuilder{}.vlan(5).vlan(6).ipv4("10.0.0.1", "192.0.2.1").udp(5000, 1194).build(),
    };
    for (const Bytes& other : others)
        EXPECT_FALSE(identify(other).key == key);
    EXPECT_FALSE(identify(base().build(), 1).key == key) << "another wire";
}

TEST(FlowExtractor, two_hosts_that_ping_each_other_with_one_identifier_have_two_connections) {
    const FlowId one =
        identify(PacketBuilder{}.ipv4("10.0.0.1", "10.0.0.2").icmp_echo(5, 1).build());
    const FlowId other =
        identify(PacketBuilder{}.ipv4("10.0.0.2", "10.0.0.1").icmp_echo(5, 1).build());
    EXPECT_FALSE(one.key == other.key);
    EXPECT_EQ(one.steering_hash, other.steering_hash);
}

TEST(FlowExtractor, a_reply_of_another_kind_or_code_belongs_to_another_connection) {
    const FlowKey echo =
        identify(PacketBuilder{}.ipv4("10.0.0.1", "10.0.0.2").icmp(8, 0, 5 << 16).build()).key;
    EXPECT_TRUE(
        identify(PacketBuilder{}.ipv4("10.0.0.2", "10.0.0.1").icmp(0, 0, 5 << 16).build()).key ==
        echo);
    EXPECT_FALSE(
        identify(PacketBuilder{}.ipv4("10.0.0.2", "10.0.0.1").icmp(0, 1, 5 << 16).build()).key ==
        echo);
    EXPECT_FALSE(
        identify(PacketBuilder{}.ipv4("10.0.0.2", "10.0.0.1").icmp(14, 0, 5 << 16).build()).key ==
        echo);
}

TEST(FlowExtractor, ids_of_connections_fit_into_a_json_number_and_differ_by_birth) {
    const FlowExtractor extractor{kSecret};
    const FlowKey key =
        identify(PacketBuilder{}.ipv4("10.0.0.1", "10.0.0.2").udp(1, 2).build()).key;
    const uint64_t id = extractor.connection_id(key, 1, 1);
    EXPECT_LT(id, uint64_t{1} << 53);
    EXPECT_NE(id, extractor.connection_id(key, 2, 1));
    EXPECT_NE(id, extractor.connection_id(key, 1, 2));
}

}  // namespace
}  // namespace ravelin
