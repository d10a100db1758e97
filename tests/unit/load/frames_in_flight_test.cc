// SPDX-License-Identifier: BSD-3-Clause
#include "load/frames_in_flight.h"

#include "load/frame_writer.h"
#include "support/bytes.h"

#include <gtest/gtest.h>

#include <vector>

namespace ravelin::load {
namespace {

using Arrival = FramesInFlight::Arrival;
using testing::Bytes;

struct Bench {
    FrameWriter writer{60, 5001};
    FramesInFlight flight;

    explicit Bench(uint32_t most = 16, bool ignore_mac = false)
        : flight{most, writer.longest(false), ignore_mac} {}

    Bytes send(uint32_t connection, uint64_t now = 0) {
        const Message message{.connection = connection, .flow = {.tuple = connection}};
        const uint32_t number = flight.reserve();
        const uint32_t length = writer.write(Side::Outside, message, number, flight.bytes(number));
        flight.sent(number, length, message, now);
        return {flight.bytes(number), flight.bytes(number) + length};
    }
    Arrival receive(const Bytes& frame) {
        record = nullptr;
        return flight.arrived(frame, record);
    }
    const FramesInFlight::Record* record = nullptr;
};

TEST(FramesInFlight, AnyOrder) {
    Bench bench;
    const Bytes one = bench.send(1, 100);
    const Bytes two = bench.send(2, 200);
    EXPECT_EQ(bench.flight.count(), 2U);
    EXPECT_EQ(bench.receive(two), Arrival::Expected);
    EXPECT_EQ(bench.record->message.connection, 2U);
    EXPECT_EQ(bench.record->sent, 200U);
    EXPECT_EQ(bench.receive(one), Arrival::Expected);
    EXPECT_EQ(bench.record->message.connection, 1U);
    EXPECT_EQ(bench.flight.count(), 0U);
}

TEST(FramesInFlight, EveryByteCounts) {
    for (size_t at = 0; at < 60; ++at) {
        Bench bench;
        Bytes frame = bench.send(1);
        frame[at] ^= 1;
        // Addresses, type and number are what a frame is known by; all else is damage.
        EXPECT_NE(bench.receive(frame), Arrival::Expected) << at;
    }
    Bench bench;
    Bytes shorter = bench.send(1);
    shorter.pop_back();
    EXPECT_EQ(bench.receive(shorter), Arrival::Damaged);
    Bytes longer = bench.send(2);
    longer.push_back(0);
    EXPECT_EQ(bench.receive(longer), Arrival::Damaged);
}

TEST(FramesInFlight, EthernetAddressesMayBeExchanged) {
    Bench strict;
    Bench lenient{16, true};
    for (Bench* bench : {&strict, &lenient}) {
        Bytes frame = bench->send(1);
        std::swap_ranges(frame.begin(), frame.begin() + 6, frame.begin() + 6);
        EXPECT_EQ(bench->receive(frame), bench == &strict ? Arrival::Damaged : Arrival::Expected);
    }
}

TEST(FramesInFlight, TwiceAndLateAreUnknown) {
    Bench bench;
    const Bytes frame = bench.send(1, 100);
    EXPECT_EQ(bench.receive(frame), Arrival::Expected);
    EXPECT_EQ(bench.receive(frame), Arrival::Unknown);

    const Bytes late = bench.send(2, 100);
    std::vector<uint32_t> lost;
    const auto note = [&](const Message& message) { lost.push_back(message.connection); };
    bench.flight.expire(100, note);
    EXPECT_TRUE(lost.empty());
    bench.flight.expire(101, note);
    EXPECT_EQ(lost, std::vector<uint32_t>{2});
    EXPECT_EQ(bench.receive(late), Arrival::Unknown);
    // Another frame has the place by now.
    for (uint32_t i = 0; i < 31; ++i)
        EXPECT_EQ(bench.receive(bench.send(i)), Arrival::Expected);
    bench.send(99);
    EXPECT_EQ(bench.receive(late), Arrival::Unknown);
}

TEST(FramesInFlight, PlacesThatAreTakenAreLeftOut) {
    Bench bench{8};
    const Bytes stuck = bench.send(1);
    for (uint32_t i = 0; i < 200'000; ++i)
        ASSERT_EQ(bench.receive(bench.send(i)), Arrival::Expected);
    const uint32_t pair = bench.flight.reserve(2);
    EXPECT_EQ(bench.flight.reserve(), pair + 2);
    EXPECT_EQ(bench.receive(stuck), Arrival::Expected);
}

TEST(FramesInFlight, OthersFramesAreForeign) {
    Bench bench;
    EXPECT_EQ(bench.receive(Bytes(60)), Arrival::Foreign);
    EXPECT_EQ(bench.receive({}), Arrival::Foreign);
}

}  // namespace
}  // namespace ravelin::load
