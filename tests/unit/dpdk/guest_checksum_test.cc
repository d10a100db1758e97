// SPDX-License-Identifier: BSD-3-Clause
#include "dpdk/guest_checksum.h"

#include "packet/parse.h"
#include "support/packet_builder.h"
#include "unit/dpdk/test_eal.h"

#include <gtest/gtest.h>
#include <rte_mempool.h>

#include <algorithm>

namespace ravelin {
namespace {

using testing::Bytes;
using testing::PacketBuilder;

class GuestChecksum : public ::testing::Test {
  protected:
    GuestChecksum() {
        testing::test_eal();
        pool_ = rte_pktmbuf_pool_create("checksums", 63, 0, 0, RTE_PKTMBUF_HEADROOM + 2048,
                                        SOCKET_ID_ANY);
        EXPECT_NE(pool_, nullptr);
    }
    ~GuestChecksum() override {
        EXPECT_EQ(rte_mempool_avail_count(pool_), 63U);
        rte_mempool_free(pool_);
    }
    GuestChecksum(const GuestChecksum&) = delete;
    GuestChecksum& operator=(const GuestChecksum&) = delete;

    Frame frame_of(const Bytes& bytes) {
        rte_mbuf* buffer = rte_pktmbuf_alloc(pool_);
        char* data = rte_pktmbuf_append(buffer, static_cast<uint16_t>(bytes.size()));
        std::copy(bytes.begin(), bytes.end(), data);
        Frame frame;
        frame.buffer = buffer;
        frame.data = rte_pktmbuf_mtod(buffer, const uint8_t*);
        frame.length = buffer->data_len;
        return frame;
    }

    static Bytes bytes_of(const Frame& frame) { return {frame.data, frame.data + frame.length}; }
    static void free_frame(const Frame& frame) {
        rte_pktmbuf_free(static_cast<rte_mbuf*>(frame.buffer));
    }

    rte_mempool* pool_ = nullptr;
};

/// The sum over the pseudo header, as a guest writes it: the checksum of the finished packet with
/// the L4 bytes taken out again (RFC 1624 by hand, on big-endian words).
Bytes left_to_us(Bytes frame, size_t l4, size_t field) {
    uint32_t sum = static_cast<uint16_t>(~(frame[l4 + field] << 8 | frame[l4 + field + 1]));
    frame[l4 + field] = frame[l4 + field + 1] = 0;
    for (size_t i = l4; i < frame.size(); ++i) {
        const auto byte = static_cast<uint32_t>(frame[i]) << ((i - l4) % 2 == 0 ? 8 : 0);
        sum += 0xffff - byte;
        sum = (sum & 0xffff) + (sum >> 16);
    }
    testing::put16(frame, l4 + field, static_cast<uint16_t>(sum));
    return frame;
}

TEST_F(GuestChecksum, is_completed_for_tcp_and_udp_of_both_families) {
    struct Case {
        const char* name;
        Bytes whole;
        size_t l4;
        size_t field;
    };
    const std::vector<Case> cases = {
        {"tcp",
         PacketBuilder{}.ipv4("10.0.0.1", "192.0.2.1").tcp(1, 2, "PA").payload("odd").build(), 34,
         16},
        {"udp", PacketBuilder{}.ipv4("10.0.0.1", "192.0.2.1").udp(7, 9).payload("even").build(), 34,
         6},
        {"tagged udp over ipv6",
         PacketBuilder{}.vlan(5).ipv6("2001:db8::1", "2001:db8::2").udp(1, 2).payload("x").build(),
         58, 6},
    };
    for (const Case& c : cases) {
        const Bytes partial = left_to_us(c.whole, c.l4, c.field);
        ASSERT_NE(partial, c.whole) << c.name;
        Frame frame = frame_of(partial);
        finish_checksum(frame);
        EXPECT_EQ(bytes_of(frame), c.whole) << c.name;
        EXPECT_TRUE(frame.l4_checksum_good) << c.name;
        Headers headers;
        EXPECT_EQ(parse(bytes_of(frame), ParseOptions{}, false, headers), DropReason::None);
        free_frame(frame);
    }
}

TEST_F(GuestChecksum, leaves_alone_what_has_none_or_can_not_be_read) {
    const Bytes ping = PacketBuilder{}.ipv4("10.0.0.1", "192.0.2.1").icmp_echo(1, 1).build();
    const Bytes arp = PacketBuilder{}.arp("10.0.0.1", "10.0.0.2").build();
    const Bytes fragment =
        PacketBuilder{}.ipv4("10.0.0.1", "192.0.2.1").fragment(0, true).udp(1, 2).build();
    const Bytes udp = PacketBuilder{}.ipv4("10.0.0.1", "192.0.2.1").udp(1, 2).build();
    std::vector<Bytes> frames = {ping, arp, fragment};
    for (size_t length = 0; length < udp.size(); ++length)
        frames.emplace_back(udp.begin(), udp.begin() + static_cast<ptrdiff_t>(length));
    for (const Bytes& bytes : frames) {
        Frame frame = frame_of(bytes);
        finish_checksum(frame);
        EXPECT_EQ(bytes_of(frame), bytes);
        EXPECT_FALSE(frame.l4_checksum_good);
        free_frame(frame);
    }
}

TEST_F(GuestChecksum, leaves_alone_memory_that_somebody_else_reads) {
    const Bytes udp = PacketBuilder{}.ipv4("10.0.0.1", "192.0.2.1").udp(1, 2).build();
    Frame frame = frame_of(udp);
    rte_mbuf_refcnt_update(static_cast<rte_mbuf*>(frame.buffer), 1);
    finish_checksum(frame);
    EXPECT_EQ(bytes_of(frame), udp);
    EXPECT_FALSE(frame.l4_checksum_good);
    free_frame(frame);
    free_frame(frame);
}

TEST_F(GuestChecksum, is_asked_for_by_the_drivers_flag_alone) {
    const std::vector<std::pair<uint64_t, bool>> cases = {
        {RTE_MBUF_F_RX_L4_CKSUM_NONE, true},
        {RTE_MBUF_F_RX_L4_CKSUM_GOOD, false},
        {RTE_MBUF_F_RX_L4_CKSUM_BAD, false},
        {RTE_MBUF_F_RX_L4_CKSUM_UNKNOWN, false},
    };
    for (const auto& [flags, ours] : cases) {
        rte_mbuf buffer{};
        buffer.ol_flags = flags;
        EXPECT_EQ(leaves_checksum_to_us(buffer), ours);
    }
}

}  // namespace
}  // namespace ravelin
