// SPDX-License-Identifier: BSD-3-Clause
#include "load/generator.h"

#include "support/bytes.h"

#include <gtest/gtest.h>

#include <deque>
#include <functional>
#include <utility>

namespace ravelin::load {
namespace {

using testing::Bytes;

/// A device between the generator's two ports, which may do anything to a frame.
class Wire final : public Sender {
  public:
    /// Returns whether the frame goes on.
    using Device = std::function<bool(Side from, Bytes& frame)>;

    void send(Side from, std::span<const uint8_t> frame) override {
        Bytes bytes{frame.begin(), frame.end()};
        if (!device || device(from, bytes)) frames.emplace_back(from, std::move(bytes));
    }
    /// Lets everything arrive, with what that causes.
    void carry(Generator& generator) {
        while (!frames.empty()) {
            const auto [from, bytes] = std::move(frames.front());
            frames.pop_front();
            generator.arrived(from, bytes, ++now);
        }
    }

    Device device;
    std::deque<std::pair<Side, Bytes>> frames;
    uint64_t now = 0;
};

void open_all(Generator& generator, Wire& wire) {
    for (int i = 0; i < 1000; ++i) {
        generator.speak(Generator::Plan::Open, 64, wire.now);
        wire.carry(generator);
    }
}

uint64_t faults(const Generator& generator) {
    uint64_t sum = 0;
    for (const Side side : {Side::Outside, Side::Inside}) {
        const Counts& counts = generator.counts(side);
        sum += counts.lost + counts.damaged + counts.unknown + counts.foreign;
    }
    return sum;
}

TEST(Generator, EverythingArrivesOnAPerfectWire) {
    for (const Order order : {Order::RoundRobin, Order::Uniform, Order::Zipf}) {
        Wire wire;
        Generator generator{{.connections = 500,
                             .order = order,
                             .protocols = Protocols::Both,
                             .families = Families::Both,
                             .icmp_errors = 0.1,
                             .fragments = 0.1},
                            wire};
        open_all(generator, wire);
        EXPECT_EQ(generator.connections().open(), 500U);
        for (int i = 0; i < 1000; ++i) {
            EXPECT_EQ(generator.speak(Generator::Plan::Speak, 32, wire.now), 32U);
            generator.speak(Generator::Plan::Renew, 1, wire.now);
            wire.carry(generator);
        }
        EXPECT_GT(generator.connections().opened(), 700U);
        for (int i = 0; i < 100; ++i) {
            generator.speak(Generator::Plan::Close, 64, wire.now);
            wire.carry(generator);
        }
        EXPECT_EQ(generator.connections().open(), 250U) << "UDP stays";
        EXPECT_EQ(generator.in_flight(), 0U);
        EXPECT_EQ(faults(generator), 0U);
        for (const Side side : {Side::Outside, Side::Inside}) {
            EXPECT_EQ(generator.counts(side).sent, generator.counts(side).arrived);
            EXPECT_EQ(generator.latency(side).count(), generator.counts(side).arrived);
        }
    }
}

TEST(Generator, SharesAreKept) {
    Wire wire;
    Generator generator{{.connections = 10, .icmp_errors = 0.25, .fragments = 0.5}, wire};
    open_all(generator, wire);
    const uint64_t before = generator.counts(Side::Outside).sent;
    uint32_t errors = 0;
    wire.device = [&](Side from, const Bytes& frame) {
        errors += from == Side::Inside && frame.at(23) == 1 ? 1 : 0;
        return true;
    };
    for (int i = 0; i < 100; ++i) {
        generator.speak(Generator::Plan::Speak, 8, wire.now);
        wire.carry(generator);
    }
    EXPECT_EQ(generator.counts(Side::Outside).sent - before, 800U * 3 / 2);
    EXPECT_EQ(errors, 100U) << "a quarter of the answers to 400 whole datagrams";
}

TEST(Generator, ShortLivesOpenDataAndClose) {
    Wire wire;
    Generator generator{{.connections = 10, .protocols = Protocols::Tcp}, wire};
    for (int i = 0; i < 30; ++i) {
        generator.speak(Generator::Plan::Hurry, 64, wire.now);
        wire.carry(generator);
    }
    // Each life is three frames outside to inside for the handshake and its data, and two for the
    // close, with which the next one begins.
    EXPECT_EQ(generator.connections().opened(), 10U + 10U * 14);
    EXPECT_EQ(generator.connections().open(), 10U);
    EXPECT_EQ(faults(generator), 0U);
}

TEST(Generator, WindowHolds) {
    Wire wire;
    Generator generator{{.connections = 100, .window = 10}, wire};
    EXPECT_EQ(generator.speak(Generator::Plan::Open, 64, 0), 10U);
    EXPECT_EQ(generator.speak(Generator::Plan::Open, 64, 0), 0U);
    EXPECT_EQ(generator.room(), 0U);
    wire.carry(generator);
    EXPECT_EQ(generator.room(), 10U);
}

TEST(Generator, LossIsCountedAndHandshakesBeginAnew) {
    Wire wire;
    uint32_t turn = 0;
    wire.device = [&](Side, const Bytes&) { return ++turn % 7 != 0; };
    Generator generator{{.connections = 100, .protocols = Protocols::Both}, wire};
    for (int i = 0; i < 1000; ++i) {
        generator.speak(Generator::Plan::Open, 64, wire.now);
        wire.carry(generator);
        generator.expire(++wire.now);
    }
    EXPECT_EQ(generator.connections().open(), 100U);
    EXPECT_EQ(generator.in_flight(), 0U);
    for (const Side side : {Side::Outside, Side::Inside}) {
        const Counts& counts = generator.counts(side);
        EXPECT_GT(counts.lost, 0U);
        EXPECT_EQ(counts.sent, counts.arrived + counts.lost);
    }
}

TEST(Generator, DamageIsFoundAndDescribed) {
    Wire wire;
    Generator generator{{.connections = 1}, wire};
    wire.device = [](Side from, Bytes& frame) {
        if (from == Side::Outside) frame[50] ^= 0x80;
        return true;
    };
    generator.speak(Generator::Plan::Open, 1, 0);
    wire.carry(generator);
    EXPECT_EQ(generator.counts(Side::Outside).damaged, 1U);
    EXPECT_EQ(generator.counts(Side::Inside).sent, 0U);
    EXPECT_NE(generator.first_damage().find("connection 0, byte 50 of 60"), std::string::npos)
        << generator.first_damage();
}

TEST(Generator, FramesThatComeTwiceAreCounted) {
    Wire wire;
    Generator generator{{.connections = 1}, wire};
    generator.speak(Generator::Plan::Open, 1, 0);
    wire.frames.push_back(wire.frames.front());
    wire.carry(generator);
    EXPECT_EQ(generator.counts(Side::Outside).arrived, 1U);
    EXPECT_EQ(generator.counts(Side::Outside).unknown, 1U);
}

TEST(Generator, ExchangedEthernetAddressesAreDamageUnlessIgnored) {
    for (const bool ignore : {false, true}) {
        Wire wire;
        Generator generator{{.connections = 1, .ignore_mac = ignore}, wire};
        wire.device = [](Side, Bytes& frame) {
            std::swap_ranges(frame.begin(), frame.begin() + 6, frame.begin() + 6);
            return true;
        };
        generator.speak(Generator::Plan::Open, 1, 0);
        wire.carry(generator);
        EXPECT_EQ(faults(generator), ignore ? 0U : 1U);
        EXPECT_EQ(generator.first_damage().find("--ignore-mac") != std::string::npos, !ignore);
    }
}

}  // namespace
}  // namespace ravelin::load
