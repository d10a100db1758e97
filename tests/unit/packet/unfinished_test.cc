// SPDX-License-Identifier: BSD-3-Clause
#include "packet/unfinished.h"

#include "packet/checksum.h"
#include "packet/parse.h"
#include "support/packet_builder.h"

#include <gtest/gtest.h>

namespace ravelin {
namespace {

using testing::Bytes;
using testing::PacketBuilder;

/// The frame as its sender's kernel hands it to a card that computes checksums.
Bytes left_to_the_card(Bytes frame, size_t field) {
    Headers headers;
    EXPECT_EQ(parse(frame, ParseOptions{}, false, headers), DropReason::None);
    const uint8_t* l3 = frame.data() + headers.l3_offset;
    const uint64_t pseudo = headers.family == Family::Ipv4
                                ? checksum_pseudo_ipv4(l3 + 12, headers.protocol, headers.l4_length)
                                : checksum_pseudo_ipv6(l3 + 8, headers.protocol, headers.l4_length);
    const uint16_t partial = checksum_fold(pseudo);
    std::memcpy(frame.data() + headers.l4_offset + field, &partial, sizeof partial);
    return frame;
}

TEST(UnfinishedChecksum, of_sctp_is_zero) {
    const Bytes good =
        PacketBuilder{}.ipv4("10.0.0.1", "192.0.2.1").sctp(1, 2).sctp_init(1, 5).build();
    Headers headers;
    EXPECT_EQ(parse(good, ParseOptions{}, false, headers), DropReason::None);
    EXPECT_FALSE(has_unfinished_checksum(good, headers));
    Bytes unfinished = good;
    testing::put32(unfinished, headers.l4_offset + size_t{8}, 0);
    EXPECT_EQ(parse(unfinished, ParseOptions{}, false, headers), DropReason::L4Checksum);
    EXPECT_TRUE(has_unfinished_checksum(unfinished, headers));
    unfinished[headers.l4_offset + size_t{8}] ^= 1;
    EXPECT_FALSE(has_unfinished_checksum(unfinished, headers));
}

TEST(UnfinishedChecksum, is_told_from_a_good_and_from_a_damaged_one) {
    const Bytes tcp =
        PacketBuilder{}.ipv4("10.0.0.1", "192.0.2.1").tcp(1, 2, "PA").payload("hello").build();
    const Bytes udp6 =
        PacketBuilder{}.ipv6("2001:db8::1", "2001:db8::2").udp(1, 2).payload("hello").build();
    for (const auto& [good, field] : {std::pair{tcp, size_t{16}}, std::pair{udp6, size_t{6}}}) {
        Headers headers;
        const Bytes unfinished = left_to_the_card(good, field);
        EXPECT_EQ(parse(unfinished, ParseOptions{}, false, headers), DropReason::L4Checksum);
        EXPECT_TRUE(has_unfinished_checksum(unfinished, headers));
        EXPECT_FALSE(has_unfinished_checksum(good, headers));
        Bytes damaged = good;
        damaged[headers.l4_offset + field] ^= 0x40;
        EXPECT_FALSE(has_unfinished_checksum(damaged, headers));
    }
}

TEST(UnfinishedChecksum, is_nothing_that_icmp_has) {
    const Bytes ping = PacketBuilder{}.ipv4("10.0.0.1", "192.0.2.1").icmp_echo(1, 1).build();
    Headers headers;
    EXPECT_EQ(parse(ping, ParseOptions{}, false, headers), DropReason::None);
    EXPECT_FALSE(has_unfinished_checksum(ping, headers));
}

}  // namespace
}  // namespace ravelin
