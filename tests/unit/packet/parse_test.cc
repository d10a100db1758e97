// SPDX-License-Identifier: BSD-3-Clause
#include "packet/parse.h"

#include "base/byteorder.h"
#include "packet/checksum.h"
#include "packet/ethernet.h"
#include "packet/ipv4.h"
#include "packet/parse_any.h"
#include "packets.h"
#include "support/headers_check.h"

#include <gtest/gtest.h>

#include <functional>

namespace ravelin {
namespace {

using testing::Bytes;
using testing::NamedPacket;
using testing::PacketBuilder;
using testing::parse_bytes;
using testing::v4;
using testing::v6;

Headers accepted(const Bytes& bytes, const ParseOptions& options = {}) {
    Headers headers;
    EXPECT_EQ(keyword(parse_bytes(bytes, headers, options)), "none");
    return headers;
}

TEST(Parse, takes_every_kind_of_packet_that_is_right) {
    for (const NamedPacket& packet : testing::valid_packets()) {
        SCOPED_TRACE(packet.name);
        const Headers headers = accepted(packet.bytes);
        EXPECT_EQ(testing::broken_promise(DropReason::None, headers, packet.bytes.size()), nullptr);
        EXPECT_EQ(headers.l3_offset, testing::ip_offset(packet.bytes));
        EXPECT_EQ(headers.l3_offset + headers.ip_length, packet.bytes.size());
    }
}

TEST(Parse, the_short_cut_and_the_long_way_agree) {
    std::vector<NamedPacket> packets = testing::valid_packets();
    packets.push_back({"first fragment", v4().fragment(0, true).udp(1, 2).payload("ab").build()});
    packets.push_back({"middle one", v4().fragment(8, true).tcp(1, 2, "S").build()});
    packets.push_back({"last one", v4().fragment(65528, false).icmp(8, 0, 7).build()});
    for (const NamedPacket& packet : packets) {
        for (size_t at = 0; at < packet.bytes.size(); ++at) {
            for (const int mask : {0x00, 0x01, 0x10, 0x80, 0xff}) {
                Bytes bytes = packet.bytes;
                bytes[at] ^= static_cast<uint8_t>(mask);
                for (const bool good : {false, true}) {
                    Headers quick;
                    Headers full;
                    const DropReason reason = parse(bytes, {}, good, quick);
                    ASSERT_EQ(reason, parse_any(bytes, {}, good, full)) << packet.name << at;
                    ASSERT_EQ(quick, full) << packet.name << " at " << at;
                }
            }
        }
    }
}

TEST(Parse, they_agree_about_every_value_of_the_fragment_field) {
    Bytes bytes = v4().udp(1, 2).payload("ab").build();
    uint8_t* const ip = bytes.data() + Ethernet::kHeaderLength;
    for (uint32_t field = 0; field <= UINT16_MAX; ++field) {
        store_be16(ip + 6, static_cast<uint16_t>(field));
        store_be16(ip + 10, 0);
        store_be16(ip + 10, checksum_of(checksum_sum(ip, Ipv4::kMinimumLength)));
        Headers quick;
        Headers full;
        ASSERT_EQ(parse(bytes, {}, true, quick), parse_any(bytes, {}, true, full)) << field;
        ASSERT_EQ(quick, full) << field;
        ASSERT_EQ(quick.is_fragment, (field & 0x3fff) != 0) << field;
    }
}

TEST(Parse, tells_tcp) {
    const Headers headers = accepted(
        v4().ttl(17).tcp(40000, 443, "SAEW").options({2, 4, 5, 0xb4}).payload("ab").build());
    EXPECT_EQ(headers.ether_type, 0x0800);
    EXPECT_EQ(headers.family, Family::Ipv4);
    EXPECT_EQ(headers.protocol, ip_protocol::kTcp);
    EXPECT_EQ(headers.l3_offset, 14);
    EXPECT_EQ(headers.l4_offset, 34);
    EXPECT_EQ(headers.ip_length, 46U);
    EXPECT_EQ(headers.l4_length, 26U);
    EXPECT_EQ(headers.l4_header_length, 24);
    EXPECT_EQ(headers.source_port, 40000);
    EXPECT_EQ(headers.destination_port, 443);
    EXPECT_EQ(headers.tcp_flags, tcp_flag::kSyn | tcp_flag::kAck | tcp_flag::kEce | tcp_flag::kCwr);
    EXPECT_EQ(headers.ttl, 17);
}

TEST(Parse, tells_udp_behind_two_tags_and_ipv6_extension_headers) {
    const Headers headers = accepted(v6().vlan(100, 0x88a8)
                                         .vlan(200)
                                         .ttl(3)
                                         .extension(0, testing::router_alert6())
                                         .fragment(0, false)
                                         .extension(60, {1, 12})
                                         .udp(500, 4500)
                                         .payload("xyz")
                                         .build());
    EXPECT_EQ(headers.ether_type, 0x86dd);
    EXPECT_EQ(headers.outer_vlan, 100);
    EXPECT_EQ(headers.inner_vlan, 200);
    EXPECT_EQ(headers.l3_offset, 22);
    EXPECT_EQ(headers.l4_offset, 22 + 40 + 24);
    EXPECT_EQ(headers.ip_length, 40U + 24 + 11);
    EXPECT_EQ(headers.l4_length, 11U);
    EXPECT_EQ(headers.protocol, ip_protocol::kUdp);
    EXPECT_EQ(headers.source_port, 500);
    EXPECT_EQ(headers.destination_port, 4500);
    EXPECT_EQ(headers.ttl, 3);
    EXPECT_FALSE(headers.is_fragment);
}

TEST(Parse, an_icmp_query_has_its_identifier_and_type_for_ports_and_no_other_message_has) {
    for (int type = 0; type < 256; ++type) {
        for (const Family family : {Family::Ipv4, Family::Ipv6}) {
            const auto t = static_cast<uint8_t>(type);
            auto builder = family == Family::Ipv4 ? v4() : v6();
            const Headers headers = accepted(builder.ttl(255).icmp(t, 9, 0x12345678).build());
            const bool query = family == Family::Ipv4
                                   ? type == 0 || type == 8 || (type >= 13 && type <= 18)
                                   : type == 128 || type == 129 || type == 139 || type == 140;
            EXPECT_EQ(is_icmp_query(family, t), query);
            EXPECT_EQ(headers.icmp_type, type);
            EXPECT_EQ(headers.icmp_code, 9);
            EXPECT_EQ(headers.source_port, query ? 0x1234 : 0) << type;
            EXPECT_EQ(headers.destination_port, query ? type << 8 | 9 : 0) << type;
        }
    }
}

TEST(Parse, sorts_icmp_types_into_errors_untracked_and_the_rest) {
    for (int type = 0; type < 256; ++type) {
        const auto t = static_cast<uint8_t>(type);
        EXPECT_EQ(is_icmp_error(Family::Ipv4, t),
                  type == 3 || type == 4 || type == 5 || type == 11 || type == 12);
        EXPECT_EQ(is_icmp_error(Family::Ipv6, t), type < 128);
        EXPECT_EQ(is_untracked_icmp(Family::Ipv6, t),
                  (type >= 130 && type <= 136) || type == 143 || type == 151 || type == 152);
        EXPECT_FALSE(is_untracked_icmp(Family::Ipv4, t));
        EXPECT_FALSE(is_icmp_error(Family::None, t));
        EXPECT_FALSE(is_icmp_query(Family::None, t));
    }
}

TEST(Parse, tells_the_spi_the_call_id_and_sctp_ports) {
    EXPECT_EQ(accepted(v4().esp(0xdeadbeef).build()).spi, 0xdeadbeefU);
    EXPECT_EQ(accepted(v4().ah(0xfeedf00d).build()).spi, 0xfeedf00dU);
    EXPECT_EQ(accepted(v6().ah(0xfeedf00d).build()).protocol, ip_protocol::kAh);
    const Headers call = accepted(v4().pptp(4711).build());
    EXPECT_EQ(call.spi, 4711U);
    EXPECT_EQ(call.source_port, 0);
    EXPECT_EQ(call.destination_port, 4711);
    EXPECT_EQ(accepted(v4().gre().payload(Bytes(8, 0xff)).build()).spi, 0U);
    const Headers sctp = accepted(v6().sctp(5060, 36412).build());
    EXPECT_EQ(sctp.source_port, 5060);
    EXPECT_EQ(sctp.destination_port, 36412);
    EXPECT_EQ(sctp.l4_header_length, 12);
}

TEST(Parse, what_is_not_ip_passes_with_its_ethertype_and_nothing_else) {
    struct Case {
        const char* name;
        Bytes bytes;
        uint16_t ether_type;
        uint16_t vlan;
    };
    const Case cases[] = {
        {"arp", PacketBuilder{}.arp("10.0.0.1", "10.0.0.2").build(), 0x0806, 0},
        {"tagged arp", PacketBuilder{}.vlan(9).arp("10.0.0.1", "10.0.0.2").build(), 0x0806, 9},
        {"lldp", PacketBuilder{}.ether_type(0x88cc).build(), 0x88cc, 0},
        {"stp in llc", PacketBuilder{}.ether_type(38).payload(Bytes(38)).build(), 0, 0},
        {"largest 802.3 length", PacketBuilder{}.ether_type(0x5ff).build(), 0, 0},
        {"smallest ethertype", PacketBuilder{}.ether_type(0x600).build(), 0x600, 0},
        {"mpls", PacketBuilder{}.ether_type(0x8847).payload(Bytes(40)).build(), 0x8847, 0},
        {"no payload", PacketBuilder{}.ether_type(0x8863).build(), 0x8863, 0},
    };
    for (const Case& c : cases) {
        SCOPED_TRACE(c.name);
        Headers expected;
        expected.ether_type = c.ether_type;
        expected.outer_vlan = c.vlan;
        EXPECT_EQ(accepted(c.bytes), expected);
    }
}

TEST(Parse, reads_up_to_two_tags_of_any_kind) {
    constexpr uint16_t kTags[] = {0x8100, 0x88a8, 0x9100};
    for (const uint16_t outer : kTags) {
        const Headers one = accepted(v4().vlan(4094, outer).udp(1, 2).build());
        EXPECT_EQ(one.outer_vlan, 4094);
        EXPECT_EQ(one.inner_vlan, 0);
        EXPECT_EQ(one.l3_offset, 18);
        for (const uint16_t inner : kTags) {
            // Priority and drop eligibility stand above the id.
            const Headers two = accepted(v4().vlan(0xf001, outer).vlan(2, inner).udp(1, 2).build());
            EXPECT_EQ(two.outer_vlan, 1);
            EXPECT_EQ(two.inner_vlan, 2);
            EXPECT_EQ(two.l3_offset, 22);
        }
    }
    EXPECT_EQ(accepted(v4().vlan(0xe000).udp(1, 2).build()).outer_vlan, 0) << "a priority tag";
}

TEST(Parse, udp_may_have_a_trailer_port_zero_and_no_checksum) {
    const Headers trailer = accepted(v4().udp(1, 2).udp_length(10).payload("ab----").build());
    EXPECT_EQ(trailer.l4_length, 14U);
    EXPECT_EQ(accepted(v6().udp(1, 2).udp_length(10).payload("ab----").build()).l4_length, 14U);
    EXPECT_EQ(accepted(v4().udp(0, 0).build()).destination_port, 0);
    accepted(v4().udp(1, 2).l4_checksum(0).payload("x").build());
    accepted(v6().udp(1, 2).l4_checksum(0).payload("x").build());
}

struct OptionCase {
    const char* name;
    std::function<void(ParseOptions&)> relax;
    Bytes bytes;
    DropReason refused;
};

std::vector<OptionCase> option_cases() {
    const auto martians = [](ParseOptions& o) { o.refuse_martians = false; };
    const auto ttl = [](ParseOptions& o) { o.refuse_ttl_zero = false; };
    const auto options = [](ParseOptions& o) { o.refuse_ipv4_options = false; };
    const auto routing = [](ParseOptions& o) { o.refuse_routing_header = false; };
    const auto sums = [](ParseOptions& o) { o.verify_checksums = false; };
    return {
        {"record route", options, v4().ip_options({7, 3, 4}).udp(1, 2).build(),
         DropReason::Ipv4Options},
        {"ttl", ttl, v4().ttl(0).tcp(1, 2, "S").build(), DropReason::TtlExpired},
        {"hop limit", ttl, v6().ttl(0).tcp(1, 2, "S").build(), DropReason::TtlExpired},
        {"loopback", martians, PacketBuilder{}.ipv4("127.0.0.1", "10.0.0.1").udp(1, 2).build(),
         DropReason::MartianSource},
        {"land", martians, PacketBuilder{}.ipv4("10.0.0.1", "10.0.0.1").udp(1, 2).build(),
         DropReason::Land},
        {"ipv6 land", martians, PacketBuilder{}.ipv6("fe80::1", "fe80::1").udp(1, 2).build(),
         DropReason::Land},
        {"neighbour discovery from afar", martians, v6().ttl(254).icmp(136, 0).build(),
         DropReason::NdHopLimit},
        {"segment routing", routing, v6().extension(43, {4, 0, 0, 0, 0, 0}).udp(1, 2).build(),
         DropReason::Ipv6RoutingHeader},
        {"tcp sum", sums, v4().tcp(1, 2, "S").l4_checksum(1).build(), DropReason::L4Checksum},
        {"udp sum", sums, v4().udp(1, 2).l4_checksum(1).build(), DropReason::L4Checksum},
        {"sctp sum", sums, v6().sctp(1, 2).l4_checksum(1).build(), DropReason::L4Checksum},
        {"icmpv6 sum", sums, v6().icmp_echo(1, 2).l4_checksum(1).build(), DropReason::L4Checksum},
    };
}

TEST(Parse, each_option_lets_through_what_it_refuses) {
    for (const OptionCase& c : option_cases()) {
        SCOPED_TRACE(c.name);
        Headers headers;
        EXPECT_EQ(parse_bytes(c.bytes, headers), c.refused);
        ParseOptions relaxed;
        c.relax(relaxed);
        EXPECT_EQ(parse_bytes(c.bytes, headers, relaxed), DropReason::None);
    }
}

TEST(Parse, a_sum_that_the_port_has_verified_is_not_looked_at_again) {
    for (const Bytes& bytes : {v4().tcp(1, 2, "S").l4_checksum(1).build(),
                               v4().udp(1, 2).payload(Bytes(300)).l4_checksum(1).build(),
                               v6().udp(1, 2).l4_checksum(1).build()}) {
        Headers headers;
        EXPECT_EQ(parse(bytes, {}, false, headers), DropReason::L4Checksum);
        EXPECT_EQ(parse(bytes, {}, true, headers), DropReason::None);
    }
}

TEST(Parse, a_fragment_tells_its_place_and_its_family) {
    Headers headers;
    EXPECT_EQ(
        parse_bytes(v4().fragment(1480, true).protocol(17).payload(Bytes(16)).build(), headers),
        DropReason::None);
    EXPECT_TRUE(headers.is_fragment);
    EXPECT_EQ(headers.fragment_offset, 1480);
    EXPECT_EQ(headers.fragment_data, 34);
    EXPECT_EQ(headers.family, Family::Ipv4);
    EXPECT_EQ(headers.ip_length, 36U);
    EXPECT_EQ(parse_bytes(v6().fragment(8, false).udp(1, 2).build(), headers), DropReason::None);
    EXPECT_TRUE(headers.is_fragment);
    EXPECT_EQ(headers.fragment_offset, 8);
    EXPECT_EQ(headers.family, Family::Ipv6);
    EXPECT_EQ(headers.protocol, ip_protocol::kUdp);
    EXPECT_EQ(headers.ip_length, 56U);
    EXPECT_EQ(headers.fragment_data, 62);
    EXPECT_EQ(headers.source_port, 0) << "no fragment has ports";
}

TEST(Parse, a_first_fragment_tells_where_its_own_bytes_start_and_where_its_chain_ends) {
    Headers headers;
    const auto first = v6().extension(60, {1, 4}).fragment(0, true).extension(60, {1, 4});
    EXPECT_EQ(parse_bytes(PacketBuilder{first}.udp(1, 2).build(), headers), DropReason::None);
    EXPECT_EQ(headers.fragment_data, 14 + 40 + 8 + 8);
    EXPECT_EQ(headers.l4_offset, 14 + 40 + 8 + 8 + 8);
    EXPECT_EQ(headers.protocol, ip_protocol::kUdp);
    EXPECT_EQ(parse_bytes(PacketBuilder{first}.ip_length(20).udp(1, 2).build(), headers),
              DropReason::None);
    EXPECT_EQ(headers.protocol, ip_protocol::kDestinationOptions) << "the header that is cut";
}

}  // namespace
}  // namespace ravelin
