// SPDX-License-Identifier: BSD-3-Clause
#include "dpdk/segments.h"

#include "dpdk/buffers.h"
#include "unit/dpdk/test_eal.h"

#include <gtest/gtest.h>
#include <rte_mempool.h>

#include <numeric>
#include <vector>

namespace ravelin {
namespace {

/// Every test ends with as many free buffers as it began with.
class Segments : public ::testing::Test {
  protected:
    static constexpr uint16_t kRoom = 512;

    Segments() {
        testing::test_eal();
        pool_ = rte_pktmbuf_pool_create("segments", 63, 0, 0, RTE_PKTMBUF_HEADROOM + kRoom,
                                        SOCKET_ID_ANY);
        EXPECT_NE(pool_, nullptr);
    }
    ~Segments() override {
        EXPECT_EQ(rte_mempool_avail_count(pool_), 63U);
        rte_mempool_free(pool_);
    }
    Segments(const Segments&) = delete;
    Segments& operator=(const Segments&) = delete;

    /// A frame of 0, 1, 2, ... in segments of the given lengths.
    rte_mbuf* chain(const std::vector<uint16_t>& lengths) {
        rte_mbuf* head = nullptr;
        uint8_t next = 0;
        for (const uint16_t length : lengths) {
            rte_mbuf* segment = rte_pktmbuf_alloc(pool_);
            EXPECT_NE(segment, nullptr);
            auto* bytes = reinterpret_cast<uint8_t*>(rte_pktmbuf_append(segment, length));
            for (uint16_t i = 0; i < length; ++i)
                bytes[i] = next++;
            if (head == nullptr) {
                head = segment;
            } else {
                EXPECT_EQ(rte_pktmbuf_chain(head, segment), 0);
            }
        }
        return head;
    }

    static void expect_whole(const Frame& frame, uint32_t length) {
        ASSERT_EQ(frame.length, length);
        EXPECT_FALSE(frame.too_long);
        for (uint32_t i = 0; i < length; ++i)
            ASSERT_EQ(frame.data[i], static_cast<uint8_t>(i));
        const auto* buffer = static_cast<const rte_mbuf*>(frame.buffer);
        EXPECT_EQ(buffer->nb_segs, 1);
        EXPECT_EQ(buffer->pkt_len, length);
        EXPECT_TRUE(is_plain(*buffer));
    }

    static void free_frame(const Frame& frame) {
        rte_pktmbuf_free(static_cast<rte_mbuf*>(frame.buffer));
    }

    rte_mempool* pool_ = nullptr;
};

TEST_F(Segments, are_joined_in_the_first_one_when_the_rest_fits_behind_it) {
    rte_mbuf* buffer = chain({60, 100, 200});
    ASSERT_FALSE(is_plain(*buffer));
    Frame frame;
    describe_unusual(buffer, frame);
    expect_whole(frame, 360);
    EXPECT_EQ(frame.buffer, buffer);
    free_frame(frame);
}

TEST_F(Segments, are_copied_into_a_fresh_buffer_when_the_first_one_is_somebody_elses_too) {
    rte_mbuf* buffer = chain({60, 100});
    rte_mbuf_refcnt_update(buffer, 1);
    Frame frame;
    describe_unusual(buffer, frame);
    expect_whole(frame, 160);
    EXPECT_NE(frame.buffer, buffer);
    free_frame(frame);
    rte_pktmbuf_free(buffer);
}

TEST_F(Segments, are_copied_into_a_fresh_buffer_when_the_first_one_begins_too_far_back) {
    rte_mbuf* buffer = chain({400, 100});
    // The frame begins 300 bytes later, so that the second segment no longer fits behind it.
    rte_pktmbuf_adj(buffer, 0);
    rte_mbuf* late = rte_pktmbuf_alloc(pool_);
    late->data_off = static_cast<uint16_t>(late->buf_len - 50);
    late->data_len = 50;
    late->pkt_len = 50;
    auto* bytes = rte_pktmbuf_mtod(late, uint8_t*);
    std::iota(bytes, bytes + 50, uint8_t{0});
    rte_mbuf* tail = chain({200});
    auto* more = rte_pktmbuf_mtod(tail, uint8_t*);
    std::iota(more, more + 200, uint8_t{50});
    ASSERT_EQ(rte_pktmbuf_chain(late, tail), 0);
    rte_pktmbuf_free(buffer);

    Frame frame;
    describe_unusual(late, frame);
    expect_whole(frame, 250);
    EXPECT_NE(frame.buffer, late);
    free_frame(frame);
}

TEST_F(Segments, that_fit_no_buffer_are_too_long_and_keep_the_first_one) {
    rte_mbuf* buffer = chain({400, 400});
    Frame frame;
    describe_unusual(buffer, frame);
    EXPECT_TRUE(frame.too_long);
    EXPECT_EQ(frame.buffer, buffer);
    EXPECT_EQ(frame.length, 400U);
    free_frame(frame);
}

TEST_F(Segments, are_too_long_when_no_buffer_is_free) {
    rte_mbuf* buffer = chain({60, 100});
    rte_mbuf_refcnt_update(buffer, 1);
    std::vector<rte_mbuf*> rest(rte_mempool_avail_count(pool_));
    ASSERT_EQ(rte_pktmbuf_alloc_bulk(pool_, rest.data(), static_cast<unsigned>(rest.size())), 0);
    Frame frame;
    describe_unusual(buffer, frame);
    EXPECT_TRUE(frame.too_long);
    rte_pktmbuf_free_bulk(rest.data(), static_cast<unsigned>(rest.size()));
    rte_mbuf_refcnt_update(buffer, -1);
    free_frame(frame);
}

/// What a broken or hostile driver may hand over (threats F20).
struct Hostile {
    const char* name;
    void (*spoil)(rte_mbuf&);
};

TEST_F(Segments, whose_numbers_contradict_each_other_make_an_empty_frame) {
    const std::vector<Hostile> cases = {
        {"no segments", [](rte_mbuf& m) { m.nb_segs = 0; }},
        {"more segments than there are", [](rte_mbuf& m) { m.nb_segs = 3; }},
        {"data past the buffer's end",
         [](rte_mbuf& m) {
             m.data_len = 60000;
             m.pkt_len = 60000;
         }},
        {"offset past the buffer's end", [](rte_mbuf& m) { m.data_off = UINT16_MAX; }},
        {"packet shorter than its data", [](rte_mbuf& m) { m.pkt_len = 10; }},
        {"packet longer than its data", [](rte_mbuf& m) { m.pkt_len = 1000000; }},
    };
    for (const Hostile& c : cases) {
        for (const std::vector<uint16_t>& lengths : {std::vector<uint16_t>{64}, {64, 64}}) {
            rte_mbuf* buffer = chain(lengths);
            c.spoil(*buffer);
            EXPECT_FALSE(is_plain(*buffer)) << c.name;
            Frame frame;
            describe_unusual(buffer, frame);
            EXPECT_EQ(frame.length, 0U) << c.name;
            EXPECT_FALSE(frame.too_long) << c.name;
            EXPECT_EQ(frame.buffer, buffer) << c.name;
            free_frame(frame);
        }
    }
}

TEST_F(Segments, in_a_circle_are_cut_open) {
    rte_mbuf* first = chain({64});
    rte_mbuf* second = chain({64});
    first->next = second;
    second->next = first;
    first->nb_segs = 2;
    first->pkt_len = 128;
    Frame frame;
    describe_unusual(first, frame);
    EXPECT_EQ(frame.length, 0U);
    // The walk ended at a segment whose link it cut; here that is the second one.
    EXPECT_TRUE(first->next == nullptr || second->next == nullptr);
    free_frame(frame);
}

}  // namespace
}  // namespace ravelin
