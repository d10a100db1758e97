// SPDX-License-Identifier: BSD-3-Clause
#include "load/connection_set.h"

#include <gtest/gtest.h>

#include <vector>

namespace ravelin::load {
namespace {

constexpr uint32_t kData = 6;

ConnectionSet make(uint32_t count, Protocols protocols, Families families = Families::Ipv4) {
    return ConnectionSet{count, protocols, families, kData, kData};
}

/// Lets a client's message and whatever it causes arrive; all that was said, in order.
std::vector<Message> talk(ConnectionSet& set, std::optional<Message> message) {
    std::vector<Message> said;
    for (Side at = Side::Inside; message; at = other(at)) {
        said.push_back(*message);
        message = set.arrived(at, *message);
    }
    return said;
}

std::vector<Kind> kinds(const std::vector<Message>& said) {
    std::vector<Kind> kinds;
    for (const Message& message : said)
        kinds.push_back(message.kind);
    return kinds;
}

TEST(ConnectionSet, UdpOpensWithItsFirstAnswer) {
    ConnectionSet set = make(1, Protocols::Udp);
    const auto first = set.next(0);
    ASSERT_TRUE(first);
    EXPECT_TRUE(first->opens);
    EXPECT_FALSE(set.next(0)) << "nothing more before the first answer";
    EXPECT_EQ(kinds(talk(set, first)), (std::vector{Kind::UdpData, Kind::UdpData}));
    EXPECT_TRUE(set.is_open(0));
    EXPECT_EQ(set.open(), 1U);
    EXPECT_FALSE(set.next(0)->opens);
    EXPECT_TRUE(set.next(0)) << "many may be on their way";
}

TEST(ConnectionSet, UdpIsRenewedWithATupleThatNobodyHas) {
    ConnectionSet set = make(3, Protocols::Udp);
    for (uint32_t i = 0; i < 3; ++i)
        talk(set, set.next(i));
    const auto fresh = set.renew(1);
    ASSERT_TRUE(fresh);
    EXPECT_EQ(fresh->flow.tuple, 4U);
    EXPECT_TRUE(fresh->opens);
    EXPECT_EQ(set.open(), 2U);
    talk(set, fresh);
    EXPECT_EQ(set.open(), 3U);
    EXPECT_EQ(set.opened(), 4U);
}

TEST(ConnectionSet, TcpShakesHandsTalksAndCloses) {
    ConnectionSet set = make(1, Protocols::Tcp);
    const auto handshake = talk(set, set.next(0));
    ASSERT_EQ(kinds(handshake), (std::vector{Kind::TcpSyn, Kind::TcpSynAck, Kind::TcpAck}));
    const uint32_t client = handshake[0].sequence;
    const uint32_t server = handshake[1].sequence;
    EXPECT_EQ(handshake[1].ack, client + 1);
    EXPECT_EQ(handshake[2].sequence, client + 1);
    EXPECT_EQ(handshake[2].ack, server + 1);

    const auto data = talk(set, set.hurry(0));
    ASSERT_EQ(kinds(data), (std::vector{Kind::TcpData, Kind::TcpData}));
    EXPECT_EQ(data[0].sequence, client + 1);
    EXPECT_EQ(data[1].sequence, server + 1);
    EXPECT_EQ(data[1].ack, client + 1 + kData);

    const auto close = talk(set, set.hurry(0));
    ASSERT_EQ(kinds(close), (std::vector{Kind::TcpFin, Kind::TcpFinAck, Kind::TcpAck}));
    EXPECT_EQ(close[0].sequence, client + 1 + kData);
    EXPECT_EQ(close[0].ack, server + 1 + kData);
    EXPECT_EQ(close[1].sequence, server + 1 + kData);
    EXPECT_EQ(close[2].sequence, client + 2 + kData);
    EXPECT_EQ(close[2].ack, server + 2 + kData);
    EXPECT_EQ(close[2].flow.tuple, 0U) << "the last segment belongs to the old connection";
    EXPECT_EQ(set.open(), 0U);

    EXPECT_EQ(set.next(0)->flow.tuple, 1U);
    EXPECT_EQ(set.next(0), std::nullopt);
}

TEST(ConnectionSet, RenewalOfTcpBeginsWithItsClose) {
    ConnectionSet set = make(1, Protocols::Tcp);
    EXPECT_EQ(set.renew(0)->kind, Kind::TcpSyn) << "not open yet";
    set.lost(*make(1, Protocols::Tcp).next(0));
    talk(set, set.next(0));
    EXPECT_EQ(kinds(talk(set, set.renew(0))),
              (std::vector{Kind::TcpFin, Kind::TcpFinAck, Kind::TcpAck}));
}

TEST(ConnectionSet, ClientAcknowledgesOnlyWhatHasReachedIt) {
    ConnectionSet set = make(1, Protocols::Tcp);
    talk(set, set.next(0));
    const auto first = set.next(0);
    const auto reply = set.arrived(Side::Inside, *first);
    const auto second = set.next(0);
    EXPECT_EQ(second->ack, first->ack);
    EXPECT_EQ(second->sequence, first->sequence + kData);
    set.arrived(Side::Outside, *reply);
    EXPECT_EQ(set.next(0)->ack, first->ack + kData);
}

TEST(ConnectionSet, LostHandshakeBeginsAnew) {
    for (const Protocols protocols : {Protocols::Udp, Protocols::Tcp}) {
        ConnectionSet set = make(1, protocols);
        const auto first = set.next(0);
        set.lost(*first);
        const auto again = set.next(0);
        ASSERT_TRUE(again);
        EXPECT_EQ(again->sequence, first->sequence);
        EXPECT_EQ(again->flow.tuple, first->flow.tuple);
        const auto answer = set.arrived(Side::Inside, *again);
        set.lost(*answer);
        talk(set, set.next(0));
        EXPECT_TRUE(set.is_open(0));
        EXPECT_EQ(set.opened(), 1U);
    }
}

TEST(ConnectionSet, LostFinEndsTheConnection) {
    ConnectionSet set = make(1, Protocols::Tcp);
    talk(set, set.next(0));
    const auto fin = set.close(0);
    ASSERT_TRUE(fin);
    EXPECT_FALSE(set.close(0));
    set.lost(*fin);
    EXPECT_EQ(set.open(), 0U);
    EXPECT_EQ(set.next(0)->flow.tuple, 1U);
}

TEST(ConnectionSet, LossesOfAPredecessorDontMatter) {
    ConnectionSet set = make(1, Protocols::Udp);
    const auto old = set.next(0);
    talk(set, old);
    const auto fresh = set.renew(0);
    set.lost(*old);
    EXPECT_FALSE(set.next(0)) << "the successor is still being opened";
    talk(set, fresh);
    EXPECT_TRUE(set.is_open(0));
}

TEST(ConnectionSet, OneAnswerToAFragmentedDatagram) {
    ConnectionSet set = make(1, Protocols::Udp);
    talk(set, set.next(0));
    Message fragment = *set.next(0);
    fragment.kind = Kind::FirstFragment;
    EXPECT_FALSE(set.arrived(Side::Inside, fragment));
    fragment.kind = Kind::LastFragment;
    const auto answer = set.arrived(Side::Inside, fragment);
    ASSERT_TRUE(answer);
    EXPECT_EQ(answer->kind, Kind::UdpData);
}

TEST(ConnectionSet, MixHasAllCombinations) {
    const ConnectionSet set = make(4, Protocols::Both, Families::Both);
    std::vector<std::pair<bool, bool>> seen;
    for (uint32_t i = 0; i < 4; ++i)
        seen.emplace_back(set.flow(i).tcp, set.flow(i).ipv6);
    EXPECT_EQ(seen, (std::vector<std::pair<bool, bool>>{
                        {false, false}, {true, false}, {false, true}, {true, true}}));
}

}  // namespace
}  // namespace ravelin::load
