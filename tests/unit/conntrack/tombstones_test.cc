// SPDX-License-Identifier: BSD-3-Clause
#include "conntrack/tombstones.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <array>
#include <map>
#include <numeric>
#include <random>
#include <vector>

namespace ravelin {
namespace {

using Place = TombstoneTable::Place;

constexpr Duration kTtl = 600s;

/// Takes in a record at the moment of its end.
Place insert(TombstoneTable& table, const Tombstone& record) {
    return table.insert(record, record.ended).place;
}

/// A record in the table's first bucket (its hash has no upper half).
Tombstone tombstone(uint64_t hash, Tick ended) {
    Tombstone record;
    record.hash = hash;
    record.ended = ended;
    record.lasted = static_cast<uint32_t>(hash);
    record.reason = CloseReason::Idle;
    return record;
}

Tick at(Duration time) {
    return Tick::at(Instant{time});
}

TEST(Tombstones, are_found_by_their_hash_with_all_that_they_hold) {
    TombstoneTable table{64};
    Tombstone record = tombstone(7, at(10s));
    record.expected = {1, 2};
    record.protocol = 6;
    record.state = 3;
    record.flags = 0x1f;
    record.reason = CloseReason::Fin;
    record.closed_by = ClosedBy::Responder;
    record.report = 5;
    EXPECT_EQ(insert(table, record), Place::Empty);
    ASSERT_NE(table.find(7, at(11s), kTtl), nullptr);
    EXPECT_EQ(*table.find(7, at(11s), kTtl), record);
    EXPECT_EQ(table.find(8, at(11s), kTtl), nullptr);
    EXPECT_EQ(table.size(), 1U);
}

TEST(Tombstones, are_found_until_their_time_has_passed_and_not_a_tick_longer) {
    TombstoneTable table{4};
    insert(table, tombstone(7, at(10s)));
    EXPECT_NE(table.find(7, at(10s), kTtl), nullptr);
    EXPECT_NE(table.find(7, at(610s), kTtl), nullptr);
    EXPECT_EQ(table.find(7, at(610s) + 1, kTtl), nullptr);
    EXPECT_NE(table.find(7, at(610s) + 1, kTtl + kTick), nullptr) << "a longer time finds it again";
}

TEST(Tombstones, keep_the_last_end_of_a_connection_only) {
    TombstoneTable table{4};
    EXPECT_EQ(insert(table, tombstone(7, at(10s))), Place::Empty);
    EXPECT_EQ(insert(table, tombstone(7, at(20s))), Place::Same);
    EXPECT_EQ(table.size(), 1U);
    EXPECT_EQ(table.find(7, at(21s), kTtl)->ended, at(20s));
}

TEST(Tombstones, make_room_by_letting_the_oldest_go_whatever_the_order_they_came_in) {
    std::array<int, 4> order{0, 1, 2, 3};
    do {
        TombstoneTable table{4};
        for (const int i : order)
            ASSERT_EQ(insert(table, tombstone(1 + static_cast<uint64_t>(i), at(100s) + i)),
                      Place::Empty);
        EXPECT_EQ(insert(table, tombstone(9, at(101s))), Place::Oldest);
        EXPECT_EQ(table.find(1, at(101s), kTtl), nullptr);
        for (const uint64_t hash : {2U, 3U, 4U, 9U})
            EXPECT_NE(table.find(hash, at(101s), kTtl), nullptr) << hash;
        EXPECT_EQ(table.size(), 4U);
    } while (std::next_permutation(order.begin(), order.end()));
}

TEST(Tombstones, tell_how_old_the_one_was_that_had_to_go) {
    TombstoneTable table{4};
    for (uint64_t hash = 1; hash <= 4; ++hash)
        EXPECT_EQ(table.insert(tombstone(hash, at(hash * 10s)), at(40s)).age, 0s);
    EXPECT_EQ(table.insert(tombstone(5, at(50s)), at(50s)).age, 40s);
    EXPECT_EQ(table.insert(tombstone(6, at(50s)), at(50s)).age, 30s);
    EXPECT_EQ(table.insert(tombstone(6, at(60s)), at(60s)).age, 0s) << "of the same connection";
}

TEST(Tombstones, of_an_end_that_is_noticed_late_put_nobody_younger_out) {
    TombstoneTable table{4};
    for (const Duration end : {10s, 20s, 30s})
        insert(table, tombstone(static_cast<uint64_t>(end / 10s), at(end)));
    insert(table, tombstone(9, at(40s)));
    EXPECT_EQ(table.insert(tombstone(5, at(25s)), at(41s)).place, Place::Oldest);
    EXPECT_EQ(table.find(1, at(41s), kTtl), nullptr);
    for (const uint64_t hash : {2U, 3U, 5U, 9U})
        EXPECT_NE(table.find(hash, at(41s), kTtl), nullptr) << hash;
}

TEST(Tombstones, can_be_erased_and_their_place_taken_first) {
    TombstoneTable table{4};
    for (uint64_t hash = 1; hash <= 4; ++hash)
        insert(table, tombstone(hash, at(10s)));
    table.erase(*table.find(3, at(10s), kTtl));
    EXPECT_EQ(table.size(), 3U);
    EXPECT_EQ(table.find(3, at(10s), kTtl), nullptr);
    EXPECT_EQ(insert(table, tombstone(5, at(11s))), Place::Empty);
    for (const uint64_t hash : {1U, 2U, 4U, 5U})
        EXPECT_NE(table.find(hash, at(11s), kTtl), nullptr) << hash;
}

TEST(Tombstones, live_through_the_tick_that_wraps_and_never_come_back_from_the_future) {
    const Tick late{0xffffffff};
    TombstoneTable table{4};
    insert(table, tombstone(7, late));
    EXPECT_NE(table.find(7, late + 100, kTtl), nullptr);
    EXPECT_EQ(table.find(7, late + 60001, kTtl), nullptr);
    EXPECT_EQ(table.find(7, late + -1, kTtl), nullptr) << "ended after now: 497 days old, in fact";
}

TEST(Tombstones, have_room_for_what_was_asked_rounded_up_to_whole_buckets) {
    struct Case {
        uint32_t asked;
        uint32_t room;
    };
    for (const Case& c : {Case{1, 4}, Case{4, 4}, Case{5, 8}, Case{1000, 1000}, Case{1001, 1004}}) {
        TombstoneTable table{c.asked};
        EXPECT_EQ(table.capacity(), c.room);
        EXPECT_EQ(table.memory_bytes(), size_t{c.room} * 32);
    }
}

TEST(Tombstones, of_a_table_without_room_are_never_kept) {
    TombstoneTable table{0};
    table.prefetch(7);
    EXPECT_EQ(insert(table, tombstone(7, at(1s))), Place::None);
    EXPECT_EQ(table.find(7, at(1s), kTtl), nullptr);
    EXPECT_EQ(table.size(), 0U);
    EXPECT_EQ(table.capacity(), 0U);
}

/// What the table must do, written for readers: a list of four per bucket.
class Model {
  public:
    explicit Model(uint32_t buckets) : buckets_{buckets} {}

    Place insert(const Tombstone& record) {
        std::vector<Tombstone>& bucket = at_[(record.hash >> 32) * buckets_ >> 32];
        const auto same = find_in(bucket, record.hash);
        if (same != bucket.end()) {
            *same = record;
            return Place::Same;
        }
        if (bucket.size() < TombstoneTable::kWays) {
            bucket.push_back(record);
            return Place::Empty;
        }
        const auto oldest = std::min_element(
            bucket.begin(), bucket.end(),
            [](const Tombstone& a, const Tombstone& b) { return a.ended.before(b.ended); });
        *oldest = record;
        return Place::Oldest;
    }
    const Tombstone* find(uint64_t hash, Tick now) {
        std::vector<Tombstone>& bucket = at_[(hash >> 32) * buckets_ >> 32];
        const auto found = find_in(bucket, hash);
        if (found == bucket.end() || now.since(found->ended) * kTick > kTtl) return nullptr;
        return &*found;
    }
    void erase(uint64_t hash) {
        std::vector<Tombstone>& bucket = at_[(hash >> 32) * buckets_ >> 32];
        bucket.erase(find_in(bucket, hash));
    }
    [[nodiscard]] size_t size() const {
        return std::accumulate(at_.begin(), at_.end(), size_t{0},
                               [](size_t sum, const auto& one) { return sum + one.second.size(); });
    }

  private:
    static std::vector<Tombstone>::iterator find_in(std::vector<Tombstone>& bucket, uint64_t hash) {
        return std::find_if(bucket.begin(), bucket.end(),
                            [hash](const Tombstone& record) { return record.hash == hash; });
    }
    uint32_t buckets_;
    std::map<uint64_t, std::vector<Tombstone>> at_;
};

TEST(Tombstones, do_what_a_list_of_four_per_bucket_does) {
    for (const uint32_t seed : {1U, 2U, 3U, 4U}) {
        std::mt19937_64 random{seed};
        TombstoneTable table{40};
        Model model{10};
        // Hours, through the wrap.
        Tick now{0xffffffff - 100000};
        std::map<Place, int> places;
        for (int i = 0; i < 100000; ++i) {
            now = now + static_cast<int32_t>(1 + random() % 8000);
            const uint64_t hash = (random() % 64 * 0x0404'0404'0000'0000U) | (1 + random() % 2);
            switch (random() % 4) {
                case 0: {
                    const Tombstone* found = model.find(hash, now);
                    Tombstone* ours = table.find(hash, now, kTtl);
                    ASSERT_EQ(ours != nullptr, found != nullptr) << "step " << i;
                    if (ours != nullptr) ASSERT_EQ(*ours, *found);
                    break;
                }
                case 1: {
                    Tombstone* ours = table.find(hash, now, kTtl);
                    if (ours == nullptr) break;
                    table.erase(*ours);
                    model.erase(hash);
                    break;
                }
                default: {
                    // An end may be noticed up to 20 s late.
                    Tombstone record =
                        tombstone(hash, now + -static_cast<int32_t>(random() % 2000));
                    record.lasted = static_cast<uint32_t>(i);
                    const Place place = table.insert(record, now).place;
                    ASSERT_EQ(place, model.insert(record)) << "step " << i;
                    ++places[place];
                }
            }
            ASSERT_EQ(table.size(), model.size());
        }
        EXPECT_EQ(places.size(), 3U) << "each kind of place was met";
    }
}

}  // namespace
}  // namespace ravelin
