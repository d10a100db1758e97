// SPDX-License-Identifier: BSD-3-Clause
#include "packet/checksum.h"

#include "base/byteorder.h"
#include "packet/crc32c.h"
#include "support/bytes.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <random>

namespace ravelin {
namespace {

using testing::Bytes;
using testing::internet_checksum;

Bytes random_bytes(std::mt19937& random, size_t size) {
    Bytes out(size);
    std::generate(out.begin(), out.end(), [&] { return static_cast<uint8_t>(random()); });
    return out;
}

TEST(Checksum, equals_the_plain_loop_at_every_length_and_alignment) {
    std::mt19937 random{1};  // NOLINT(cert-msc51-cpp): the same on every run
    for (size_t length = 0; length < 700; ++length) {
        for (size_t shift = 0; shift < 8; ++shift) {
            const Bytes all = random_bytes(random, length + shift);
            const Bytes bytes(all.begin() + static_cast<std::ptrdiff_t>(shift), all.end());
            ASSERT_EQ(checksum_of(checksum_sum(all.data() + shift, length)),
                      internet_checksum(bytes))
                << length << " bytes at " << shift;
        }
    }
}

TEST(Crc32c, has_the_check_value_of_its_polynomial) {
    const std::string_view digits = "123456789";
    const Bytes bytes(digits.begin(), digits.end());
    EXPECT_EQ(~crc32c(~0U, bytes), 0xe3069283U);
    EXPECT_EQ(~crc32c(~0U, {}), 0U);
}

TEST(Crc32c, equals_the_bit_by_bit_loop_at_every_length_in_one_piece_or_two) {
    std::mt19937 random{1};  // NOLINT(cert-msc51-cpp): the same on every run
    for (size_t length = 0; length < 200; ++length) {
        const Bytes bytes = random_bytes(random, length);
        const uint32_t expected = __builtin_bswap32(testing::sctp_checksum(bytes));
        ASSERT_EQ(~crc32c(~0U, bytes), expected) << length;
        const size_t cut = length / 3;
        const std::span<const uint8_t> all{bytes};
        ASSERT_EQ(~crc32c(crc32c(~0U, all.first(cut)), all.subspan(cut)), expected) << length;
    }
}

TEST(Checksum, equals_the_plain_loop_for_the_longest_packets_of_ones) {
    for (const size_t length : {1500U, 9000U, 65534U, 65535U, 65575U}) {
        const Bytes ones(length, 0xff);
        EXPECT_EQ(checksum_of(checksum_sum(ones.data(), length)), internet_checksum(ones));
    }
}

TEST(Checksum, a_filled_in_sum_is_good_and_any_other_value_of_the_field_is_not) {
    std::mt19937 random{2};  // NOLINT(cert-msc51-cpp)
    Bytes bytes = random_bytes(random, 60);
    store_be16(&bytes[10], 0);
    const uint16_t right = checksum_of(checksum_sum(bytes.data(), bytes.size()));
    for (uint32_t value = 0; value < 0x10000; ++value) {
        store_be16(&bytes[10], static_cast<uint16_t>(value));
        ASSERT_EQ(checksum_good(checksum_sum(bytes.data(), bytes.size())), value == right);
    }
}

TEST(Checksum, nothing_but_zeros_is_not_good) {
    const Bytes zeros(64);
    EXPECT_FALSE(checksum_good(checksum_sum(zeros.data(), zeros.size())));
    EXPECT_EQ(checksum_of(checksum_sum(zeros.data(), zeros.size())), 0xffff);
}

TEST(Checksum, folding_is_the_ones_complement_sum_of_the_halves) {
    std::mt19937_64 random{3};  // NOLINT(cert-msc51-cpp)
    const auto model = [](uint64_t sum) {
        while (sum > 0xffff)
            sum = (sum & 0xffff) + (sum >> 16);
        return static_cast<uint16_t>(sum);
    };
    for (const uint64_t sum : {uint64_t{0}, uint64_t{1}, uint64_t{0xfffe}, uint64_t{0xffff},
                               uint64_t{0x10000}, uint64_t{0x1fffe}, UINT64_MAX, UINT64_MAX - 1}) {
        EXPECT_EQ(checksum_fold(sum), model(sum)) << sum;
        EXPECT_EQ(checksum_good(sum), model(sum) == 0xffff) << sum;
    }
    for (int i = 0; i < 100000; ++i) {
        const uint64_t sum = random() >> (random() % 64);
        ASSERT_EQ(checksum_fold(sum), model(sum)) << sum;
        ASSERT_EQ(checksum_good(sum), model(sum) == 0xffff) << sum;
    }
}

TEST(Checksum, pseudo_headers_equal_their_bytes) {
    std::mt19937 random{4};  // NOLINT(cert-msc51-cpp)
    for (int i = 0; i < 1000; ++i) {
        const size_t length = random() % 65536;
        const auto protocol = static_cast<uint8_t>(random());
        for (const size_t addresses : {8U, 32U}) {
            Bytes pseudo = random_bytes(random, addresses);
            const uint64_t sum =
                addresses == 8
                    ? checksum_pseudo_ipv4(pseudo.data(), protocol, static_cast<uint32_t>(length))
                    : checksum_pseudo_ipv6(pseudo.data(), protocol, static_cast<uint32_t>(length));
            testing::append16(pseudo, 0);
            testing::append16(pseudo, length);
            testing::append16(pseudo, protocol);
            ASSERT_EQ(checksum_of(sum), internet_checksum(pseudo));
        }
    }
}

TEST(Checksum, ranges_add_up_when_all_but_the_last_are_even) {
    std::mt19937 random{5};  // NOLINT(cert-msc51-cpp)
    const Bytes bytes = random_bytes(random, 333);
    for (size_t cut = 0; cut < bytes.size(); cut += 2) {
        const uint64_t sum = checksum_add(checksum_sum(bytes.data(), cut),
                                          checksum_sum(bytes.data() + cut, bytes.size() - cut));
        ASSERT_EQ(checksum_of(sum), internet_checksum(bytes)) << cut;
    }
}

}  // namespace
}  // namespace ravelin
