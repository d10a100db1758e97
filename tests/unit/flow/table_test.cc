// SPDX-License-Identifier: BSD-3-Clause
#include "flow/table.h"

#include <gtest/gtest.h>

#include <random>
#include <unordered_map>
#include <vector>

namespace ravelin {
namespace {

/// Keys are numbers; two keys may have the same hash, as in the product.
struct Bench {
    explicit Bench(uint32_t capacity) : table{capacity}, keys(capacity) {}
    [[nodiscard]] uint32_t find(uint32_t hash, uint64_t key) const {
        return table.find(hash, [&](uint32_t index) { return keys[index] == key; });
    }
    FlowTable table;
    std::vector<uint64_t> keys;
};

struct LoadCase {
    uint32_t seed;
    uint32_t capacity;
    uint32_t hash_mask;  ///< fewer bits: more collisions
};

class TableModel : public testing::TestWithParam<LoadCase> {};

TEST_P(TableModel, equals_an_unordered_map_at_90_to_100_percent_load) {
    const LoadCase& param = GetParam();
    std::mt19937_64 random{param.seed};
    Bench bench{param.capacity};
    struct Entry {
        uint32_t hash;
        uint32_t index;
    };
    std::unordered_map<uint64_t, Entry> model;
    std::vector<uint64_t> live;
    std::vector<uint32_t> free;
    for (uint32_t i = 0; i < param.capacity; ++i)
        free.push_back(i);
    uint64_t next_key = 1;
    uint64_t refused = 0;
    for (uint32_t step = 0; step < 12 * param.capacity; ++step) {
        const bool fill = model.size() < param.capacity * 9ULL / 10;
        if (!free.empty() && (fill || random() % 2 == 0)) {
            const uint64_t key = next_key++;
            const auto hash = static_cast<uint32_t>(random()) & param.hash_mask;
            const uint32_t index = free.back();
            bench.keys[index] = key;
            if (!bench.table.insert(hash, index)) {
                ++refused;
                continue;
            }
            free.pop_back();
            model[key] = {hash, index};
            live.push_back(key);
        } else if (!live.empty()) {
            const size_t at = random() % live.size();
            const uint64_t key = live[at];
            live[at] = live.back();
            live.pop_back();
            bench.table.erase(model[key].hash, model[key].index);
            free.push_back(model[key].index);
            bench.keys[model[key].index] = 0;
            model.erase(key);
        }
        ASSERT_EQ(bench.table.size(), model.size());
        if (step % 64 == 0 && !live.empty()) {
            const uint64_t key = live[random() % live.size()];
            ASSERT_EQ(bench.find(model[key].hash, key), model[key].index);
            ASSERT_EQ(bench.find(model[key].hash, next_key + 1), FlowTable::kNone);
        }
    }
    for (const auto& [key, entry] : model)
        ASSERT_EQ(bench.find(entry.hash, key), entry.index);
    if (param.hash_mask == UINT32_MAX) {
        EXPECT_EQ(refused, 0U);
    }
}

INSTANTIATE_TEST_SUITE_P(loads, TableModel,
                         testing::Values(LoadCase{1, 64, UINT32_MAX},
                                         LoadCase{2, 1'000, UINT32_MAX},
                                         LoadCase{3, 50'000, UINT32_MAX},
                                         LoadCase{4, 50'000, 0xffff00ff},
                                         LoadCase{5, 1'000, 0xff}));

TEST(FlowTable, equal_hashes_fill_the_probe_sequence_and_are_then_refused_not_looped_over) {
    FlowTable table{10'000};
    uint32_t inserted = 0;
    while (table.insert(0x12345678, inserted))
        ++inserted;
    EXPECT_EQ(inserted, 128U);  // sixteen buckets of eight
    for (uint32_t index = 0; index < inserted; ++index) {
        EXPECT_EQ(table.find(0x12345678, [&](uint32_t at) { return at == index; }), index);
    }
    // From the last bucket on, too.
    for (uint32_t index = inserted; index-- > 0;)
        table.erase(0x12345678, index);
    EXPECT_EQ(table.size(), 0U);
}

TEST(FlowTable, a_probe_sequence_goes_on_at_the_beginning_behind_the_last_bucket) {
    // The 64th of 64 buckets; what it has no room for stands one, two or three further.
    for (uint32_t signature = 0; signature < 3; ++signature) {
        FlowTable table{64};
        const uint32_t hash = 0xfc000000U + signature;
        for (uint32_t index = 0; index < 9; ++index)
            ASSERT_TRUE(table.insert(hash, index));
        EXPECT_EQ(table.next_candidate(hash), 8U);
        // The bucket that it stands in is the first one of these.
        const uint32_t neighbour = signature << 26 | 0x8000U;
        for (uint32_t index = 9; index < 17; ++index)
            ASSERT_TRUE(table.insert(neighbour, index));
        EXPECT_EQ(table.candidate(neighbour), 9U);
        EXPECT_EQ(table.next_candidate(neighbour), 16U) << signature;
        table.erase(hash, 8);
        EXPECT_EQ(table.next_candidate(hash), FlowTable::kNone);
    }
}

TEST(FlowTable, erasing_everything_leaves_no_overflow_behind) {
    FlowTable table{1'000};
    std::mt19937 random{7};
    std::vector<uint32_t> hashes(1'000);
    for (int round = 0; round < 50; ++round) {
        for (uint32_t index = 0; index < 1'000; ++index) {
            hashes[index] = static_cast<uint32_t>(random());
            ASSERT_TRUE(table.insert(hashes[index], index));
        }
        for (uint32_t index = 0; index < 1'000; ++index)
            table.erase(hashes[index], index);
    }
    // A look-up that finds no overflow stops at the first bucket and asks about no index.
    uint32_t asked = 0;
    for (uint32_t i = 0; i < 10'000; ++i) {
        EXPECT_EQ(table.find(static_cast<uint32_t>(random()),
                             [&](uint32_t) {
                                 ++asked;
                                 return false;
                             }),
                  FlowTable::kNone);
    }
    EXPECT_EQ(asked, 0U);
    EXPECT_EQ(table.size(), 0U);
}

TEST(FlowTable, a_bucket_that_more_than_255_keys_passed_by_loses_none_of_them) {
    FlowTable table{40'000};
    // All have one first bucket; their signatures, and so their ways on from there, differ.
    const auto hash = [](uint32_t index) { return 0x80000000U + 37 * index; };
    constexpr uint32_t kKeys = 400;
    const auto find = [&](uint32_t index) {
        return table.find(hash(index), [&](uint32_t at) { return at == index; });
    };
    for (uint32_t index = 0; index < kKeys; ++index)
        ASSERT_TRUE(table.insert(hash(index), index));
    for (uint32_t index = 0; index < kKeys; index += 2)
        table.erase(hash(index), index);
    for (uint32_t index = 0; index < kKeys; ++index)
        EXPECT_EQ(find(index), index % 2 == 0 ? FlowTable::kNone : index);
    for (uint32_t index = 1; index < kKeys; index += 2)
        table.erase(hash(index), index);
    EXPECT_EQ(table.size(), 0U);
    ASSERT_TRUE(table.insert(hash(3), 3));
    EXPECT_EQ(find(3), 3U);
}

TEST(FlowTable, a_bucket_that_nothing_passes_by_any_more_ends_the_look_up) {
    FlowTable table{10'000};
    constexpr uint32_t kHash = 0x12345678;
    for (uint32_t index = 0; index < 9; ++index)
        ASSERT_TRUE(table.insert(kHash, index));
    // Another hash with the same signature, whose first bucket is the one that the ninth went to.
    uint32_t neighbour = 0;
    for (uint32_t high = 0; high < 1U << 16 && neighbour == 0; ++high) {
        const uint32_t hash = high << 16 | (kHash & 0xffff);
        if (table.candidate(hash) == 8) neighbour = hash;
    }
    ASSERT_NE(neighbour, 0U);
    ASSERT_TRUE(table.insert(neighbour, 9));
    const auto asked = [&] {
        uint32_t count = 0;
        EXPECT_EQ(table.find(kHash, [&](uint32_t) { return ++count == 0; }), FlowTable::kNone);
        return count;
    };
    EXPECT_EQ(asked(), 10U);
    ASSERT_TRUE(table.insert(kHash, 10));
    EXPECT_EQ(asked(), 11U);
    table.erase(kHash, 8);
    EXPECT_EQ(asked(), 10U) << "one still passes it by";
    table.erase(kHash, 10);
    EXPECT_EQ(asked(), 8U) << "none does";
}

TEST(FlowTable, has_six_keys_in_a_bucket_when_it_is_full_and_64_buckets_at_least) {
    constexpr size_t kBucket = 64;
    EXPECT_EQ(FlowTable{1}.memory_bytes(), 64 * kBucket);
    EXPECT_EQ(FlowTable{6'000}.memory_bytes(), 1'001 * kBucket);
}

TEST(FlowTableDeath, erasing_what_is_not_there_ends_the_program) {
    FlowTable table{100};
    ASSERT_TRUE(table.insert(42, 7));
    EXPECT_DEATH(table.erase(42, 8), "the erased pair is in the table");
}

TEST(FlowTable, the_candidate_is_the_first_fitting_index_of_the_first_bucket) {
    FlowTable table{1'000};
    EXPECT_EQ(table.candidate(42), FlowTable::kNone);
    ASSERT_TRUE(table.insert(42, 7));
    EXPECT_EQ(table.candidate(42), 7U);
    for (uint32_t other = 1; other < 8; ++other)
        ASSERT_TRUE(table.insert(42 + other, 7 + other));
    for (uint32_t other = 0; other < 8; ++other)
        EXPECT_EQ(table.candidate(42 + other), 7 + other) << "in place " << other;
}

TEST(FlowTable, a_candidate_that_its_bucket_had_no_room_for_stands_in_the_next_one) {
    FlowTable table{64};
    EXPECT_EQ(table.next_candidate(42), FlowTable::kNone);
    for (uint32_t index = 0; index < 9; ++index)
        ASSERT_TRUE(table.insert(42, index));
    EXPECT_EQ(table.next_candidate(42), 8U);
    // Of another key of that bucket there is none in either.
    EXPECT_EQ(table.candidate(43), FlowTable::kNone);
    EXPECT_EQ(table.next_candidate(43), FlowTable::kNone);
}

}  // namespace
}  // namespace ravelin
