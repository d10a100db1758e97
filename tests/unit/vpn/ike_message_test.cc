// SPDX-License-Identifier: BSD-3-Clause
#include "vpn/ike_message.h"

#include "support/tunnel_packets.h"
#include "vpn/esp_packet.h"

#include <gtest/gtest.h>

namespace ravelin {
namespace {

using namespace testing;

/// The answer of strongSwan 5.9.8 to IKE_SA_INIT, its header and the first bytes of its payloads.
Bytes real_answer() {
    Bytes out = from_hex(
        "d4fc6ad5e14ccd2e da0537cdd93c81f2 21 20 22 20 00000000 000000f8"
        "22000030 0000002c 01010004");
    out.resize(248);
    return out;
}

TEST(IkeMessage, reads_the_header) {
    const Bytes bytes = real_answer();
    const auto message = IkeMessage::read(bytes);
    ASSERT_TRUE(message);
    EXPECT_EQ(message->initiator_spi, 0xd4fc6ad5e14ccd2eU);
    EXPECT_EQ(message->responder_spi, 0xda0537cdd93c81f2U);
    EXPECT_TRUE(message->version2);
    EXPECT_EQ(message->exchange, IkeExchange::SaInit);
    EXPECT_TRUE(message->response);
    EXPECT_FALSE(message->from_initiator);
    EXPECT_EQ(message->message_id, 0U);
    EXPECT_EQ(message->next_payload, 33);
    EXPECT_EQ(message->payloads.size(), 220U);
    EXPECT_TRUE(message->agrees());
    EXPECT_FALSE(message->asks_for_cookie());
}

TEST(IkeMessage, the_length_is_exact) {
    const Bytes whole = ike::bare(ike::sa_init(1));
    for (size_t size = 0; size <= whole.size() + 8; ++size) {
        Bytes bytes = whole;
        bytes.resize(size);
        EXPECT_EQ(IkeMessage::read(bytes).has_value(), size == whole.size()) << size;
    }
}

TEST(IkeMessage, the_initiator_has_an_spi) {
    EXPECT_FALSE(IkeMessage::read(ike::bare(ike::sa_init(0))));
}

TEST(IkeMessage, versions_have_exchanges_and_flags_of_their_own) {
    for (unsigned version = 0; version < 256; ++version) {
        for (unsigned exchange = 0; exchange < 256; ++exchange) {
            const bool second = version == 0x20 && ((exchange >= 34 && exchange <= 38) ||
                                                    exchange == 43 || exchange == 44);
            const bool first =
                version == 0x10 && (exchange == 2 || exchange == 4 || exchange == 5 ||
                                    exchange == 6 || exchange == 32);
            const Bytes bytes = ike::bare({.exchange = static_cast<uint8_t>(exchange),
                                           .version = static_cast<uint8_t>(version)});
            EXPECT_EQ(IkeMessage::read(bytes).has_value(), first || second)
                << version << ' ' << exchange;
        }
    }
    for (unsigned flags = 0; flags < 256; ++flags) {
        const auto bits = static_cast<uint8_t>(flags);
        EXPECT_EQ(IkeMessage::read(ike::bare({.flags = bits})).has_value(), (flags & ~0x38U) == 0);
        EXPECT_EQ(IkeMessage::read(ike::bare({.exchange = 2, .flags = bits, .version = 0x10}))
                      .has_value(),
                  (flags & ~0x07U) == 0);
    }
}

TEST(IkeMessage, finds_the_request_for_a_cookie_behind_other_payloads) {
    ike::Message answer = ike::sa_init_answer(1, 0);
    answer.next = 43;  // vendor id
    answer.payloads = ike::payload(41, Bytes(16, 1));
    append(answer.payloads, ike::notify(16390));
    const Bytes bytes = ike::bare(answer);
    EXPECT_TRUE(IkeMessage::read(bytes)->asks_for_cookie());
    EXPECT_FALSE(IkeMessage::read(bytes)->agrees());
}

TEST(IkeMessage, other_notifications_are_no_cookie_and_no_agreement) {
    for (const uint16_t type : std::array<uint16_t, 4>{14, 17, 16388, 16407}) {
        ike::Message answer = ike::sa_init_answer(1, 2);
        answer.next = 41;
        answer.payloads = ike::notify(type);
        const Bytes bytes = ike::bare(answer);
        EXPECT_FALSE(IkeMessage::read(bytes)->asks_for_cookie()) << type;
        EXPECT_FALSE(IkeMessage::read(bytes)->agrees()) << type;
    }
}

TEST(IkeMessage, payloads_with_a_wrong_length_end_the_search) {
    for (const uint8_t length : std::array<uint8_t, 4>{0, 3, 13, 255}) {
        ike::Message answer = ike::sa_init_answer(1, 2);
        answer.next = 43;
        answer.payloads = {41, 0, 0, length, 0, 0, 0, 8, 0, 0, 0x40, 0x06};
        const Bytes bytes = ike::bare(answer);
        EXPECT_FALSE(IkeMessage::read(bytes)->asks_for_cookie()) << int{length};
    }
    ike::Message empty = ike::sa_init_answer(1, 2);
    empty.payloads = {};
    const Bytes bytes = ike::bare(empty);
    EXPECT_FALSE(IkeMessage::read(bytes)->agrees());
}

TEST(EspPacket, reads_spi_and_sequence) {
    const auto packet = EspPacket::read(esp(0x62da69a7, 5));
    ASSERT_TRUE(packet);
    EXPECT_EQ(packet->spi, 0x62da69a7U);
    EXPECT_EQ(packet->sequence, 5U);
    EXPECT_FALSE(EspPacket::read(esp(255, 1)));
    EXPECT_TRUE(EspPacket::read(esp(256, 1)));
    for (size_t size = 0; size <= 64; ++size)
        EXPECT_EQ(EspPacket::read(esp(256, 1, size)).has_value(), size >= 24 && size % 4 == 0);
}

}  // namespace
}  // namespace ravelin
