// SPDX-License-Identifier: BSD-3-Clause
#include "vpn/wireguard_message.h"

#include "support/tunnel_packets.h"

#include <gtest/gtest.h>

namespace ravelin {
namespace {

using namespace testing;

TEST(WireGuardMessage, reads_what_each_type_shows) {
    const auto initiation = WireGuardMessage::read(wg::initiation(0x48b6828e));
    ASSERT_TRUE(initiation);
    EXPECT_EQ(initiation->type, WireGuardType::Initiation);
    EXPECT_EQ(initiation->sender, 0x48b6828eU);

    const auto response = WireGuardMessage::read(wg::response(0x5b628096, 0x48b6828e));
    ASSERT_TRUE(response);
    EXPECT_EQ(response->type, WireGuardType::Response);
    EXPECT_EQ(response->sender, 0x5b628096U);
    EXPECT_EQ(response->receiver, 0x48b6828eU);

    const auto cookie = WireGuardMessage::read(wg::cookie(7));
    ASSERT_TRUE(cookie);
    EXPECT_EQ(cookie->type, WireGuardType::CookieReply);
    EXPECT_EQ(cookie->receiver, 7U);

    const auto data = WireGuardMessage::read(wg::data(9, 0x1122334455));
    ASSERT_TRUE(data);
    EXPECT_EQ(data->type, WireGuardType::Data);
    EXPECT_EQ(data->receiver, 9U);
    EXPECT_EQ(data->counter, 0x1122334455U);
}

TEST(WireGuardMessage, handshake_packets_have_one_size) {
    for (const Bytes& whole : {wg::initiation(1), wg::response(1, 2), wg::cookie(1)}) {
        for (size_t size = 0; size <= 200; ++size) {
            Bytes bytes = whole;
            bytes.resize(size);
            EXPECT_EQ(WireGuardMessage::read(bytes).has_value(), size == whole.size()) << size;
        }
    }
}

TEST(WireGuardMessage, data_is_a_keepalive_or_longer) {
    for (size_t size = 0; size <= 200; ++size) {
        Bytes bytes = wg::data(1, 2, 200);
        bytes.resize(size);
        EXPECT_EQ(WireGuardMessage::read(bytes).has_value(), size >= 32) << size;
    }
}

TEST(WireGuardMessage, nothing_else_is_one) {
    for (unsigned type = 0; type < 256; ++type) {
        Bytes bytes = wg::data(1, 2);
        bytes[0] = static_cast<uint8_t>(type);
        EXPECT_EQ(WireGuardMessage::read(bytes).has_value(), type == 4) << type;
    }
    for (size_t reserved = 1; reserved < 4; ++reserved) {
        Bytes bytes = wg::initiation(1);
        bytes[reserved] = 1;
        EXPECT_FALSE(WireGuardMessage::read(bytes)) << reserved;
    }
}

}  // namespace
}  // namespace ravelin
