// SPDX-License-Identifier: BSD-3-Clause
#include "load/frame_writer.h"

#include "packet/checksum.h"
#include "packet/headers.h"
#include "packet/parse.h"
#include "support/bytes.h"

#include <gtest/gtest.h>

#include <set>
#include <string>
#include <vector>

namespace ravelin::load {
namespace {

using testing::Bytes;

Bytes write(const FrameWriter& writer, Side from, const Message& message, uint32_t number = 7) {
    Bytes frame(writer.longest(true));
    frame.resize(writer.write(from, message, number, frame.data()));
    return frame;
}

/// What Ravelin's own parser, with all of its checks, finds in the frame.
Headers parsed(const Bytes& frame) {
    Headers headers;
    ParseOptions options;
    options.refuse_martians = false;  // clients' addresses are private ones
    EXPECT_EQ(parse(frame, options, false, headers), DropReason::None);
    return headers;
}

Message message(Kind kind, bool tcp, bool ipv6, uint32_t tuple = 5) {
    return {.flow = {.tuple = tuple, .ipv6 = ipv6, .tcp = tcp},
            .sequence = 100,
            .ack = 200,
            .kind = kind};
}

TEST(FrameWriter, AllKindsAreGoodPackets) {
    const FrameWriter writer{100, 5001};
    for (const bool ipv6 : {false, true}) {
        for (const Side from : {Side::Outside, Side::Inside}) {
            const Bytes udp = write(writer, from, message(Kind::UdpData, false, ipv6));
            EXPECT_EQ(udp.size(), 100U);
            EXPECT_EQ(parsed(udp).protocol, ip_protocol::kUdp);
            for (const auto& [kind, flags] :
                 {std::pair{Kind::TcpSyn, tcp_flag::kSyn},
                  std::pair{Kind::TcpSynAck, uint8_t{tcp_flag::kSyn | tcp_flag::kAck}},
                  std::pair{Kind::TcpAck, tcp_flag::kAck},
                  std::pair{Kind::TcpData, uint8_t{tcp_flag::kPsh | tcp_flag::kAck}},
                  std::pair{Kind::TcpFin, uint8_t{tcp_flag::kFin | tcp_flag::kAck}}}) {
                const Bytes tcp = write(writer, from, message(kind, true, ipv6));
                EXPECT_EQ(parsed(tcp).tcp_flags, flags);
                EXPECT_EQ(tcp.size(), kind == Kind::TcpData ? 100U : ipv6 ? 74U : 54U);
            }
        }
    }
}

TEST(FrameWriter, ChecksumsAreRightWhateverVaries) {
    for (const uint32_t size : {60U, 61U, 1514U}) {
        const FrameWriter writer{size, 5001};
        for (uint32_t i = 0; i < 500; ++i) {
            Message udp = message(Kind::UdpData, false, (i & 1) != 0, i * 2'654'435'761U);
            EXPECT_EQ(parsed(write(writer, Side::Outside, udp, i * 77'777)).protocol, 17);
            Message tcp = message(Kind::TcpData, true, (i & 1) != 0, i * 2'654'435'761U);
            tcp.sequence = i * 1'234'567'891U;
            tcp.ack = ~i * 987'654'321U;
            EXPECT_EQ(parsed(write(writer, Side::Inside, tcp, ~i)).protocol, 6);
        }
    }
}

TEST(FrameWriter, SmallFramesAreAsLongAsTheirHeaders) {
    const FrameWriter writer{60, 5001};
    EXPECT_EQ(write(writer, Side::Outside, message(Kind::UdpData, false, false)).size(), 60U);
    EXPECT_EQ(write(writer, Side::Outside, message(Kind::UdpData, false, true)).size(), 62U);
    EXPECT_EQ(write(writer, Side::Outside, message(Kind::TcpData, true, false)).size(), 60U);
    EXPECT_EQ(write(writer, Side::Outside, message(Kind::TcpData, true, true)).size(), 75U);
    EXPECT_EQ(writer.tcp_data(true), 1U);
}

TEST(FrameWriter, AnswerTurnsAddressesAndPortsRound) {
    const FrameWriter writer{60, 5001};
    const Bytes there = write(writer, Side::Outside, message(Kind::UdpData, false, false));
    const Bytes back = write(writer, Side::Inside, message(Kind::UdpData, false, false));
    EXPECT_EQ(Bytes(there.begin() + 26, there.begin() + 30),
              Bytes(back.begin() + 30, back.begin() + 34));
    EXPECT_EQ(parsed(there).source_port, parsed(back).destination_port);
    EXPECT_EQ(parsed(there).destination_port, 5001);
}

TEST(FrameWriter, NoTwoTuplesShareAddressAndPort) {
    const FrameWriter writer{60, 5001};
    std::set<Bytes> seen;
    for (const uint32_t base : {0U, 1U << 24, 2U << 24, 255U << 24}) {
        for (uint32_t low = 0; low < 5000; ++low) {
            const Bytes frame =
                write(writer, Side::Outside, message(Kind::UdpData, false, false, base + low * 77));
            EXPECT_TRUE(seen.emplace(frame.begin() + 26, frame.begin() + 36).second);
        }
    }
}

TEST(FrameWriter, FragmentsMakeOneDatagram) {
    const FrameWriter writer{60, 5001};
    for (const bool ipv6 : {false, true}) {
        Bytes first(writer.longest(true));
        Bytes last(writer.longest(true));
        const Message udp = message(Kind::UdpData, false, ipv6);
        const auto lengths = writer.write_fragments(udp, 7, first.data(), last.data());
        first.resize(lengths[0]);
        last.resize(lengths[1]);
        const Headers one = parsed(first);
        const Headers two = parsed(last);
        EXPECT_TRUE(one.is_fragment);
        EXPECT_EQ(one.fragment_offset, 0);
        EXPECT_TRUE(two.is_fragment);
        EXPECT_EQ(two.fragment_offset, first.size() - one.fragment_data);
        // Put together, the checksum is right.
        Bytes datagram(first.begin() + one.fragment_data, first.end());
        datagram.insert(datagram.end(), last.begin() + two.fragment_data, last.end());
        const auto length = static_cast<uint32_t>(datagram.size());
        const uint64_t pseudo = ipv6 ? checksum_pseudo_ipv6(first.data() + 22, 17, length)
                                     : checksum_pseudo_ipv4(first.data() + 26, 17, length);
        EXPECT_TRUE(checksum_good(checksum_add(pseudo, checksum_sum(datagram.data(), length))));
    }
}

TEST(FrameWriter, ErrorQuotesWhatItIsAbout) {
    const FrameWriter writer{200, 5001};
    for (const bool ipv6 : {false, true}) {
        for (const bool tcp : {false, true}) {
            const Message about = message(tcp ? Kind::TcpData : Kind::UdpData, tcp, ipv6);
            const Bytes packet = write(writer, Side::Outside, about);
            Bytes error(writer.longest(true));
            error.resize(writer.write_icmp_error(about, packet, 9, error.data()));
            const Headers headers = parsed(error);
            EXPECT_TRUE(is_icmp_error(headers.family, headers.icmp_type));
            Headers quoted;
            uint32_t sequence = 0;
            EXPECT_EQ(parse_quoted(std::span{error}.subspan(headers.l4_offset + 8U), headers.family,
                                   {}, quoted, sequence),
                      DropReason::None);
            EXPECT_EQ(quoted.source_port, parsed(packet).source_port);
        }
    }
}

TEST(FrameMark, TellsEveryFrameApart) {
    const FrameWriter writer{60, 5001};
    for (const bool ipv6 : {false, true}) {
        const Message udp = message(Kind::UdpData, false, ipv6);
        const auto mark = read_mark(write(writer, Side::Outside, udp, 0x12345678));
        ASSERT_TRUE(mark);
        EXPECT_EQ(mark->number, 0x12345678 & mark->mask);
        EXPECT_FALSE(mark->later_fragment);
        Bytes first(writer.longest(true));
        Bytes last(writer.longest(true));
        const auto lengths = writer.write_fragments(udp, 70'000, first.data(), last.data());
        EXPECT_FALSE(read_mark(std::span{first}.first(lengths[0]))->later_fragment);
        EXPECT_TRUE(read_mark(std::span{last}.first(lengths[1]))->later_fragment);
    }
}

TEST(FrameMark, OthersFramesHaveNone) {
    const FrameWriter writer{60, 5001};
    const Bytes ours = write(writer, Side::Outside, message(Kind::UdpData, false, true));
    for (size_t length = 0; length < 54; ++length)
        EXPECT_FALSE(read_mark(std::span{ours}.first(length))) << length;
    Bytes arp = ours;
    arp[13] = 0x06;
    EXPECT_FALSE(read_mark(arp));
    Bytes theirs = ours;
    theirs[6] = 0xaa;
    EXPECT_FALSE(read_mark(theirs));
}

}  // namespace
}  // namespace ravelin::load
