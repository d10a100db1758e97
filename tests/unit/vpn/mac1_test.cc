// SPDX-License-Identifier: BSD-3-Clause
#include "vpn/mac1.h"

#include "support/tunnel_packets.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <span>

namespace ravelin {
namespace {

using namespace testing;

// A handshake of two wireguard-go, and their public keys.
const Bytes kInitiation = from_hex(
    "01000000a5431b44b64a7068cde8c2cc79d5bda014408d6505b57f25f06904aa89a7d60cab4ef96b80c49e9c3e56"
    "c677f6ba0950767a1703d153dc86be16c2d6794e2ebdd9951080534e10ec1f7d90d5b2907ffb0c669580d715145b"
    "7510f2dc5c58d9224d775785ef5a07216c6907a660504be3e47f8d0e9edc255518ef555e9b3bf9ed000000000000"
    "00000000000000000000");

const Bytes kResponse = from_hex(
    "02000000b60d21a3a5431b4444b5eae667230472bb4098a3917fbfd1e686fa6113eae3b7bf540f3c88fb5270cf9c"
    "25c5308571f5647b082c6f5339bf7f061de21167a77884f850859677643300000000000000000000000000000000");

const Bytes kResponderKey =
    from_hex("300e588f40208f0a31ddae786bfbe1568cdc70db727d9c6e885fed57bacffd52");
const Bytes kInitiatorKey =
    from_hex("627472ddca34b40fa71f40df5157c6bd0582e7724b219830ae30bb22553d1279");

Mac1Key key_of(const Bytes& public_key) {
    return Mac1Key::of(std::span<const uint8_t, Mac1Key::kPublicKey>{public_key});
}

TEST(Mac1, a_real_handshake_is_valid_for_its_receivers_key) {
    EXPECT_TRUE(mac1_valid(key_of(kResponderKey), kInitiation));
    EXPECT_TRUE(mac1_valid(key_of(kInitiatorKey), kResponse));
}

TEST(Mac1, and_for_no_other) {
    EXPECT_FALSE(mac1_valid(key_of(kInitiatorKey), kInitiation));
    EXPECT_FALSE(mac1_valid(key_of(kResponderKey), kResponse));
    EXPECT_FALSE(mac1_valid(Mac1Key{}, kInitiation));
    EXPECT_EQ(key_of(kResponderKey), key_of(kResponderKey));
    EXPECT_FALSE(key_of(kResponderKey) == key_of(kInitiatorKey));
}

TEST(Mac1, any_bit_of_what_it_covers_counts_and_of_mac2_none) {
    const Mac1Key key = key_of(kResponderKey);
    for (size_t bit = 0; bit < kInitiation.size() * 8; ++bit) {
        Bytes changed = kInitiation;
        changed[bit / 8] = static_cast<uint8_t>(changed[bit / 8] ^ 1U << bit % 8);
        EXPECT_EQ(mac1_valid(key, changed), bit / 8 >= 132) << bit;
    }
}

TEST(Mac1, other_sizes_and_types_are_never_valid) {
    const Mac1Key key = key_of(kResponderKey);
    for (size_t size = 0; size <= kInitiation.size() + 4; ++size) {
        Bytes cut = kInitiation;
        cut.resize(size);
        EXPECT_EQ(mac1_valid(key, cut), size == kInitiation.size()) << size;
    }
    EXPECT_FALSE(mac1_valid(key, wg::data(1, 1)));
    EXPECT_FALSE(mac1_valid(key, wg::cookie(1)));
}

TEST(Mac1, agrees_with_another_implementation_of_blake2s) {
    // Python's hashlib: blake2s(message, key=blake2s(b"mac1----" + key).digest(), digest_size=16)
    // for the key 00 01 .. 1f and the message 01 00 00 00, then 00 01 .. 6f.
    Bytes key(32);
    Bytes message = {1, 0, 0, 0};
    for (uint8_t i = 0; i < 112; ++i) {
        if (i < 32) key[i] = i;
        message.push_back(i);
    }
    append(message, from_hex("ae9759ae233c1f5ad92f8861780fd00e"));
    message.resize(148);
    EXPECT_TRUE(mac1_valid(key_of(key), message));
}

}  // namespace
}  // namespace ravelin
