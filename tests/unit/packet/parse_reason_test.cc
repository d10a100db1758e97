// SPDX-License-Identifier: BSD-3-Clause
#include "packets.h"
#include "support/headers_check.h"

#include <gtest/gtest.h>

#include <set>

namespace ravelin {
namespace {

using testing::Bytes;
using testing::PacketBuilder;
using testing::parse_bytes;
using testing::router_alert6;
using testing::v4;
using testing::v6;

struct Case {
    const char* name;
    Bytes bytes;
    DropReason reason;
};

PacketBuilder from4(const char* source, const char* destination) {
    return PacketBuilder{}.ipv4(source, destination).udp(1, 2);
}

PacketBuilder from6(const char* source, const char* destination) {
    return PacketBuilder{}.ipv6(source, destination).udp(1, 2);
}

std::vector<Case> layer2_cases() {
    using enum DropReason;
    return {
        {"nothing at all", {}, L2Malformed},
        {"half an Ethernet header", v4().truncate(13).build(), L2Malformed},
        {"a tag without an EtherType", v4().vlan(1).truncate(16).build(), L2Malformed},
        {"half a second tag", v4().vlan(1).vlan(2).truncate(19).build(), L2Malformed},
        {"three tags", v4().vlan(1).vlan(2).vlan(3).udp(1, 2).build(), VlanUnsupported},
        {"three tags and no more", v4().vlan(1).vlan(2).vlan(3).truncate(22).build(),
         VlanUnsupported},
        {"the reserved VLAN", v4().vlan(4095).udp(1, 2).build(), VlanUnsupported},
        {"the reserved VLAN inside", v4().vlan(1).vlan(4095).udp(1, 2).build(), VlanUnsupported},
    };
}

std::vector<Case> ipv4_cases() {
    using enum DropReason;
    return {
        {"no IPv4 header", v4().truncate(14).build(), Ipv4Malformed},
        {"half an IPv4 header", v4().udp(1, 2).truncate(33).build(), Ipv4Malformed},
        {"IPv6 as IPv4", v6().ether_type(0x0800).udp(1, 2).build(), Ipv4Malformed},
        {"version 5", v4().version(5).udp(1, 2).build(), Ipv4Malformed},
        {"header length 4", v4().ihl(4).udp(1, 2).build(), Ipv4Malformed},
        {"header beyond the frame", v4().ihl(15).udp(1, 2).build(), Ipv4Malformed},
        {"total length below the header", v4().ip_length(19).udp(1, 2).build(), Ipv4Malformed},
        {"total length 0", v4().ip_length(0).udp(1, 2).build(), Ipv4Malformed},
        {"total length inside the options",
         v4().ip_options({1, 1, 1, 1}).ip_length(20).udp(1, 2).build(), Ipv4Malformed},
        {"total length beyond the frame", v4().ip_length(29).udp(1, 2).build(), IpTruncated},
        {"total length 65535", v4().ip_length(65535).tcp(1, 2, "S").build(), IpTruncated},
        {"wrong sum", v4().ip_checksum(0x1234).udp(1, 2).build(), Ipv4Checksum},
        {"no sum", v4().ip_checksum(0).udp(1, 2).build(), Ipv4Checksum},
        {"wrong sum over options", v4().ip_options({1}).ip_checksum(1).udp(1, 2).build(),
         Ipv4Checksum},
        {"source route", v4().ip_options({131, 7, 4, 1, 2, 3, 4}).udp(1, 2).build(), Ipv4Options},
        {"no-operation", v4().ip_options({1}).udp(1, 2).build(), Ipv4Options},
        {"router alert with UDP", v4().ip_options({148, 4, 0, 0}).udp(1, 2).build(), Ipv4Options},
        {"IGMP with record route",
         v4().ip_options({7, 3, 4}).protocol(2).payload("12345678").build(), Ipv4Options},
        {"IGMP with half a router alert",
         v4().ip_options({1, 1, 148, 4}).protocol(2).payload("12345678").build(), Ipv4Options},
        {"IGMP with a short router alert",
         v4().ip_options({148, 3, 0}).protocol(2).payload("12345678").build(), Ipv4Options},
        {"TTL 0", v4().ttl(0).udp(1, 2).build(), TtlExpired},
        {"first fragment", v4().fragment(0, true).udp(1, 2).payload("12345678").build(), None},
        {"last fragment", v4().fragment(8, false).udp(1, 2).build(), None},
        {"fragment at the very end", v4().fragment(65528, false).udp(1, 2).build(), None},
        {"empty fragment", v4().fragment(8, true).protocol(17).build(), None},
        {"fragment with a wrong sum", v4().fragment(8, true).ip_checksum(1).udp(1, 2).build(),
         Ipv4Checksum},
        {"fragment with options", v4().fragment(8, true).ip_options({7, 3, 4}).udp(1, 2).build(),
         Ipv4Options},
        {"fragment of a martian",
         PacketBuilder{}.ipv4("127.0.0.1", "10.0.0.1").fragment(8, true).udp(1, 2).build(),
         MartianSource},
    };
}

std::vector<Case> address_cases() {
    using enum DropReason;
    return {
        {"from this network", from4("0.1.2.3", "10.0.0.1").build(), MartianSource},
        {"from nobody", from4("0.0.0.0", "10.0.0.1").build(), MartianSource},
        {"a DHCP answer from nobody",
         PacketBuilder{}.ipv4("0.0.0.0", "255.255.255.255").udp(67, 68).build(), MartianSource},
        {"a DHCP request from this network",
         PacketBuilder{}.ipv4("0.0.0.1", "255.255.255.255").udp(68, 67).build(), MartianSource},
        {"TCP on the DHCP ports from nobody",
         PacketBuilder{}.ipv4("0.0.0.0", "10.0.0.1").tcp(68, 67, "S").build(), MartianSource},
        {"from loopback", from4("127.255.0.1", "10.0.0.1").build(), MartianSource},
        {"from a group", from4("224.0.0.1", "10.0.0.1").build(), MartianSource},
        {"from the last group", from4("239.255.255.255", "10.0.0.1").build(), MartianSource},
        {"from the reserved block", from4("240.0.0.1", "10.0.0.1").build(), MartianSource},
        {"from everybody", from4("255.255.255.255", "10.0.0.1").build(), MartianSource},
        {"to this network", from4("10.0.0.1", "0.0.0.0").build(), MartianDestination},
        {"to loopback", from4("10.0.0.1", "127.0.0.1").build(), MartianDestination},
        {"to everybody", from4("10.0.0.1", "255.255.255.255").build(), None},
        {"to a group", from4("10.0.0.1", "224.0.0.251").build(), None},
        {"next to the martians", from4("126.255.255.255", "128.0.0.0").build(), None},
        {"from the last unicast address", from4("223.255.255.255", "1.0.0.0").build(), None},
        {"land", from4("10.0.0.1", "10.0.0.1").build(), Land},
        {"from IPv6 nobody", from6("::", "2001:db8::1").build(), MartianSource},
        {"an echo from nobody", PacketBuilder{}.ipv6("::", "ff02::1").icmp_echo(1, 1).build(),
         MartianSource},
        {"a neighbour advertisement from nobody",
         PacketBuilder{}.ipv6("::", "ff02::1").ttl(255).icmp(136, 0).build(), MartianSource},
        {"a fragment from nobody",
         PacketBuilder{}.ipv6("::", "ff02::1").fragment(8, false).icmp(135, 0).build(),
         MartianSource},
        {"from IPv6 loopback", from6("::1", "2001:db8::1").build(), MartianSource},
        {"from an IPv6 group", from6("ff02::1", "2001:db8::1").build(), MartianSource},
        {"from a mapped address", from6("::ffff:192.0.2.1", "2001:db8::1").build(), MartianSource},
        {"to IPv6 nobody", from6("2001:db8::1", "::").build(), MartianDestination},
        {"to IPv6 loopback", from6("2001:db8::1", "::1").build(), MartianDestination},
        {"to a mapped address", from6("2001:db8::1", "::ffff:192.0.2.1").build(),
         MartianDestination},
        {"to an IPv6 group", from6("fe80::1", "ff02::fb").build(), None},
        {"next to loopback", from6("::2", "::3").build(), None},
        {"IPv6 land", from6("2001:db8::1", "2001:db8::1").build(), Land},
    };
}

std::vector<Case> ipv6_cases() {
    using enum DropReason;
    return {
        {"no IPv6 header", v6().truncate(14).build(), Ipv6Malformed},
        {"half an IPv6 header", v6().udp(1, 2).truncate(53).build(), Ipv6Malformed},
        {"IPv4 as IPv6", v4().ether_type(0x86dd).udp(1, 2).payload(Bytes(40)).build(),
         Ipv6Malformed},
        {"payload beyond the frame", v6().ip_length(9).udp(1, 2).build(), IpTruncated},
        {"jumbogram", v6().ip_length(0).extension(0, {0xc2, 4, 0, 1, 0, 0}).udp(1, 2).build(),
         Ipv6Jumbogram},
        {"jumbo option on a small packet",
         v6().extension(0, {0xc2, 4, 0, 0, 0, 16}).udp(1, 2).build(), Ipv6Jumbogram},
        {"hop limit 0", v6().ttl(0).udp(1, 2).build(), TtlExpired},
        {"first fragment", v6().fragment(0, true).udp(1, 2).payload("12345678").build(), None},
        {"last fragment", v6().fragment(8, false).udp(1, 2).build(), None},
        {"fragment with hop limit 0", v6().ttl(0).fragment(8, true).udp(1, 2).build(), TtlExpired},
        {"routing header 0", v6().extension(43, {0, 0, 0, 0, 0, 0}).udp(1, 2).build(),
         Ipv6RoutingHeader},
        {"mobility's routing header", v6().extension(43, {2, 1, 0, 0, 0, 0}).udp(1, 2).build(),
         Ipv6RoutingHeader},
        {"no next header", v6().protocol(59).build(), Ipv6NoNextHeader},
        {"no next header with bytes behind it", v6().protocol(59).payload("12345678").build(),
         Ipv6NoNextHeader},
        {"no next header behind options", v6().extension(60, {1, 4}).protocol(59).build(),
         Ipv6NoNextHeader},
        {"an atomic fragment of nothing", v6().fragment(0, false).protocol(59).build(),
         Ipv6NoNextHeader},
        {"a protocol that nobody knows", v6().protocol(200).build(), None},
        {"mobility as an upper layer",
         v6().extension(60, {1, 4}).protocol(135).payload("12345678").build(), None},
        {"hop-by-hop twice", v6().extension(0, {1, 4}).extension(0, {1, 4}).udp(1, 2).build(),
         Ipv6ExtensionOrder},
        {"hop-by-hop behind options",
         v6().extension(60, {1, 4}).extension(0, {1, 4}).udp(1, 2).build(), Ipv6ExtensionOrder},
        {"hop-by-hop behind a fragment header",
         v6().fragment(0, true).extension(0, {1, 4}).udp(1, 2).build(), Ipv6ExtensionOrder},
        {"destination options three times",
         v6().extension(60, {1, 4}).extension(60, {1, 4}).extension(60, {1, 4}).udp(1, 2).build(),
         Ipv6ExtensionRepeated},
        {"two fragment headers", v6().fragment(0, false).fragment(0, false).udp(1, 2).build(),
         Ipv6ExtensionRepeated},
        {"a fragment inside a first fragment",
         v6().fragment(0, true).fragment(8, true).udp(1, 2).build(), Ipv6ExtensionRepeated},
        {"half an extension header", v6().ip_length(4).extension(60, {1, 4}).udp(1, 2).build(),
         Ipv6ExtensionTruncated},
        {"extension header beyond the packet",
         v6().ip_length(8).extension(60, Bytes(14)).udp(1, 2).build(), Ipv6ExtensionTruncated},
        {"half a fragment header", v6().ip_length(4).fragment(0, true).udp(1, 2).build(),
         Ipv6ExtensionTruncated},
        {"a first fragment without its chain",
         v6().ip_length(8).fragment(0, true).extension(60, {1, 4}).udp(1, 2).build(), None},
        {"a chain of 520 bytes",
         v6().extension(60, Bytes(254)).extension(60, Bytes(262)).udp(1, 2).build(),
         Ipv6ExtensionLength},
        {"a chain of 512 bytes",
         v6().extension(60, Bytes(254)).extension(60, Bytes(254)).udp(1, 2).build(), None},
        {"an option that ends beyond its header",
         v6().extension(0, {5, 5, 0, 0, 0, 0}).udp(1, 2).build(), Ipv6HopByHopOptions},
        {"an option without a length", v6().extension(0, {1, 3, 0, 0, 0, 5}).udp(1, 2).build(),
         Ipv6HopByHopOptions},
        {"seventeen options", v6().extension(0, Bytes(22)).udp(1, 2).build(), Ipv6HopByHopOptions},
        {"fourteen options", v6().extension(0, Bytes(14)).udp(1, 2).build(), None},
        {"discovery in an atomic fragment",
         PacketBuilder{}
             .ipv6("fe80::1", "fe80::2")
             .ttl(255)
             .fragment(0, false)
             .icmp(135, 0)
             .build(),
         NdFragmented},
    };
}

std::vector<Case> transport_cases() {
    using enum DropReason;
    const auto raw = [](uint8_t protocol, size_t bytes) {
        return v4().protocol(protocol).payload(Bytes(bytes)).build();
    };
    return {
        {"no TCP header", raw(6, 0), L4Malformed},
        {"19 bytes of TCP", raw(6, 19), L4Malformed},
        {"data offset 4", v4().tcp(1, 2, "S").data_offset(4).build(), L4Malformed},
        {"data offset beyond the segment", v4().tcp(1, 2, "S").data_offset(6).build(), L4Malformed},
        {"data offset in the padding", v4().tcp(1, 2, "S").data_offset(6).pad(40).build(),
         L4Malformed},
        {"7 bytes of UDP", raw(17, 7), L4Malformed},
        {"UDP length 0", v4().udp(1, 2).udp_length(0).build(), L4Malformed},
        {"UDP length 7", v4().udp(1, 2).udp_length(7).build(), L4Malformed},
        {"UDP length beyond the packet", v4().udp(1, 2).udp_length(9).build(), L4Malformed},
        {"UDP length in the padding", v4().udp(1, 2).udp_length(9).pad(40).build(), L4Malformed},
        {"UDP length beyond the packet over IPv6", v6().udp(1, 2).udp_length(9).build(),
         L4Malformed},
        {"7 bytes of ICMP", raw(1, 7), L4Malformed},
        {"ICMPv6 in IPv4", raw(58, 8), L4Malformed},
        {"ICMP in IPv6", v6().protocol(1).payload(Bytes(8)).build(), L4Malformed},
        {"7 bytes of ESP", raw(50, 7), L4Malformed},
        {"11 bytes of AH", raw(51, 11), L4Malformed},
        {"3 bytes of GRE", raw(47, 3), L4Malformed},
        {"7 bytes of enhanced GRE",
         v4().protocol(47).payload({0x20, 1, 0x88, 0x0b, 0, 0, 0}).build(), L4Malformed},
        {"version 1 of GRE that carries no PPP",
         v4().protocol(47).payload({0x20, 1, 8, 0, 0, 0, 0, 0}).build(), L4Malformed},
        {"11 bytes of SCTP", raw(132, 11), L4Malformed},
        {"wrong TCP sum", v4().tcp(1, 2, "S").l4_checksum(0).build(), L4Checksum},
        {"wrong UDP sum", v4().udp(1, 2).l4_checksum(1).build(), L4Checksum},
        {"wrong sum of a long datagram",
         v4().udp(1, 2).payload(Bytes(1000, 7)).corrupt(900).build(), L4Checksum},
        {"wrong UDP sum over IPv6", v6().udp(1, 2).l4_checksum(1).build(), L4Checksum},
        {"wrong ICMP sum", v4().icmp_echo(1, 2).l4_checksum(1).build(), L4Checksum},
        {"ICMP of nothing but zeros", raw(1, 8), L4Checksum},
        {"wrong ICMPv6 sum", v6().icmp_echo(1, 2).l4_checksum(1).build(), L4Checksum},
        {"router advertisement from afar", v6().ttl(64).icmp(134, 0).build(), NdHopLimit},
        {"redirect from afar", v6().ttl(254).icmp(137, 0).build(), NdHopLimit},
        {"multicast listener query with hop limit 1", v6().ttl(1).icmp(130, 0).build(), None},
    };
}

std::vector<Case> all_cases() {
    std::vector<Case> all;
    for (const auto& part :
         {layer2_cases(), ipv4_cases(), address_cases(), ipv6_cases(), transport_cases()}) {
        all.insert(all.end(), part.begin(), part.end());
    }
    return all;
}

TEST(ParseReason, every_malformed_packet_ends_with_its_own) {
    for (const Case& c : all_cases()) {
        Headers headers;
        EXPECT_EQ(keyword(parse_bytes(c.bytes, headers)), keyword(c.reason)) << c.name;
        EXPECT_EQ(testing::broken_promise(c.reason, headers, c.bytes.size()), nullptr) << c.name;
    }
}

TEST(ParseReason, a_tag_before_the_packet_changes_no_reason) {
    for (const Case& c : all_cases()) {
        if (c.bytes.size() < 14 || c.reason == DropReason::VlanUnsupported ||
            c.reason == DropReason::L2Malformed) {
            continue;
        }
        Bytes tagged = c.bytes;
        const uint8_t tag[] = {0x81, 0, 0, 5};
        tagged.insert(tagged.begin() + 12, tag, tag + 4);
        Headers headers;
        EXPECT_EQ(keyword(parse_bytes(tagged, headers)), keyword(c.reason)) << c.name;
    }
}

TEST(ParseReason, the_table_reaches_every_reason_that_parsing_has) {
    std::set<DropReason> reached;
    for (const Case& c : all_cases())
        reached.insert(c.reason);
    for (auto i = static_cast<uint8_t>(DropReason::L2Malformed);
         i <= static_cast<uint8_t>(DropReason::NdHopLimit); ++i) {
        const auto reason = static_cast<DropReason>(i);
        // The list of EtherTypes and the TCP tracker decide these two.
        if (reason == DropReason::EthertypeUnsupported || reason == DropReason::TcpFlags) continue;
        EXPECT_TRUE(reached.contains(reason)) << keyword(reason);
    }
}

TEST(ParseReason, ip_is_told_by_the_ethertype_even_when_the_packet_is_broken) {
    Headers headers;
    parse_bytes(v4().truncate(14).build(), headers);
    EXPECT_EQ(headers.family, Family::Ipv4);
    EXPECT_EQ(headers.ip_length, 0U) << "no addresses to read";
    parse_bytes(v6().truncate(20).build(), headers);
    EXPECT_EQ(headers.family, Family::Ipv6);
    EXPECT_EQ(headers.ip_length, 0U);
    parse_bytes(PacketBuilder{}.ipv4("10.0.0.1", "10.0.0.1").udp(1, 2).build(), headers);
    EXPECT_EQ(headers.ip_length, 28U);
}

}  // namespace
}  // namespace ravelin
