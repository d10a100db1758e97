// SPDX-License-Identifier: BSD-3-Clause
#include "conntrack/tcp_window.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <cstring>
#include <optional>
#include <random>
#include <vector>

namespace ravelin {
namespace {

// Sequence numbers that everything is counted from: around 0, 2^31 and 2^32.
constexpr uint32_t kBases[] = {0,          1,          1000000,    0x7fffff00, 0x7fffffff,
                               0x80000000, 0x80000100, 0xffffff00, 0xffffffff};

// ------------------------------------------------------------------------------------------
// The model: the same conditions on a line of 64-bit numbers, where nothing wraps.

struct Line {
    int64_t end = 0;
    int64_t max_end = 0;
    int64_t max_window = 0;
};

struct LineSegment {
    int64_t sequence = 0;
    int64_t length = 0;
    std::optional<int64_t> ack{};
    int64_t window = 0;
    bool fin = false;
};

struct LineResult {
    WindowVerdict verdict;
    Line sender;
    Line receiver;
};

/// The four conditions of the reference page, and what an accepted segment moves.
LineResult model(Line sender, Line receiver, const LineSegment& segment, int64_t scale) {
    const int64_t end = segment.sequence + segment.length + (segment.fin ? 1 : 0);
    const int64_t ack = segment.ack.value_or(receiver.end);
    const bool first = segment.sequence <= sender.max_end;
    const bool second = receiver.max_window == 0 || end >= sender.end - receiver.max_window;
    const bool third = ack <= receiver.end;
    const bool fourth = ack >= receiver.end - std::max<int64_t>(sender.max_window, 66000);
    if (!first) {
        // The kernel's exception: sound but for some bytes more than the window allows.
        const int64_t over = end - sender.max_end + 1;
        if (receiver.max_window == 0 || !second || !third || !fourth ||
            over > receiver.max_window) {
            return {WindowVerdict::Invalid, sender, receiver};
        }
        sender.end = end;
        return {WindowVerdict::Ignore, sender, receiver};
    }
    if (!third) return {WindowVerdict::Invalid, sender, receiver};
    if (!second || !fourth) return {WindowVerdict::Ignore, sender, receiver};
    const int64_t window = segment.window << scale;
    sender.max_window = std::max(sender.max_window, window);
    const int64_t beyond = end - sender.max_end;
    sender.end = std::max(sender.end, end);
    if (receiver.max_window != 0 && beyond > 0) receiver.max_window += beyond;
    if (ack + window >= receiver.max_end) receiver.max_end = ack + std::max<int64_t>(window, 1);
    return {WindowVerdict::Accept, sender, receiver};
}

TcpWindow on_circle(const Line& line, uint32_t base) {
    return {.end = base + static_cast<uint32_t>(line.end),
            .max_end = base + static_cast<uint32_t>(line.max_end),
            .max_window = static_cast<uint32_t>(line.max_window)};
}

/// Runs both and compares; the two directions count from bases of their own.
void compare(const Line& sender, const Line& receiver, const LineSegment& segment, uint8_t scale,
             uint32_t sender_base, uint32_t receiver_base, Direction direction) {
    const auto from = static_cast<size_t>(direction);
    TcpState state;
    state.window[from] = on_circle(sender, sender_base);
    state.window[1 - from] = on_circle(receiver, receiver_base);
    state.scale[from] = scale;
    uint8_t flags = 0;
    if (segment.ack) flags |= tcp_flag::kAck;
    if (segment.fin) flags |= tcp_flag::kFin;
    const TcpSegment packet{
        .sequence = sender_base + static_cast<uint32_t>(segment.sequence),
        .ack = receiver_base + static_cast<uint32_t>(segment.ack.value_or(12345)),
        .window = static_cast<uint16_t>(segment.window),
        .flags = flags,
        .payload_length = static_cast<uint32_t>(segment.length)};
    const LineResult expected = model(sender, receiver, segment, scale);
    const WindowVerdict verdict =
        check_window(state, TcpPhase::Established, packet, direction, TcpPacketIndex::Ack, false);
    const auto same = [](const TcpWindow& window, const TcpWindow& wanted) {
        return window.end == wanted.end && window.max_end == wanted.max_end &&
               window.max_window == wanted.max_window;
    };
    if (verdict == expected.verdict &&
        same(state.window[from], on_circle(expected.sender, sender_base)) &&
        same(state.window[1 - from], on_circle(expected.receiver, receiver_base))) {
        return;
    }
    ADD_FAILURE() << "verdict " << static_cast<int>(verdict) << ", the model says "
                  << static_cast<int>(expected.verdict) << "; seq " << segment.sequence << " len "
                  << segment.length << " ack " << segment.ack.value_or(-1) << " window "
                  << segment.window << " bases " << sender_base << ' ' << receiver_base
                  << "; sender end " << sender.end << " max " << sender.max_end << " win "
                  << sender.max_window << "; receiver end " << receiver.end << " max "
                  << receiver.max_end << " win " << receiver.max_window;
}

TEST(TcpWindow, every_bound_is_where_the_model_has_it) {
    const Line sender{.end = 1'000'000, .max_end = 1'003'000, .max_window = 8000};
    const Line receiver{.end = 2'000'000, .max_end = 2'008'000, .max_window = 5000};
    const int64_t lowest_ack = receiver.end - 66000;
    for (const uint32_t sender_base : kBases) {
        for (const uint32_t receiver_base : {0U, 0x7ff00000U, 0xffe17b7fU, 0xffffffffU}) {
            for (const Direction direction : {Direction::Original, Direction::Reply}) {
                for (const int64_t length : {0, 1, 100, 1460, 5000, 5001}) {
                    for (const int64_t edge :
                         {sender.end, sender.max_end, sender.end - receiver.max_window,
                          sender.end - receiver.max_window - length,
                          sender.max_end + receiver.max_window - length - 1}) {
                        for (const int64_t delta : {-1, 0, 1}) {
                            for (const int64_t ack : {receiver.end, lowest_ack}) {
                                for (const int64_t ack_delta : {-1, 0, 1}) {
                                    compare(sender, receiver,
                                            {.sequence = edge + delta,
                                             .length = length,
                                             .ack = ack + ack_delta,
                                             .window = 9000},
                                            0, sender_base, receiver_base, direction);
                                }
                            }
                        }
                    }
                }
            }
        }
    }
}

TEST(TcpWindow, a_window_larger_than_66000_is_the_limit_for_late_acknowledgements) {
    const Line receiver{.end = 5'000'000, .max_end = 5'008'000, .max_window = 5000};
    for (const int64_t max_window :
         {int64_t{65999}, int64_t{66000}, int64_t{66001}, int64_t{1} << 20, int64_t{65535} << 14}) {
        const Line sender{.end = 1000, .max_end = 3000, .max_window = max_window};
        for (const int64_t limit : {int64_t{66000}, max_window}) {
            for (const int64_t delta : {-1, 0, 1}) {
                for (const uint32_t base : kBases) {
                    compare(sender, receiver,
                            {.sequence = 1000, .ack = receiver.end - limit + delta, .window = 10},
                            0, base, ~base, Direction::Original);
                }
            }
        }
    }
}

TEST(TcpWindow, a_million_random_segments_are_judged_as_the_model_judges_them) {
    std::mt19937_64 random{20260102};
    const auto around = [&](int64_t middle) {
        constexpr int64_t kSpreads[] = {1, 3, 1500, 70000, 1 << 20, int64_t{1} << 28};
        const int64_t spread = kSpreads[random() % std::size(kSpreads)];
        return middle + static_cast<int64_t>(random() % static_cast<uint64_t>(2 * spread + 1)) -
               spread;
    };
    for (int round = 0; round < 1'000'000; ++round) {
        Line sender{.end = int64_t{1} << 29};
        sender.max_end = sender.end + static_cast<int64_t>(random() % 100000);
        sender.max_window = 1 + static_cast<int64_t>(random() % 200000);
        Line receiver{.end = int64_t{1} << 29};
        receiver.max_end = receiver.end + static_cast<int64_t>(random() % 100000);
        receiver.max_window = random() % 8 == 0 ? 0 : 1 + static_cast<int64_t>(random() % 200000);
        LineSegment segment{.sequence = around(random() % 2 == 0 ? sender.end : sender.max_end),
                            .length = static_cast<int64_t>(random() % 3 == 0 ? 0 : random() % 9000),
                            .window = static_cast<int64_t>(random() % 65536),
                            .fin = random() % 8 == 0};
        if (random() % 10 != 0) segment.ack = around(receiver.end);
        compare(sender, receiver, segment, static_cast<uint8_t>(random() % 15),
                static_cast<uint32_t>(random()), static_cast<uint32_t>(random()),
                random() % 2 == 0 ? Direction::Original : Direction::Reply);
        if (::testing::Test::HasFailure()) return;
    }
}

/// Options of a segment: none, a timestamp, a timestamp and SACK, or SACK alone.
std::vector<uint8_t> some_options(uint32_t kind, uint32_t edge) {
    std::vector<uint8_t> options;
    if (kind == 1 || kind == 2) options = {1, 1, 8, 10, 0, 0, 0, 1, 0, 0, 0, 2};
    if (kind < 2) return options;
    options.insert(options.end(), {1, 1, 5, 10, 0, 0, 0, 0});
    for (const int shift : {24, 16, 8, 0})
        options.push_back(static_cast<uint8_t>(edge >> shift));
    return options;
}

TEST(TcpWindow, the_short_way_does_what_the_long_way_does_or_nothing_at_all) {
    std::mt19937 random{20260103};
    const auto near = [&](uint32_t middle) {
        constexpr uint32_t kSteps[] = {0, 0, 0, 1, 5, 1460, 66000, 1U << 17, 1U << 31};
        const uint32_t step = kSteps[random() % std::size(kSteps)];
        return random() % 2 == 0 ? middle + step : middle - step;
    };
    int taken = 0;
    for (int round = 0; round < 500'000; ++round) {
        TcpState state;
        for (TcpWindow& window : state.window) {
            window.end = static_cast<uint32_t>(random());
            window.max_end =
                window.end + static_cast<uint32_t>(random() % 4 == 0 ? 0 : random() % 70000);
            window.max_window = 1 + static_cast<uint32_t>(random() % 200000);
        }
        for (size_t from = 0; from < 2; ++from) {
            state.window[from].max_ack = near(state.window[1 - from].end);
            state.scale[from] = static_cast<uint8_t>(random() % 15);
            state.flags[from] = static_cast<uint8_t>(random() % 64);
            if (random() % 8 != 0) state.flags[from] |= tcp_side_flag::kMaxAckSet;
            // Kept by move_windows(): whoever has acknowledged something has a window.
            const bool heard = (state.flags[from] & tcp_side_flag::kMaxAckSet) != 0;
            if (!heard && random() % 2 == 0) state.window[from].max_window = 0;
        }
        const Direction direction = random() % 2 == 0 ? Direction::Original : Direction::Reply;
        const auto from = static_cast<size_t>(direction);
        TcpSegment segment{
            .sequence = near(state.window[from].end),
            .ack = near(state.window[1 - from].end),
            .window = static_cast<uint16_t>(random() % 3 == 0 ? 0 : random()),
            .flags = tcp_flag::kAck,
            .payload_length = static_cast<uint32_t>(random() % 2 == 0 ? 0 : random() % 1461)};
        const std::vector<uint8_t> options = some_options(random() % 4, near(segment.ack));
        segment.options = options;
        state.last_sequence = random() % 2 == 0 ? segment.sequence : 0;
        state.last_ack = random() % 4 == 0 ? 0 : segment.ack;
        state.last_end = random() % 2 == 0 ? sequence_end(segment) : 0;
        state.last_window = random() % 4 == 0 ? uint16_t{1} : segment.window;
        state.last_direction = static_cast<uint8_t>(random() % 2) & 1;
        state.retransmissions = static_cast<uint8_t>(random() % 16) & 15;
        const TcpState before = state;
        TcpState long_way = state;
        if (!advance_window(state, segment, direction)) {
            ASSERT_EQ(std::memcmp(&state, &before, sizeof state), 0);
            continue;
        }
        ++taken;
        ASSERT_EQ(check_window(long_way, TcpPhase::Established, segment, direction,
                               TcpPacketIndex::Ack, false),
                  WindowVerdict::Accept);
        ASSERT_EQ(std::memcmp(&state, &long_way, sizeof state), 0);
    }
    EXPECT_GT(taken, 50'000);
}

TEST(TcpWindow, a_window_of_zero_bytes_still_lets_one_probe_through) {
    TcpState state;
    state.window[0] = {.end = 100, .max_end = 100, .max_window = 10};
    state.window[1] = {.end = 50, .max_end = 60, .max_window = 10};
    const TcpSegment shut{.sequence = 50, .ack = 100, .window = 0, .flags = tcp_flag::kAck};
    ASSERT_EQ(check_window(state, TcpPhase::Established, shut, Direction::Reply,
                           TcpPacketIndex::Ack, false),
              WindowVerdict::Accept);
    EXPECT_EQ(state.window[0].max_end, 101U);
    const TcpSegment probe{
        .sequence = 100, .ack = 50, .window = 10, .flags = tcp_flag::kAck, .payload_length = 1};
    EXPECT_EQ(check_window(state, TcpPhase::Established, probe, Direction::Original,
                           TcpPacketIndex::Ack, false),
              WindowVerdict::Accept);
}

TEST(TcpWindow, the_short_way_leaves_room_for_one_probe_too) {
    TcpState state;
    state.flags = {tcp_side_flag::kMaxAckSet, tcp_side_flag::kMaxAckSet};
    state.window[0] = {.end = 100, .max_end = 100, .max_window = 10};
    state.window[1] = {.end = 50, .max_end = 60, .max_window = 10};
    const TcpSegment shut{.sequence = 50, .ack = 100, .window = 0, .flags = tcp_flag::kAck};
    ASSERT_TRUE(advance_window(state, shut, Direction::Reply));
    EXPECT_EQ(state.window[0].max_end, 101U);
}

TEST(TcpWindow, liberal_accepts_what_fails_and_moves_nothing) {
    TcpState state;
    state.window[0] = {.end = 100, .max_end = 100, .max_window = 10};
    state.window[1] = {.end = 50, .max_end = 60, .max_window = 10};
    const TcpState before = state;
    const TcpSegment far{.sequence = 900000, .ack = 900000, .window = 7, .flags = tcp_flag::kAck};
    EXPECT_EQ(check_window(state, TcpPhase::Established, far, Direction::Original,
                           TcpPacketIndex::Ack, true),
              WindowVerdict::Accept);
    EXPECT_EQ(std::memcmp(&state, &before, sizeof state), 0);
    EXPECT_EQ(check_window(state, TcpPhase::Established, far, Direction::Original,
                           TcpPacketIndex::Ack, false),
              WindowVerdict::Invalid);
}

TEST(TcpWindow, unacknowledged_data_is_marked_until_all_of_it_is_acknowledged) {
    TcpState state;
    state.window[0] = {.end = 100, .max_end = 1100, .max_window = 1000};
    state.window[1] = {.end = 50, .max_end = 1050, .max_window = 1000};
    const auto send = [&](Direction direction, uint32_t sequence, uint32_t ack, uint32_t length) {
        const TcpSegment segment{.sequence = sequence,
                                 .ack = ack,
                                 .window = 1000,
                                 .flags = tcp_flag::kAck,
                                 .payload_length = length};
        ASSERT_EQ(check_window(state, TcpPhase::Established, segment, direction,
                               TcpPacketIndex::Ack, false),
                  WindowVerdict::Accept);
    };
    const auto marked = [&] { return (state.flags[0] & tcp_side_flag::kUnacknowledged) != 0; };
    send(Direction::Original, 100, 50, 200);
    EXPECT_TRUE(marked());
    send(Direction::Reply, 50, 200, 0);
    EXPECT_TRUE(marked());
    send(Direction::Reply, 50, 300, 0);
    EXPECT_FALSE(marked());
}

TEST(TcpWindow, what_was_once_allowed_is_not_taken_back) {
    // The short way and the long way; the acknowledgement's window ends so far from the limit.
    for (const bool short_way : {true, false}) {
        for (const int delta : {-3, -2, -1, 0, 1, 2}) {
            TcpState state;
            state.window[0] = {.end = 1000, .max_end = 1500, .max_window = 1000, .max_ack = 2000};
            state.window[1] = {.end = 2000, .max_end = 3000, .max_window = 1000, .max_ack = 1000};
            state.flags = {tcp_side_flag::kMaxAckSet, tcp_side_flag::kMaxAckSet};
            const TcpSegment segment{.sequence = 1000,
                                     .ack = 2000,
                                     .window = static_cast<uint16_t>(1000 + delta),
                                     .flags = tcp_flag::kAck};
            if (short_way) {
                EXPECT_TRUE(advance_window(state, segment, Direction::Original));
            } else {
                EXPECT_EQ(check_window(state, TcpPhase::Established, segment, Direction::Original,
                                       TcpPacketIndex::Ack, false),
                          WindowVerdict::Accept);
            }
            EXPECT_EQ(state.window[1].max_end, 3000U + static_cast<uint32_t>(std::max(delta, 0)))
                << short_way << ' ' << delta;
        }
    }
}

TEST(TcpWindow, begins_with_what_its_first_segment_says) {
    const std::vector<uint8_t> options{2, 4, 5, 180, 4, 2, 3, 3, 7};
    const TcpSegment syn{
        .sequence = 99, .window = 1000, .flags = tcp_flag::kSyn, .options = options};
    TcpState state;
    start_window(state, syn, false);
    EXPECT_EQ(state.window[0].end, 100U);
    EXPECT_EQ(state.window[0].max_end, 100U) << "nobody has allowed anything yet";
    EXPECT_EQ(state.window[0].max_window, 1000U);
    EXPECT_EQ(state.window[0].max_ack, 99U);
    EXPECT_EQ(state.scale[0], 7);
    EXPECT_EQ(state.flags[0], tcp_side_flag::kWindowScale | tcp_side_flag::kSackPermitted);
    EXPECT_EQ(state.flags[1], 0);

    const TcpSegment data{
        .sequence = 99, .ack = 50, .window = 1000, .flags = tcp_flag::kAck, .payload_length = 10};
    start_window(state, data, true);
    EXPECT_EQ(state.window[0].end, 109U);
    EXPECT_EQ(state.window[0].max_end, 1109U);
    EXPECT_EQ(state.window[0].max_window, 1000U);
    EXPECT_EQ(state.scale[0], 0);
    for (const uint8_t flags : state.flags)
        EXPECT_EQ(flags, tcp_side_flag::kSackPermitted | tcp_side_flag::kLiberal);
    const TcpSegment closed{.sequence = 99, .window = 0, .flags = tcp_flag::kAck};
    start_window(state, closed, true);
    EXPECT_EQ(state.window[0].max_window, 1U);
}

TEST(TcpWindow, an_acknowledgement_of_zero_in_a_reset_says_nothing) {
    const auto judge = [](uint8_t flags, uint32_t ack) {
        TcpState state;
        state.window[0] = {.end = 1000, .max_end = 2000, .max_window = 1000, .max_ack = 1000};
        state.window[1] = {
            .end = 5'000'000, .max_end = 5'001'000, .max_window = 1000, .max_ack = 5'000'000};
        const TcpSegment segment{.sequence = 1000, .ack = ack, .window = 1000, .flags = flags};
        return check_window(state, TcpPhase::Established, segment, Direction::Original,
                            TcpPacketIndex::Rst, false);
    };
    EXPECT_EQ(judge(tcp_flag::kRst | tcp_flag::kAck, 0), WindowVerdict::Accept);
    EXPECT_EQ(judge(tcp_flag::kRst | tcp_flag::kAck, 1), WindowVerdict::Ignore);
    EXPECT_EQ(judge(tcp_flag::kRst, 1), WindowVerdict::Accept);
    EXPECT_EQ(judge(tcp_flag::kAck, 0), WindowVerdict::Ignore);
}

TEST(TcpWindow, an_answer_to_a_keepalive_on_a_picked_up_connection_fits) {
    TcpState state;
    const TcpSegment probe{.sequence = 99, .ack = 50, .window = 1000, .flags = tcp_flag::kAck};
    start_window(state, probe, true);
    // The probe stands one below what its sender sends next, and that is what is acknowledged.
    const TcpSegment answer{.sequence = 50, .ack = 100, .window = 1000, .flags = tcp_flag::kAck};
    EXPECT_EQ(check_window(state, TcpPhase::Established, answer, Direction::Reply,
                           TcpPacketIndex::Ack, false),
              WindowVerdict::Accept);
    EXPECT_EQ(state.window[0].end, 100U);
}

// ------------------------------------------------------------------------------------------
// Sequence numbers.

TEST(TcpSequence, order_on_the_circle_is_that_of_the_shorter_way) {
    for (const uint32_t base : kBases) {
        EXPECT_FALSE(sequence_before(base, base));
        EXPECT_FALSE(sequence_after(base, base));
        for (const uint32_t distance : {1U, 2U, 65535U, 0x40000000U, 0x7fffffffU}) {
            EXPECT_TRUE(sequence_before(base, base + distance));
            EXPECT_TRUE(sequence_after(base + distance, base));
            EXPECT_FALSE(sequence_before(base + distance, base));
        }
    }
}

TEST(TcpSequence, syn_and_fin_take_one_number_each) {
    using namespace tcp_flag;
    const auto end = [](int flags) {
        return sequence_end(
            {.sequence = 0xfffffffe, .flags = static_cast<uint8_t>(flags), .payload_length = 10});
    };
    EXPECT_EQ(end(kAck), 8U);
    EXPECT_EQ(end(kSyn), 9U);
    EXPECT_EQ(end(kFin | kAck), 9U);
    EXPECT_EQ(end(kRst | kPsh | kUrg | kEce | kCwr), 8U);
}

// ------------------------------------------------------------------------------------------
// Options.

using Options = std::vector<uint8_t>;

constexpr uint8_t kScale = tcp_side_flag::kWindowScale;
constexpr uint8_t kSack = tcp_side_flag::kSackPermitted;

struct OfferCase {
    const char* name;
    Options options;
    uint8_t flags;
    uint8_t scale;
};

TEST(TcpOptions, a_syns_offer_is_read_and_nothing_that_is_malformed) {
    const std::vector<OfferCase> cases = {
        {"none", {}, 0, 0},
        {"a usual SYN", {2, 4, 5, 180, 4, 2, 8, 10, 0, 0, 0, 1, 0, 0, 0, 0, 1, 3, 3, 7}, 3, 7},
        {"scale only", {3, 3, 9, 0}, kScale, 9},
        {"scale 14", {3, 3, 14}, kScale, 14},
        {"scale 15 counts as 14", {3, 3, 15}, kScale, 14},
        {"scale 255 counts as 14", {3, 3, 255}, kScale, 14},
        {"the last scale counts", {3, 3, 2, 3, 3, 5}, kScale, 5},
        {"sack permitted only", {4, 2, 1, 1}, kSack, 0},
        {"scale of wrong length", {3, 4, 7, 7, 4, 2}, kSack, 0},
        {"sack permitted of wrong length", {4, 3, 0, 3, 3, 7}, kScale, 7},
        {"end of list", {0, 3, 3, 7}, 0, 0},
        {"end of list, before what could be a length", {0, 2, 3, 3, 7}, 0, 0},
        {"length 0", {4, 2, 9, 0, 3, 3, 7}, kSack, 0},
        {"length 1", {4, 2, 9, 1, 3, 3, 7}, kSack, 0},
        {"length beyond the end", {4, 2, 3, 3}, kSack, 0},
        {"a kind without length", {4, 2, 3}, kSack, 0},
        {"unknown options are skipped", {254, 6, 1, 2, 3, 4, 3, 3, 7}, kScale, 7},
        {"no-operations only", Options(40, 1), 0, 0},
        {"an option that fills everything", {99, 40}, 0, 0},
    };
    for (const OfferCase& test : cases) {
        SCOPED_TRACE(test.name);
        // A copy of the exact size, so that the address sanitizer guards its end.
        const Options exact(test.options.begin(), test.options.end());
        const TcpOffer offer = read_offer(exact);
        EXPECT_EQ(offer.flags, test.flags);
        EXPECT_EQ(offer.scale, test.scale);
    }
}

Options sack_option(const std::vector<std::pair<uint32_t, uint32_t>>& blocks) {
    Options option{1, 1, 5, static_cast<uint8_t>(2 + 8 * blocks.size())};
    for (const auto& [left, right] : blocks) {
        for (const uint32_t edge : {left, right}) {
            for (const int shift : {24, 16, 8, 0})
                option.push_back(static_cast<uint8_t>(edge >> shift));
        }
    }
    return option;
}

TEST(TcpOptions, the_highest_right_edge_of_the_sack_blocks_counts) {
    EXPECT_EQ(highest_sack({}, 100), 100U);
    EXPECT_EQ(highest_sack(sack_option({{200, 300}}), 100), 300U);
    EXPECT_EQ(highest_sack(sack_option({{200, 300}, {700, 900}, {400, 500}}), 100), 900U);
    EXPECT_EQ(highest_sack(sack_option({{20, 30}}), 100), 100U) << "D-SACK lies below (RFC 2883)";
    EXPECT_EQ(highest_sack(sack_option({{0xfffffff0, 5}}), 0xffffff00), 5U) << "across the wrap";
    EXPECT_EQ(highest_sack(sack_option({}), 100), 100U);
    Options odd = sack_option({{200, 300}});
    odd[3] = 9;
    EXPECT_EQ(highest_sack(odd, 100), 100U);
    Options two = sack_option({{200, 300}});
    const Options more = sack_option({{800, 900}});
    two.insert(two.end(), more.begin(), more.end());
    EXPECT_EQ(highest_sack(two, 100), 300U) << "one option per segment is believed";
}

TEST(TcpOptions, a_timestamp_alone_is_no_sack) {
    Options timestamp{1, 1, 8, 10, 0, 0, 0, 1, 0, 0, 0, 2};
    EXPECT_EQ(highest_sack(timestamp, 100), 100U);
    const Options sack = sack_option({{200, 300}});
    timestamp.insert(timestamp.end(), sack.begin(), sack.end());
    EXPECT_EQ(highest_sack(timestamp, 100), 300U);
}

TEST(TcpOptions, every_cut_and_every_random_list_is_read_within_its_bounds) {
    std::mt19937 random{99};
    const Options whole = {2, 4, 5, 180, 4, 2, 8, 10, 0, 0, 0, 1, 0, 0, 0, 0, 1, 3, 3, 7};
    for (size_t length = 0; length <= whole.size(); ++length) {
        const Options cut(whole.begin(), whole.begin() + static_cast<std::ptrdiff_t>(length));
        EXPECT_LE(read_offer(cut).scale, 14);
        EXPECT_EQ(highest_sack(cut, 7), 7U);
    }
    for (int round = 0; round < 200'000; ++round) {
        Options options(random() % 41);
        for (uint8_t& byte : options) {
            byte = static_cast<uint8_t>(random() % 2 == 0 ? random() % 11 : random());
        }
        EXPECT_LE(read_offer(options).scale, 14);
        static_cast<void>(highest_sack(options, 1000));
    }
}

TEST(TcpWindow, two_sides_of_which_nothing_was_seen_are_taken_as_they_come) {
    TcpState state;
    TcpSegment segment;
    segment.flags = tcp_flag::kAck;
    segment.sequence = 1000;
    segment.ack = 5000;
    segment.window = 700;
    EXPECT_EQ(check_window(state, TcpPhase::Established, segment, Direction::Original,
                           TcpPacketIndex::Ack, false),
              WindowVerdict::Accept);
    EXPECT_EQ(state.window[0].end, 1000U);
    EXPECT_EQ(state.window[0].max_end, 1700U);
    EXPECT_EQ(state.window[1].end, 5000U);
    EXPECT_EQ(state.window[1].max_end, 5700U) << "what the first one allowed";
}

}  // namespace
}  // namespace ravelin
