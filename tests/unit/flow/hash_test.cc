// SPDX-License-Identifier: BSD-3-Clause
#include "flow/hash.h"

#include <gtest/gtest.h>
#include <rte_thash.h>

#include <array>
#include <bit>
#include <cmath>
#include <random>
#include <span>
#include <vector>

namespace ravelin {
namespace {

std::array<uint8_t, 16> random_address(std::mt19937& random) {
    std::array<uint8_t, 16> address{};
    for (uint8_t& byte : address)
        byte = static_cast<uint8_t>(random());
    return address;
}

/// Two addresses as they stand in a packet; the first four bytes of each.
uint64_t ipv4_pair(std::span<const uint8_t> source, std::span<const uint8_t> destination) {
    uint64_t both = 0;
    std::memcpy(&both, source.data(), 4);
    std::memcpy(reinterpret_cast<uint8_t*>(&both) + 4, destination.data(), 4);
    return both;
}

/// `ports`: none, or four bytes as they stand in the packet.
uint32_t toeplitz_of_a_card(const uint8_t* source, const uint8_t* destination, size_t length,
                            std::span<const uint8_t> ports = {}) {
    std::array<uint8_t, 36> input{};
    std::memcpy(input.data(), source, length);
    std::memcpy(input.data() + length, destination, length);
    std::copy(ports.begin(), ports.end(), input.begin() + static_cast<ptrdiff_t>(2 * length));
    const size_t count = (2 * length + ports.size()) / 4;
    std::array<uint32_t, 9> words{};
    for (size_t i = 0; i < count; ++i) {
        std::memcpy(&words[i], &input[i * 4], 4);
        words[i] = __builtin_bswap32(words[i]);
    }
    const auto key = SteeringHash::card_key();
    return rte_softrss(words.data(), static_cast<uint32_t>(count), key.data());
}

TEST(SteeringHash, equals_the_toeplitz_hash_of_a_card_with_our_key) {
    const SteeringHash hash;
    std::mt19937 random{1};
    for (int i = 0; i < 10'000; ++i) {
        const auto source = random_address(random);
        const auto destination = random_address(random);
        EXPECT_EQ(hash.ipv4(ipv4_pair(source, destination)),
                  toeplitz_of_a_card(source.data(), destination.data(), 4));
        EXPECT_EQ(hash.ipv6(source.data(), destination.data()),
                  toeplitz_of_a_card(source.data(), destination.data(), 16));
        const auto ports = std::span{source}.last<4>();
        uint32_t both = 0;
        std::memcpy(&both, ports.data(), sizeof both);
        EXPECT_EQ(hash.ipv4(ipv4_pair(source, destination), both),
                  toeplitz_of_a_card(source.data(), destination.data(), 4, ports));
        EXPECT_EQ(hash.ipv6(source.data(), destination.data(), both),
                  toeplitz_of_a_card(source.data(), destination.data(), 16, ports));
    }
}

TEST(SteeringHash, is_the_same_in_both_directions) {
    const SteeringHash hash;
    std::mt19937 random{2};
    for (int i = 0; i < 10'000; ++i) {
        const auto one = random_address(random);
        const auto other = random_address(random);
        EXPECT_EQ(hash.ipv4(ipv4_pair(one, other)), hash.ipv4(ipv4_pair(other, one)));
        EXPECT_EQ(hash.ipv6(one.data(), other.data()), hash.ipv6(other.data(), one.data()));
    }
}

TEST(SteeringHash, spreads_the_clients_of_one_server_evenly) {
    const SteeringHash hash;
    const std::array<uint8_t, 4> server{192, 0, 2, 20};
    for (const uint32_t workers : {2U, 3U, 4U}) {
        const Indirection indirection{workers};
        std::vector<uint32_t> load(workers);
        for (uint32_t client = 0; client < 65'536; ++client) {
            const std::array<uint8_t, 4> address{10, 8, static_cast<uint8_t>(client >> 8),
                                                 static_cast<uint8_t>(client)};
            ++load[indirection.owner(hash.ipv4(ipv4_pair(address, server)))];
        }
        for (const uint32_t share : load)
            EXPECT_NEAR(share, 65'536.0 / workers, 65'536.0 / workers * 0.06);
    }
}

TEST(Indirection, a_larger_card_table_that_repeats_ours_names_the_same_owner) {
    const Indirection indirection{3, 128};
    for (uint32_t hash = 0; hash < 4'096; ++hash) {
        EXPECT_EQ(indirection.owner(hash), indirection.owner(hash % 512 % 128));
        EXPECT_LT(indirection.owner(hash), 3);
    }
}

TEST(KeyedHash, two_secrets_give_unrelated_hashes) {
    const KeyedHash one{HashSecret{1}};
    const KeyedHash other{HashSecret{2}};
    FlowKey key;
    int differing_bits = 0;
    for (uint16_t port = 0; port < 1'000; ++port) {
        key.low_port = port;
        differing_bits += std::popcount(hash_key(one, key) ^ hash_key(other, key));
    }
    EXPECT_NEAR(differing_bits / 1'000.0, 16.0, 0.5);
}

TEST(KeyedHash, every_bit_of_the_key_changes_half_of_the_hash) {
    const KeyedHash hash{HashSecret{3, 1, 4, 1, 5}};
    std::mt19937 random{3};
    constexpr int kRounds = 400;
    for (size_t bit = 0; bit < 8 * sizeof(FlowKey); ++bit) {
        int differing = 0;
        for (int round = 0; round < kRounds; ++round) {
            std::array<uint8_t, sizeof(FlowKey)> bytes{};
            for (uint8_t& byte : bytes)
                byte = static_cast<uint8_t>(random());
            FlowKey key;
            std::memcpy(static_cast<void*>(&key), bytes.data(), sizeof key);
            const uint32_t before = hash_key(hash, key);
            bytes[bit / 8] = static_cast<uint8_t>(bytes[bit / 8] ^ (1U << bit % 8));
            std::memcpy(static_cast<void*>(&key), bytes.data(), sizeof key);
            differing += std::popcount(before ^ hash_key(hash, key));
        }
        EXPECT_NEAR(static_cast<double>(differing) / kRounds, 16.0, 1.0) << "bit " << bit;
    }
}

TEST(KeyedHash, every_bit_of_three_blocks_changes_half_of_the_hash) {
    const KeyedHash hash{HashSecret{2, 7, 1, 8}};
    std::mt19937_64 random{5};
    constexpr int kRounds = 400;
    for (size_t bit = 0; bit < 384; ++bit) {
        int differing = 0;
        for (int round = 0; round < kRounds; ++round) {
            std::array<std::array<uint64_t, 2>, 3> words{};
            for (auto& block : words)
                block = {random(), random()};
            const auto hashed = [&] {
                const auto block = [&](size_t at) {
                    return _mm_loadu_si128(reinterpret_cast<const __m128i*>(words[at].data()));
                };
                return hash(block(0), block(1), block(2));
            };
            const uint64_t before = hashed();
            words[bit / 128][bit / 64 % 2] ^= uint64_t{1} << bit % 64;
            differing += std::popcount(before ^ hashed());
        }
        EXPECT_NEAR(static_cast<double>(differing) / kRounds, 32.0, 1.5) << "bit " << bit;
    }
}

}  // namespace
}  // namespace ravelin
