// SPDX-License-Identifier: BSD-3-Clause
#include "timer/wheel.h"

#include <gtest/gtest.h>

#include <map>
#include <random>
#include <vector>

namespace ravelin {
namespace {

constexpr uint32_t kPlenty = 1'000'000;

/// A wheel whose deadlines and places stand outside of it, as in the product.
class Bench {
  public:
    explicit Bench(uint32_t capacity, Tick start)
        : places(capacity),
          wheel{capacity, start, &places[0].place, sizeof(Place)},
          deadlines(capacity) {}

    void arm(uint32_t index, Tick deadline) {
        deadlines[index] = deadline;
        wheel.arm(index, deadline);
    }
    std::vector<uint32_t> advance(Tick now, uint32_t budget = kPlenty) {
        std::vector<uint32_t> fired;
        wheel.advance(
            now, budget, [](uint32_t) {}, [](uint32_t) {},
            [&](uint32_t index) { return deadlines[index]; },
            [&](uint32_t index) { fired.push_back(index); });
        return fired;
    }
    uint32_t advance_counted(Tick now) {
        return wheel.advance(
            now, kPlenty, [](uint32_t) {}, [](uint32_t) {},
            [&](uint32_t index) { return deadlines[index]; }, [](uint32_t) {});
    }
    std::vector<uint32_t> advance_fully(Tick now) {
        std::vector<uint32_t> fired;
        do {
            for (const uint32_t index : advance(now))
                fired.push_back(index);
        } while (wheel.lag(now) != 0);
        return fired;
    }

    struct Place {
        uint64_t something_else = 0;
        uint32_t place = Wheel::kNone;
    };
    std::vector<Place> places;
    Wheel wheel;
    std::vector<Tick> deadlines;
};

TEST(Wheel, fires_at_the_deadline_and_not_a_tick_earlier_at_every_level) {
    for (const int32_t distance : {1, 2, 255, 256, 257, 65'535, 65'536, 65'537, 16'777'215,
                                   16'777'216, 16'777'217, 43'200'000}) {
        for (const uint32_t start : {0U, 1U, 255U, 256U, 65'535U, 4'294'967'290U}) {
            Bench bench{1, Tick{start}};
            bench.arm(0, Tick{start} + distance);
            EXPECT_TRUE(bench.advance_fully(Tick{start} + (distance - 1)).empty())
                << start << " + " << distance;
            EXPECT_EQ(bench.advance_fully(Tick{start} + distance), std::vector<uint32_t>{0})
                << start << " + " << distance;
            EXPECT_EQ(bench.wheel.size(), 0U);
        }
    }
}

TEST(Wheel, a_deadline_that_moved_later_is_followed_without_arming_again) {
    Bench bench{1, Tick{0}};
    bench.arm(0, Tick{100});
    bench.deadlines[0] = Tick{5'000};
    EXPECT_TRUE(bench.advance_fully(Tick{4'999}).empty());
    EXPECT_TRUE(bench.wheel.armed(0));
    EXPECT_EQ(bench.advance_fully(Tick{5'000}).size(), 1U);
}

TEST(Wheel, a_deadline_in_the_past_fires_at_the_next_advance) {
    Bench bench{1, Tick{1'000}};
    bench.arm(0, Tick{10});
    EXPECT_EQ(bench.advance(Tick{1'000}).size(), 1U);
}

TEST(Wheel, the_budget_bounds_the_work_and_what_is_left_comes_next_time) {
    Bench bench{1'000, Tick{0}};
    for (uint32_t index = 0; index < 1'000; ++index)
        bench.arm(index, Tick{50});
    size_t fired = 0;
    for (int turn = 0; turn < 100; ++turn) {
        const size_t now_fired = bench.advance(Tick{60}, 64).size();
        EXPECT_LE(now_fired, 64U);
        fired += now_fired;
        if (fired < 1'000) {
            EXPECT_EQ(bench.wheel.lag(Tick{60}), 11U);
        }
    }
    EXPECT_EQ(fired, 1'000U);
    EXPECT_EQ(bench.wheel.lag(Tick{60}), 0U);
}

TEST(Wheel, a_small_budget_steps_over_few_empty_slots_at_a_time) {
    Bench bench{1, Tick{0}};
    bench.arm(0, Tick{60'000});
    // Sixteen slots of 256 ticks for each index of the budget.
    bench.advance(Tick{50'000}, 1);
    EXPECT_EQ(bench.wheel.lag(Tick{50'000}), 50'000U - 16 * 256 + 1);
    bench.advance(Tick{50'000}, 3);
    EXPECT_EQ(bench.wheel.lag(Tick{50'000}), 50'000U - 64 * 256 + 1);
    EXPECT_EQ(bench.advance_fully(Tick{60'000}).size(), 1U);
}

TEST(Wheel, is_never_ahead_of_the_time) {
    // What is armed for the very next tick after any silence fires then, and not one later.
    for (const uint32_t silence : {0U, 1U, 5U, 255U, 256U, 70'000U}) {
        Bench bench{2, Tick{0}};
        bench.arm(1, Tick{30'000'000});
        bench.advance_fully(Tick{silence});
        EXPECT_EQ(bench.wheel.lag(Tick{silence}), 0U);
        bench.wheel.disarm(1);
        bench.advance_fully(Tick{silence});
        bench.arm(0, Tick{silence + 1});
        EXPECT_EQ(bench.advance(Tick{silence + 1}), std::vector<uint32_t>{0}) << silence;
    }
}

TEST(Wheel, steps_over_a_level_that_is_empty_again_as_a_whole) {
    constexpr uint32_t kDay = 24 * 3600 * 100;
    // One deadline on each level, taken out or fired: nothing of it may slow down what comes.
    for (const uint32_t deadline : {10U, 1'000U, 100'000U, 20'000'000U}) {
        Bench bench{2, Tick{0}};
        bench.arm(0, Tick{deadline});
        bench.arm(1, Tick{deadline});
        bench.wheel.disarm(0);
        bench.wheel.disarm(1);
        bench.advance(Tick{kDay}, 1);
        EXPECT_EQ(bench.wheel.lag(Tick{kDay}), 0U) << deadline;
        bench.arm(0, Tick{kDay + deadline});
        EXPECT_EQ(bench.advance_fully(Tick{kDay + deadline}).size(), 1U);
        bench.advance(Tick{3 * kDay}, 1);
        EXPECT_EQ(bench.wheel.lag(Tick{3 * kDay}), 0U) << deadline;
    }
}

TEST(Wheel, has_a_chunk_for_fourteen_and_one_for_each_slot) {
    EXPECT_EQ((Bench{1, Tick{0}}.wheel.memory_bytes()), (4 * 256 + 1) * 64);
    EXPECT_EQ((Bench{1'400, Tick{0}}.wheel.memory_bytes()), (100 + 4 * 256 + 1) * 64);
}

TEST(Wheel, asks_for_memory_before_it_asks_for_the_deadline) {
    // More than a chunk in each of two slots, one of which is short of full chunks.
    Bench bench{1'000, Tick{0}};
    for (uint32_t index = 0; index < 1'000; ++index)
        bench.arm(index, Tick{index < 601 ? 50U : 51U});
    std::vector<bool> asked(1'000);
    std::vector<bool> prepared(1'000);
    uint32_t handled = 0;
    uint32_t unprepared = 0;
    do {
        bench.wheel.advance(
            Tick{60}, 64, [&](uint32_t index) { asked[index] = true; },
            [&](uint32_t index) {
                EXPECT_TRUE(asked[index]);
                prepared[index] = true;
            },
            [&](uint32_t index) {
                EXPECT_TRUE(asked[index]);
                unprepared += prepared[index] ? 0 : 1;
                ++handled;
                return bench.deadlines[index];
            },
            [](uint32_t) {});
    } while (bench.wheel.lag(Tick{60}) != 0);
    EXPECT_EQ(handled, 1'000U);
    // The first ones of each slot.
    EXPECT_EQ(unprepared, 2 * Wheel::kNear);
}

TEST(Wheel, what_is_long_due_is_handled_once_and_what_is_not_once_a_level_at_most) {
    // Slots of three levels, all in the past: nothing is put off any more.
    Bench late{300, Tick{0}};
    for (uint32_t index = 0; index < 300; ++index)
        late.arm(index, Tick{(index + 1) * 400});
    uint32_t handled = 0;
    do {
        handled += late.advance_counted(Tick{1'000'000});
    } while (late.wheel.lag(Tick{1'000'000}) != 0);
    EXPECT_EQ(handled, 300U);

    Bench steady{1, Tick{0}};
    steady.arm(0, Tick{0x03020405});
    handled = 0;
    for (const uint32_t now : {0x03000000U, 0x03020000U, 0x03020400U, 0x03020405U})
        handled += steady.advance_counted(Tick{now});
    EXPECT_EQ(steady.wheel.size(), 0U);
    EXPECT_EQ(handled, Wheel::kMostHandlings);
}

TEST(Wheel, an_expiry_may_take_others_out_that_are_due_in_the_same_tick) {
    Bench bench{100, Tick{0}};
    for (uint32_t index = 0; index < 100; ++index)
        bench.arm(index, Tick{7});
    uint32_t fired = 0;
    bench.wheel.advance(
        Tick{7}, kPlenty, [](uint32_t) {}, [](uint32_t) {},
        [&](uint32_t index) { return bench.deadlines[index]; },
        [&](uint32_t index) {
            ++fired;
            bench.wheel.disarm((index + 1) % 100);
        });
    EXPECT_EQ(bench.wheel.size(), 0U);
    EXPECT_GE(fired, 50U);
    EXPECT_LT(fired, 100U);
}

TEST(Wheel, a_jump_of_days_is_drained_in_bounded_steps_and_loses_nothing) {
    Bench bench{64, Tick{0}};
    for (uint32_t index = 0; index < 64; ++index)
        bench.arm(index, Tick{(index + 1) * 600'000});
    EXPECT_EQ(bench.advance_fully(Tick{64 * 600'000}).size(), 64U);
}

struct ModelCase {
    uint32_t seed;
    uint32_t start;
    int32_t longest;
};

class WheelModel : public testing::TestWithParam<ModelCase> {};

TEST_P(WheelModel, equals_an_ordered_map_under_random_arming_disarming_and_time) {
    constexpr uint32_t kCapacity = 500;
    const ModelCase& param = GetParam();
    std::mt19937 random{param.seed};
    Bench bench{kCapacity, Tick{param.start}};
    Tick now{param.start};
    std::map<uint32_t, Tick> model;
    for (int step = 0; step < 20'000; ++step) {
        const uint32_t index = static_cast<uint32_t>(random()) % kCapacity;
        const Tick deadline =
            now + 1 + static_cast<int32_t>(random() % static_cast<uint32_t>(param.longest));
        switch (random() % 8) {
            case 0:
            case 1:
            case 2:
                bench.arm(index, deadline);
                model[index] = deadline;
                break;
            case 3:  // renewed: later, and the wheel isn't told
                if (model.contains(index) && model[index].before(deadline))
                    model[index] = bench.deadlines[index] = deadline;
                break;
            case 4:
                bench.wheel.disarm(index);
                model.erase(index);
                break;
            default: {
                now = now + static_cast<int32_t>(random() % 400);
                for (const uint32_t fired : bench.advance_fully(now)) {
                    ASSERT_TRUE(model.contains(fired));
                    ASSERT_FALSE(now.before(model[fired])) << "early";
                    model.erase(fired);
                }
                for (const auto& [left, due] : model)
                    ASSERT_TRUE(now.before(due)) << left << " is late";
            }
        }
        ASSERT_EQ(bench.wheel.size(), model.size());
    }
}

INSTANTIATE_TEST_SUITE_P(seeds, WheelModel,
                         testing::Values(ModelCase{1, 0, 300}, ModelCase{2, 0, 70'000},
                                         ModelCase{3, 250, 20'000'000},
                                         ModelCase{4, 4'294'900'000U, 70'000},
                                         ModelCase{5, 4'294'967'295U, 1'000}));

TEST(Wheel, holds_every_index_at_once_whatever_the_slots) {
    constexpr uint32_t kCapacity = 100'000;
    Bench bench{kCapacity, Tick{0}};
    std::mt19937 random{9};
    for (int round = 0; round < 3; ++round) {
        for (uint32_t index = 0; index < kCapacity; ++index)
            bench.arm(index, Tick{1 + static_cast<uint32_t>(random()) % 40'000'000});
        EXPECT_EQ(bench.wheel.size(), kCapacity);
    }
}

}  // namespace
}  // namespace ravelin
