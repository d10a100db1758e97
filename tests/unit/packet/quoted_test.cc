// SPDX-License-Identifier: BSD-3-Clause
#include "packets.h"

#include <gtest/gtest.h>

namespace ravelin {
namespace {

using testing::Bytes;
using testing::PacketBuilder;
using testing::v4;
using testing::v6;

constexpr QuoteOptions kStrict{};
constexpr QuoteOptions kLinux{.verify_ip_checksum = false, .minimum_l4_bytes = 4};

struct Quoted {
    DropReason reason = DropReason::None;
    Headers headers{};
    uint32_t sequence = 0;
};

Quoted quote(const Bytes& packet, Family family, const QuoteOptions& options = kStrict) {
    const Bytes exact(packet.begin(), packet.end());
    Quoted out;
    out.reason = parse_quoted(exact, family, options, out.headers, out.sequence);
    return out;
}

Family family_of(const Bytes& packet) {
    return !packet.empty() && packet[0] >> 4 == 6 ? Family::Ipv6 : Family::Ipv4;
}

TEST(Quoted, tells_what_the_first_eight_bytes_of_tcp_hold) {
    const Bytes packet =
        v4().bare().ttl(9).tcp(40000, 443, "S").seq(0x01020304).payload(Bytes(100)).build();
    const Quoted out = quote(Bytes(packet.begin(), packet.begin() + 28), Family::Ipv4);
    EXPECT_EQ(out.reason, DropReason::None);
    EXPECT_EQ(out.sequence, 0x01020304U);
    EXPECT_EQ(out.headers.family, Family::Ipv4);
    EXPECT_EQ(out.headers.protocol, ip_protocol::kTcp);
    EXPECT_EQ(out.headers.source_port, 40000);
    EXPECT_EQ(out.headers.destination_port, 443);
    EXPECT_EQ(out.headers.l4_offset, 20);
    EXPECT_EQ(out.headers.ip_length, 140U) << "IP's word, not what is there";
    EXPECT_EQ(out.headers.l4_length, 120U);
    EXPECT_EQ(out.headers.ttl, 9);
    EXPECT_EQ(out.headers.tcp_flags, 0) << "not quoted";
}

TEST(Quoted, tells_flags_when_they_are_there) {
    const Bytes packet = v6().bare().tcp(1, 2, "SA").build();
    EXPECT_EQ(quote(packet, Family::Ipv6).headers.tcp_flags, tcp_flag::kSyn | tcp_flag::kAck);
}

TEST(Quoted, walks_options_and_extension_headers) {
    const Bytes options = v4().bare().ip_options({7, 7, 4, 0, 0, 0, 0}).udp(5, 6).build();
    EXPECT_EQ(quote(options, Family::Ipv4).headers.destination_port, 6);
    EXPECT_EQ(quote(options, Family::Ipv4).headers.l4_offset, 28);
    const Bytes chain = v6().bare()
                            .extension(0, testing::router_alert6())
                            .extension(43, {4, 0, 0, 0, 0, 0})
                            .fragment(0, true)
                            .extension(60, {1, 4})
                            .udp(5, 6)
                            .build();
    const Quoted out = quote(chain, Family::Ipv6);
    EXPECT_EQ(out.reason, DropReason::None);
    EXPECT_EQ(out.headers.destination_port, 6);
    EXPECT_EQ(out.headers.l4_offset, 40 + 32);
    EXPECT_TRUE(out.headers.is_fragment) << "a first fragment has ports";
}

TEST(Quoted, queries_have_their_identifier_and_esp_its_spi) {
    const Quoted echo = quote(v4().bare().icmp_echo(0x4242, 1).build(), Family::Ipv4);
    EXPECT_EQ(echo.headers.source_port, 0x4242);
    EXPECT_EQ(echo.headers.destination_port, 8 << 8);
    EXPECT_EQ(echo.headers.icmp_type, 8);
    EXPECT_EQ(quote(v6().bare().icmp_echo(7, 1).build(), Family::Ipv6).headers.destination_port,
              128 << 8);
    EXPECT_EQ(quote(v4().bare().esp(99).build(), Family::Ipv4).headers.spi, 99U);
    EXPECT_EQ(quote(v4().bare().pptp(98).build(), Family::Ipv4).headers.spi, 98U);
}

struct Case {
    const char* name;
    Bytes packet;
    DropReason strict;
    DropReason linux_profile;
};

std::vector<Case> cases() {
    constexpr auto kBad = DropReason::IcmpErrorMalformed;
    constexpr auto kFine = DropReason::None;
    const auto cut = [](PacketBuilder& builder, size_t size) {
        return builder.bare().truncate(size).build();
    };
    const Bytes syn = v4().tcp(1, 2, "S").build();
    return {
        {"nothing", {}, kBad, kBad},
        {"half an IP header", cut(v4().tcp(1, 2, "S"), 19), kBad, kBad},
        {"no byte of TCP", cut(v4().tcp(1, 2, "S"), 20), kBad, kBad},
        {"3 bytes of TCP", cut(v4().tcp(1, 2, "S"), 23), kBad, kBad},
        {"4 bytes of TCP", cut(v4().tcp(1, 2, "S"), 24), kBad, kFine},
        {"7 bytes of UDP", cut(v4().udp(1, 2), 27), kBad, kFine},
        {"8 bytes of UDP", cut(v4().udp(1, 2).payload("abc"), 28), kFine, kFine},
        {"4 bytes of SCTP", cut(v6().sctp(1, 2), 44), kBad, kFine},
        {"7 bytes of an echo", cut(v4().icmp_echo(1, 2), 27), kBad, kBad},
        {"GRE of version 1 without PPP",
         v4().protocol(47).payload({0, 1, 8, 0, 0, 0, 0, 0}).bare().build(), kBad, kBad},
        {"GRE of version 1 that is cut before its call",
         cut(v4().protocol(47).payload({0, 1, 8, 0, 0, 0, 0, 0}), 24), kBad, kFine},
        {"no byte of ESP", cut(v4().esp(1), 20), kBad, kFine},
        {"a short packet of a protocol without ports", cut(v4().protocol(99).payload("abc"), 23),
         kFine, kFine},
        {"version 5", v4().bare().version(5).udp(1, 2).build(), kBad, kBad},
        {"header length 4", v4().bare().ihl(4).udp(1, 2).build(), kBad, kBad},
        {"header length beyond the quote", v4().bare().ihl(15).udp(1, 2).build(), kBad, kBad},
        {"wrong header sum", v4().bare().ip_checksum(1).udp(1, 2).build(), kBad, kFine},
        {"total length below the header", v4().bare().ip_length(10).udp(1, 2).build(), kBad, kFine},
        {"total length inside the ports", v4().bare().ip_length(22).udp(1, 2).build(), kBad, kFine},
        {"total length 65535", v4().bare().ip_length(65535).udp(1, 2).build(), kFine, kFine},
        {"TTL 0", v4().bare().ttl(0).udp(1, 2).build(), kFine, kFine},
        {"first fragment", v4().bare().fragment(0, true).udp(1, 2).build(), kFine, kFine},
        {"later fragment", v4().bare().fragment(8, true).udp(1, 2).build(), kBad, kBad},
        {"later IPv6 fragment", v6().bare().fragment(8, true).udp(1, 2).build(), kBad, kBad},
        {"ICMP error", v4().bare().icmp_error(3, 3, syn).build(), kBad, kBad},
        {"redirect", v4().bare().icmp_error(5, 0, syn).build(), kBad, kBad},
        {"ICMPv6 error", v6().bare().icmp_error(1, 0, v6().udp(1, 2).build()).build(), kBad, kBad},
        {"ICMPv6 in IPv4", v4().bare().protocol(58).payload("\x80 345678").build(), kBad, kBad},
        {"no next header", v6().bare().protocol(59).build(), kBad, kBad},
        {"cut extension header", cut(v6().extension(60, {1, 4}).udp(1, 2), 44), kBad, kBad},
        {"payload length below the chain",
         v6().bare().ip_length(4).extension(60, {1, 4}).udp(1, 2).build(), kBad, kFine},
    };
}

TEST(Quoted, whatever_cannot_be_used_is_malformed_and_linux_uses_more) {
    for (const Case& c : cases()) {
        const Family family = family_of(c.packet);
        EXPECT_EQ(keyword(quote(c.packet, family).reason), keyword(c.strict)) << c.name;
        EXPECT_EQ(keyword(quote(c.packet, family, kLinux).reason), keyword(c.linux_profile))
            << c.name;
    }
}

TEST(Quoted, the_other_family_or_none_is_malformed) {
    EXPECT_EQ(quote(v4().bare().udp(1, 2).build(), Family::Ipv6).reason,
              DropReason::IcmpErrorMalformed);
    EXPECT_EQ(quote(v6().bare().udp(1, 2).build(), Family::Ipv4).reason,
              DropReason::IcmpErrorMalformed);
    EXPECT_EQ(quote(v4().bare().udp(1, 2).build(), Family::None).reason,
              DropReason::IcmpErrorMalformed);
}

TEST(Quoted, cut_at_any_length_it_is_refused_below_eight_bytes_of_upper_layer_and_taken_above) {
    for (const testing::NamedPacket& packet : testing::valid_packets()) {
        const size_t ip = testing::ip_offset(packet.bytes);
        const Bytes whole(packet.bytes.begin() + static_cast<std::ptrdiff_t>(ip),
                          packet.bytes.end());
        const Quoted full = quote(whole, family_of(whole));
        for (size_t size = 0; size <= whole.size(); ++size) {
            const Bytes cut(whole.begin(), whole.begin() + static_cast<std::ptrdiff_t>(size));
            for (const QuoteOptions& options : {kStrict, kLinux}) {
                const Quoted out = quote(cut, family_of(whole), options);
                const size_t wanted =
                    full.headers.l4_offset +
                    std::min<size_t>(options.minimum_l4_bytes, full.headers.l4_length);
                if (full.reason != DropReason::None || size < full.headers.l4_offset) {
                    ASSERT_EQ(out.reason, DropReason::IcmpErrorMalformed) << packet.name << size;
                } else if (size >= full.headers.l4_offset + 8U) {
                    ASSERT_EQ(out.reason, DropReason::None) << packet.name << " cut to " << size;
                } else if (options.minimum_l4_bytes == 8 && size < wanted) {
                    ASSERT_EQ(out.reason, DropReason::IcmpErrorMalformed) << packet.name << size;
                }
                if (out.reason != DropReason::None) continue;
                ASSERT_LE(out.headers.l4_offset, size);
                ASSERT_EQ(out.headers.l4_length, full.headers.l4_length);
                ASSERT_EQ(out.headers.source_port, full.headers.source_port);
                // Without its call id a call of PPTP is no call's (netfilter gre_pkt_to_tuple()).
                const bool id_missing = full.headers.protocol == ip_protocol::kGre &&
                                        size < full.headers.l4_offset + 8U;
                ASSERT_EQ(out.headers.destination_port,
                          id_missing ? 0 : full.headers.destination_port);
            }
        }
    }
}

}  // namespace
}  // namespace ravelin
