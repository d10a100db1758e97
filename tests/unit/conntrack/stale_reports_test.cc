// SPDX-License-Identifier: BSD-3-Clause
#include "conntrack/stale_reports.h"

#include <gtest/gtest.h>

#include <array>
#include <vector>

namespace ravelin {
namespace {

Tombstone tombstone(uint64_t hash, uint32_t ended = 1) {
    Tombstone record;
    record.hash = hash;
    record.ended = Tick{ended};
    return record;
}

std::vector<uint32_t> packets(const StaleReports& reports) {
    std::vector<StaleRecord> out(reports.capacity());
    uint32_t cursor = 0;
    uint32_t written = 0;
    EXPECT_TRUE(reports.dump(cursor, UINT32_MAX, out, written));
    std::vector<uint32_t> counts;
    for (uint32_t i = 0; i < written; ++i)
        counts.push_back(out[i].info.packets);
    return counts;
}

TEST(StaleReports, has_one_for_each_tombstone) {
    StaleReports reports{3};
    Tombstone one = tombstone(1);
    Tombstone two = tombstone(2);
    ++reports.of(one).info.packets;
    ++reports.of(two).info.packets;
    ++reports.of(one).info.packets;
    EXPECT_EQ(packets(reports), (std::vector<uint32_t>{2, 1}));
}

TEST(StaleReports, lets_the_oldest_go_and_knows_it_no_more) {
    StaleReports reports{2};
    std::array<Tombstone, 3> tombstones{tombstone(1), tombstone(2), tombstone(3)};
    for (Tombstone& each : tombstones)
        reports.of(each).info.packets = static_cast<uint32_t>(each.hash * 10);
    EXPECT_EQ(packets(reports), (std::vector<uint32_t>{30, 20}));
    EXPECT_EQ(reports.of(tombstones[0]).info.packets, 0U) << "its place is another's";
    EXPECT_EQ(reports.of(tombstones[2]).info.packets, 30U);
}

TEST(StaleReports, tells_connections_on_the_same_ports_apart_by_their_ends) {
    StaleReports reports{2};
    Tombstone first = tombstone(1, 5);
    reports.of(first).info.packets = 7;
    Tombstone second = tombstone(1, 6);
    second.report = first.report;
    EXPECT_EQ(reports.of(second).info.packets, 0U);
}

TEST(StaleReports, are_copied_in_slices) {
    StaleReports reports{8};
    for (uint64_t hash = 1; hash <= 6; ++hash) {
        Tombstone each = tombstone(hash);
        reports.of(each).info.packets = static_cast<uint32_t>(hash);
    }
    std::array<StaleRecord, 4> out{};
    uint32_t cursor = 0;
    uint32_t written = 0;
    EXPECT_FALSE(reports.dump(cursor, 3, out, written));
    EXPECT_EQ(written, 3U) << "as many as the budget looks at";
    EXPECT_FALSE(reports.dump(cursor, 100, out, written));
    EXPECT_EQ(written, 4U) << "as many as there is room for";
    written = 0;
    EXPECT_TRUE(reports.dump(cursor, 100, out, written));
    EXPECT_EQ(written, 2U);
    EXPECT_EQ(out[1].info.packets, 6U);
}

}  // namespace
}  // namespace ravelin
