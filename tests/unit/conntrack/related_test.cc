// SPDX-License-Identifier: BSD-3-Clause
#include "conntrack/related.h"

#include "packet/parse.h"
#include "support/packet_builder.h"

#include <gtest/gtest.h>

#include <string>
#include <vector>

namespace ravelin {
namespace {

using testing::Bytes;
using testing::PacketBuilder;

constexpr const char* kClient4 = "10.1.1.2";
constexpr const char* kServer4 = "192.0.2.1";
constexpr const char* kRouter4 = "198.51.100.7";
constexpr const char* kClient6 = "2001:db8:1::2";
constexpr const char* kServer6 = "2001:db8:2::1";
constexpr const char* kRouter6 = "2001:db8:ffff::7";

constexpr Family kFamilies[] = {Family::Ipv4, Family::Ipv6};

PacketBuilder from_client(Family family) {
    return family == Family::Ipv4 ? PacketBuilder{}.ipv4(kClient4, kServer4)
                                  : PacketBuilder{}.ipv6(kClient6, kServer6);
}

PacketBuilder from_router(Family family, bool to_client = true) {
    return family == Family::Ipv4
               ? PacketBuilder{}.ipv4(kRouter4, to_client ? kClient4 : "10.1.1.3")
               : PacketBuilder{}.ipv6(kRouter6, to_client ? kClient6 : "2001:db8:1::3");
}

Bytes segment(Family family, size_t payload = 1400) {
    return from_client(family)
        .tcp(40000, 443, "PA")
        .seq(0x01020304)
        .ack(1)
        .payload(Bytes(payload))
        .build();
}

/// Reads one frame as the packet path does; parse() must have no objection.
DropReason read(const Bytes& frame, const TrackingOptions& options, QuotedError& error) {
    Headers outer;
    const DropReason parsed = parse(frame, options.parse, false, outer);
    if (parsed != DropReason::None) return parsed;
    // A copy of the exact size, so that the address sanitizer guards its end.
    const Bytes l3(frame.begin() + outer.l3_offset,
                   frame.begin() + static_cast<std::ptrdiff_t>(outer.l3_offset + outer.ip_length));
    return read_icmp_error(outer, l3, options, error);
}

DropReason read(const Bytes& frame, const TrackingOptions& options) {
    QuotedError error;
    return read(frame, options, error);
}

/// A type and code with nothing else to object to.
struct Unreachable {
    uint8_t type;
    uint8_t code;
};
Unreachable unreachable(Family family) {
    return family == Family::Ipv4 ? Unreachable{3, 1} : Unreachable{1, 3};
}

Bytes plain_error(Family family, const Bytes& quoted, size_t cut = SIZE_MAX) {
    const auto [type, code] = unreachable(family);
    return from_router(family).icmp_error(type, code, quoted, cut).build();
}

// ------------------------------------------------------------------------------------------
// Types and codes.

struct CodeRange {
    unsigned type;
    unsigned highest_code;
};

// RFC 792, 1122, 1812 and 1108.
const std::vector<CodeRange> kKnown4 = {{3, 15}, {11, 1}, {12, 2}};
// RFC 4443, 6550, 7112, 8754 and 8883.
const std::vector<CodeRange> kKnown6 = {{1, 8}, {2, 0}, {3, 1}, {4, 10}};

bool is_listed(const std::vector<CodeRange>& known, unsigned type, unsigned code) {
    for (const CodeRange& range : known) {
        if (range.type == type) return code <= range.highest_code;
    }
    return false;
}

bool kernel_takes_for_error(Family family, unsigned type) {
    if (family == Family::Ipv6) return type < 128;
    return type == 3 || type == 4 || type == 5 || type == 11 || type == 12;
}

TEST(RelatedTypes, every_type_and_code_is_accepted_or_refused_as_listed) {
    for (const Family family : kFamilies) {
        const Bytes quoted = segment(family);
        const auto& known = family == Family::Ipv4 ? kKnown4 : kKnown6;
        // One frame, patched: the reader judges what parsing proved, not checksums.
        const Bytes frame = from_router(family).icmp_error(3, 4, quoted, SIZE_MAX, 1300).build();
        Headers outer;
        ASSERT_EQ(parse(frame, TrackingOptions::strict().parse, false, outer), DropReason::None);
        const std::span<const uint8_t> l3 = std::span{frame}.subspan(outer.l3_offset);
        for (unsigned type = 0; type < 256; ++type) {
            for (unsigned code = 0; code < 256; ++code) {
                SCOPED_TRACE(::testing::Message()
                             << static_cast<int>(family) << " type " << type << " code " << code);
                outer.icmp_type = static_cast<uint8_t>(type);
                outer.icmp_code = static_cast<uint8_t>(code);
                QuotedError error;
                EXPECT_EQ(
                    read_icmp_error(outer, l3, TrackingOptions::strict(), error),
                    is_listed(known, type, code) ? DropReason::None : DropReason::IcmpTypeRefused);
                EXPECT_EQ(read_icmp_error(outer, l3, TrackingOptions::linux_profile(), error),
                          kernel_takes_for_error(family, type) ? DropReason::None
                                                               : DropReason::IcmpTypeRefused);
            }
        }
    }
}

TEST(RelatedTypes, source_quench_and_redirect_pass_in_profile_linux_only) {
    for (const uint8_t type : {uint8_t{4}, uint8_t{5}}) {
        const Bytes frame =
            from_router(Family::Ipv4).icmp_error(type, 0, segment(Family::Ipv4)).build();
        EXPECT_EQ(read(frame, TrackingOptions::strict()), DropReason::IcmpTypeRefused);
        EXPECT_EQ(read(frame, TrackingOptions::linux_profile()), DropReason::None);
    }
}

// ------------------------------------------------------------------------------------------
// What is read.

TEST(RelatedQuote, the_quoted_packet_is_read_with_its_sequence_number) {
    for (const Family family : kFamilies) {
        QuotedError error;
        ASSERT_EQ(read(plain_error(family, segment(family)), TrackingOptions::strict(), error),
                  DropReason::None);
        const uint16_t header = family == Family::Ipv4 ? 20 : 40;
        EXPECT_EQ(error.quoted_offset, header + 8);
        EXPECT_EQ(error.quoted.family, family);
        EXPECT_EQ(error.quoted.protocol, ip_protocol::kTcp);
        EXPECT_EQ(error.quoted.source_port, 40000);
        EXPECT_EQ(error.quoted.destination_port, 443);
        EXPECT_EQ(error.quoted.l4_offset, header);
        EXPECT_EQ(error.quoted.ip_length, header + 20U + 1400U);
        EXPECT_EQ(error.tcp_sequence, 0x01020304U);
        EXPECT_TRUE(error.destination_matches);
    }
}

TEST(RelatedQuote, options_of_the_outer_header_and_tags_are_skipped) {
    TrackingOptions options = TrackingOptions::strict();
    options.parse.refuse_ipv4_options = false;
    const Bytes frame = PacketBuilder{}
                            .vlan(5)
                            .vlan(6)
                            .ipv4(kRouter4, kClient4)
                            .ip_options({1, 1, 1, 1, 1, 1, 1, 1})
                            .icmp_error(3, 1, segment(Family::Ipv4), 28)
                            .build();
    QuotedError error;
    ASSERT_EQ(read(frame, options, error), DropReason::None);
    EXPECT_EQ(error.quoted_offset, 28 + 8);
    EXPECT_EQ(error.quoted.source_port, 40000);
}

TEST(RelatedQuote, udp_and_echo_requests_are_read_too) {
    for (const Family family : kFamilies) {
        QuotedError error;
        const Bytes datagram = from_client(family).udp(1111, 2222).payload(Bytes(100)).build();
        ASSERT_EQ(read(plain_error(family, datagram), TrackingOptions::strict(), error),
                  DropReason::None);
        EXPECT_EQ(error.quoted.protocol, ip_protocol::kUdp);
        EXPECT_EQ(error.quoted.destination_port, 2222);
        const Bytes ping = from_client(family).icmp_echo(0x1234, 1).build();
        ASSERT_EQ(read(plain_error(family, ping), TrackingOptions::strict(), error),
                  DropReason::None);
        EXPECT_EQ(error.quoted.source_port, 0x1234);
    }
}

TEST(RelatedQuote, every_cut_is_read_within_its_bounds_and_needs_eight_bytes_of_l4) {
    for (const Family family : kFamilies) {
        const size_t header = family == Family::Ipv4 ? 20 : 40;
        const Bytes quoted = segment(family, 64);
        for (size_t cut = 0; cut <= header + 20 + 64; ++cut) {
            SCOPED_TRACE(::testing::Message() << static_cast<int>(family) << " cut to " << cut);
            const Bytes frame = plain_error(family, quoted, cut);
            EXPECT_EQ(read(frame, TrackingOptions::strict()),
                      cut < header + 8 ? DropReason::IcmpErrorMalformed : DropReason::None);
            EXPECT_EQ(read(frame, TrackingOptions::linux_profile()),
                      cut < header + 4 ? DropReason::IcmpErrorMalformed : DropReason::None);
        }
    }
}

TEST(RelatedQuote, padding_behind_the_packet_quotes_nothing) {
    const Bytes quoted = segment(Family::Ipv4, 64);
    const Bytes frame =
        from_router(Family::Ipv4).icmp_error(3, 1, quoted, 24).pad(60, 0x55).build();
    Headers outer;
    ASSERT_EQ(parse(frame, TrackingOptions::strict().parse, false, outer), DropReason::None);
    QuotedError error;
    EXPECT_EQ(read_icmp_error(outer, std::span{frame}.subspan(outer.l3_offset),
                              TrackingOptions::strict(), error),
              DropReason::IcmpErrorMalformed);
}

TEST(RelatedQuote, an_error_about_an_error_or_a_later_fragment_is_malformed) {
    for (const TrackingOptions& options :
         {TrackingOptions::strict(), TrackingOptions::linux_profile()}) {
        for (const Family family : kFamilies) {
            const auto [type, code] = unreachable(family);
            const Bytes inner =
                from_client(family).icmp_error(type, code, segment(family, 10), 48).build();
            EXPECT_EQ(read(plain_error(family, inner), options), DropReason::IcmpErrorMalformed);
            const Bytes later =
                from_client(family).fragment(64, true).udp(1, 2).payload(Bytes(64)).build();
            EXPECT_EQ(read(plain_error(family, later), options), DropReason::IcmpErrorMalformed);
            const Bytes first =
                from_client(family).fragment(0, true).udp(1, 2).payload(Bytes(64)).build();
            EXPECT_EQ(read(plain_error(family, first), options), DropReason::None);
        }
    }
}

TEST(RelatedQuote, a_bad_inner_header_checksum_matters_in_profile_strict_only) {
    const Bytes quoted =
        from_client(Family::Ipv4).ip_checksum(0x1234).udp(1, 2).payload(Bytes(64)).build();
    EXPECT_EQ(read(plain_error(Family::Ipv4, quoted), TrackingOptions::strict()),
              DropReason::IcmpErrorMalformed);
    EXPECT_EQ(read(plain_error(Family::Ipv4, quoted), TrackingOptions::linux_profile()),
              DropReason::None);
}

TEST(RelatedQuote, a_quote_of_the_other_family_is_malformed) {
    EXPECT_EQ(read(plain_error(Family::Ipv4, segment(Family::Ipv6)), TrackingOptions::strict()),
              DropReason::IcmpErrorMalformed);
    EXPECT_EQ(read(plain_error(Family::Ipv6, segment(Family::Ipv4)), TrackingOptions::strict()),
              DropReason::IcmpErrorMalformed);
}

// ------------------------------------------------------------------------------------------
// Destination and MTU.

TEST(RelatedDestination, an_error_to_somebody_else_than_the_sender_is_refused_in_both_profiles) {
    for (const TrackingOptions& options :
         {TrackingOptions::strict(), TrackingOptions::linux_profile()}) {
        for (const Family family : kFamilies) {
            const auto [type, code] = unreachable(family);
            QuotedError error;
            EXPECT_EQ(
                read(from_router(family, false).icmp_error(type, code, segment(family)).build(),
                     options, error),
                DropReason::IcmpErrorDestination);
            EXPECT_FALSE(error.destination_matches);
            EXPECT_EQ(error.quoted.source_port, 40000)
                << "the rest is there for whoever reports it";
        }
    }
}

TEST(RelatedDestination, each_byte_of_the_address_counts) {
    for (const Family family : kFamilies) {
        const Bytes frame = plain_error(family, segment(family));
        Headers outer;
        ASSERT_EQ(parse(frame, TrackingOptions::strict().parse, false, outer), DropReason::None);
        const size_t at = family == Family::Ipv4 ? 16 : 24;
        const size_t length = family == Family::Ipv4 ? 4 : 16;
        for (size_t byte = 0; byte < length; ++byte) {
            Bytes l3(frame.begin() + outer.l3_offset, frame.end());
            l3.at(at + byte) ^= 1;
            QuotedError error;
            EXPECT_EQ(read_icmp_error(outer, l3, TrackingOptions::strict(), error),
                      DropReason::IcmpErrorDestination);
        }
    }
}

struct MtuCase {
    uint32_t mtu;
    bool accepted;
};

TEST(RelatedMtu, ipv4_accepts_68_to_one_below_the_quoted_length) {
    const Bytes quoted = segment(Family::Ipv4);  // 1440 bytes
    for (const auto& [mtu, accepted] : std::vector<MtuCase>{{0, false},
                                                            {1, false},
                                                            {67, false},
                                                            {68, true},
                                                            {576, true},
                                                            {1280, true},
                                                            {1439, true},
                                                            {1440, false},
                                                            {1500, false},
                                                            {65535, false}}) {
        SCOPED_TRACE(mtu);
        const Bytes frame = from_router(Family::Ipv4).icmp_error(3, 4, quoted, 28, mtu).build();
        EXPECT_EQ(read(frame, TrackingOptions::strict()),
                  accepted ? DropReason::None : DropReason::IcmpErrorMtu);
        EXPECT_EQ(read(frame, TrackingOptions::linux_profile()), DropReason::None);
        TrackingOptions unchecked = TrackingOptions::strict();
        unchecked.icmp_error_check_mtu = false;
        EXPECT_EQ(read(frame, unchecked), DropReason::None);
    }
}

TEST(RelatedMtu, the_unused_half_of_the_field_says_nothing) {
    const Bytes frame = from_router(Family::Ipv4)
                            .icmp_error(3, 4, segment(Family::Ipv4), 28, 0xffff0000 | 1400)
                            .build();
    EXPECT_EQ(read(frame, TrackingOptions::strict()), DropReason::None);
}

TEST(RelatedMtu, ipv6_accepts_1280_to_one_below_the_quoted_length) {
    const Bytes quoted = segment(Family::Ipv6);  // 1460 bytes
    for (const auto& [mtu, accepted] : std::vector<MtuCase>{{0, false},
                                                            {68, false},
                                                            {1279, false},
                                                            {1280, true},
                                                            {1459, true},
                                                            {1460, false},
                                                            {1500, false},
                                                            {0x00010500, false},
                                                            {0xffffffff, false}}) {
        SCOPED_TRACE(mtu);
        const Bytes frame = from_router(Family::Ipv6).icmp_error(2, 0, quoted, 100, mtu).build();
        EXPECT_EQ(read(frame, TrackingOptions::strict()),
                  accepted ? DropReason::None : DropReason::IcmpErrorMtu);
        EXPECT_EQ(read(frame, TrackingOptions::linux_profile()), DropReason::None);
    }
}

TEST(RelatedMtu, other_errors_carry_none) {
    for (const unsigned code : {0U, 1U, 3U, 5U, 13U}) {
        const Bytes frame =
            from_router(Family::Ipv4)
                .icmp_error(3, static_cast<uint8_t>(code), segment(Family::Ipv4), 28, 7)
                .build();
        EXPECT_EQ(read(frame, TrackingOptions::strict()), DropReason::None);
    }
    const Bytes frame =
        from_router(Family::Ipv6).icmp_error(4, 1, segment(Family::Ipv6), 100, 40).build();
    EXPECT_EQ(read(frame, TrackingOptions::strict()), DropReason::None);
}

}  // namespace
}  // namespace ravelin
