// SPDX-License-Identifier: BSD-3-Clause
#include "packet/address.h"

#include <gtest/gtest.h>

#include <arpa/inet.h>
#include <cstring>
#include <random>
#include <string>

namespace ravelin {
namespace {

Address address(std::string_view text) {
    const auto parsed = Address::parse(text);
    EXPECT_TRUE(parsed.has_value()) << text;
    return parsed.value_or(Address{});
}

std::string by_libc(int family, const uint8_t* bytes) {
    char text[INET6_ADDRSTRLEN] = {};
    return inet_ntop(family, bytes, text, sizeof text);
}

/// Random, with many zero groups, so that runs of every place and length occur.
Address random_ipv6(std::mt19937_64& random) {
    Address out;
    const uint64_t zeros = random();
    for (size_t i = 0; i < 16; ++i) {
        const bool zero = (zeros >> (i / 2) & 1) != 0 || (zeros >> (16 + i) & 3) == 0;
        out.bytes[i] = zero ? 0 : static_cast<uint8_t>(random());
    }
    return out;
}

TEST(Address, ipv4_text_equals_inet_ntop_and_comes_back) {
    std::mt19937_64 random{1};  // NOLINT(cert-msc51-cpp)
    for (int i = 0; i < 20000; ++i) {
        const auto value = static_cast<uint32_t>(random());
        uint8_t bytes[4];
        std::memcpy(bytes, &value, 4);
        const Address from = Address::from_ipv4(bytes);
        ASSERT_TRUE(from.is_ipv4());
        ASSERT_EQ(from.to_string(), by_libc(AF_INET, bytes));
        ASSERT_EQ(address(from.to_string()), from);
    }
}

TEST(Address, ipv6_text_equals_inet_ntop_and_comes_back) {
    std::mt19937_64 random{2};  // NOLINT(cert-msc51-cpp)
    for (int i = 0; i < 50000; ++i) {
        const Address from = random_ipv6(random);
        if (from.is_ipv4()) continue;
        ASSERT_EQ(from.to_string(), by_libc(AF_INET6, from.bytes.data()));
        ASSERT_EQ(address(from.to_string()), from) << from.to_string();
    }
}

TEST(Address, takes_and_refuses_what_inet_pton_takes_and_refuses) {
    std::mt19937_64 random{3};  // NOLINT(cert-msc51-cpp)
    constexpr std::string_view kAlphabet = "0123456789abcdefABCDEF:::::....g ";
    size_t taken = 0;
    for (int i = 0; i < 300000; ++i) {
        std::string text = i % 2 == 0 ? random_ipv6(random).to_string() : "10.20.30.40";
        for (uint64_t edits = random() % 4; edits > 0; --edits) {
            const size_t at = random() % (text.size() + 1);
            const char letter = kAlphabet[random() % kAlphabet.size()];
            if (random() % 3 == 0 && at < text.size()) {
                text.erase(at, 1);
            } else if (random() % 2 == 0 && at < text.size()) {
                text[at] = letter;
            } else {
                text.insert(at, 1, letter);
            }
        }
        uint8_t bytes[16] = {};
        const bool is_v4 = inet_pton(AF_INET, text.c_str(), bytes) == 1;
        const bool is_v6 = !is_v4 && inet_pton(AF_INET6, text.c_str(), bytes) == 1;
        const auto parsed = Address::parse(text);
        ASSERT_EQ(parsed.has_value(), is_v4 || is_v6) << text;
        if (!parsed) continue;
        ++taken;
        ASSERT_EQ(*parsed, is_v4 ? Address::from_ipv4(bytes) : Address::from_ipv6(bytes)) << text;
    }
    EXPECT_GT(taken, 50000U);
}

TEST(Address, refuses_whatever_is_no_address_and_says_what_one_looks_like) {
    for (const char* text : {"",
                             " ",
                             "1",
                             "1.2.3",
                             "1.2.3.4.5",
                             "01.2.3.4",
                             "1.2.3.256",
                             "1.2.3.4 ",
                             "+1.2.3.4",
                             "0x1.2.3.4",
                             "1..2.3",
                             ":",
                             ":::",
                             "1::2::3",
                             "1:2:3:4:5:6:7",
                             "1:2:3:4:5:6:7:8:9",
                             "1:2:3:4:5:6:7::8",
                             "1:2:3:4:5:6:7:",
                             ":1:2:3:4:5:6:7:8",
                             "12345::",
                             "g::",
                             "fe80::1%eth0",
                             "[::1]",
                             "::1/64",
                             "1.2.3.4:80",
                             "vpn.example.com",
                             "::1.2.3",
                             "1.2.3.4::",
                             "::1.2.3.4:5",
                             "1:2:3:4:5:6:7:1.2.3.4"}) {
        const auto parsed = Address::parse(text);
        ASSERT_FALSE(parsed.has_value()) << text;
        EXPECT_NE(parsed.error().message.find("192.0.2.1"), std::string::npos);
    }
}

TEST(Address, mapped_text_is_the_ipv4_address) {
    EXPECT_EQ(address("::ffff:192.0.2.1"), address("192.0.2.1"));
    EXPECT_EQ(address("::ffff:c000:201").to_string(), "192.0.2.1");
}

struct PrefixCase {
    const char* text;
    Family family;
    uint8_t length;
    const char* shown;
};

TEST(Prefix, reads_blocks_and_single_addresses) {
    const PrefixCase cases[] = {
        {"10.0.0.0/8", Family::Ipv4, 104, "10.0.0.0/8"},
        {"0.0.0.0/0", Family::Ipv4, 96, "0.0.0.0/0"},
        {"192.0.2.1", Family::Ipv4, 128, "192.0.2.1/32"},
        {"192.0.2.1/32", Family::Ipv4, 128, "192.0.2.1/32"},
        {"::/0", Family::Ipv6, 0, "::/0"},
        {"2001:db8::/32", Family::Ipv6, 32, "2001:db8::/32"},
        {"2001:DB8::1", Family::Ipv6, 128, "2001:db8::1/128"},
    };
    for (const PrefixCase& c : cases) {
        const auto prefix = Prefix::parse(c.text);
        ASSERT_TRUE(prefix.has_value()) << c.text;
        EXPECT_EQ(prefix->family, c.family) << c.text;
        EXPECT_EQ(prefix->length, c.length) << c.text;
        EXPECT_EQ(prefix->to_string(), c.shown);
        EXPECT_EQ(*Prefix::parse(prefix->to_string()), *prefix);
    }
}

TEST(Prefix, an_error_names_what_is_wrong_and_what_was_meant) {
    const std::pair<const char*, const char*> cases[] = {
        {"10.0.0.1/8", "did you mean 10.0.0.0/8?"},
        {"2001:db8::1/32", "did you mean 2001:db8::/32?"},
        {"0.0.0.1/0", "did you mean 0.0.0.0/0?"},
        {"10.0.0.0/33", "from 0 to 32"},
        {"10.0.0.0/", "from 0 to 32"},
        {"10.0.0.0/-1", "from 0 to 32"},
        {"10.0.0.0/08", "from 0 to 32"},
        {"10.0.0.0/8/8", "from 0 to 32"},
        {"::/129", "from 0 to 128"},
        {"10/8", "try 192.0.2.0/24"},
        {"", "try 192.0.2.0/24"},
        {"::ffff:10.0.0.1", "write it as 10.0.0.1"},
    };
    for (const auto& [text, expected] : cases) {
        const auto prefix = Prefix::parse(text);
        ASSERT_FALSE(prefix.has_value()) << text;
        EXPECT_NE(prefix.error().message.find(expected), std::string::npos)
            << prefix.error().message;
        EXPECT_EQ(prefix.error().message.find('"' + std::string{text} + '"'), 0U);
    }
}

bool bit(const Address& from, size_t index) {
    return (from.bytes[index / 8] >> (7 - index % 8) & 1) != 0;
}

TEST(Prefix, contains_what_a_bit_by_bit_comparison_contains) {
    std::mt19937_64 random{4};  // NOLINT(cert-msc51-cpp)
    for (int i = 0; i < 50000; ++i) {
        const bool v4 = i % 2 == 0;
        Address base = random_ipv6(random);
        if (v4) base = Address::from_ipv4(base.bytes.data());
        if (!v4 && base.is_ipv4()) continue;
        const size_t first = v4 ? 96 : 0;
        const size_t length = first + random() % (129 - first);
        for (size_t b = length; b < 128; ++b) {
            base.bytes[b / 8] = static_cast<uint8_t>(base.bytes[b / 8] & ~(0x80U >> (b % 8)));
        }
        const Prefix prefix{base, static_cast<uint8_t>(length), v4 ? Family::Ipv4 : Family::Ipv6};
        Address other = base;
        const size_t flipped = first + random() % (128 - first);
        other.bytes[flipped / 8] =
            static_cast<uint8_t>(other.bytes[flipped / 8] ^ (0x80U >> (flipped % 8)));
        bool expected = other.is_ipv4() == v4;
        for (size_t b = 0; b < length; ++b)
            expected = expected && bit(other, b) == bit(base, b);
        ASSERT_EQ(prefix.contains(other), expected) << prefix.to_string();
        ASSERT_EQ(prefix.contains(base), base.is_ipv4() == v4) << prefix.to_string();
    }
}

TEST(Prefix, the_whole_of_one_family_holds_nothing_of_the_other) {
    const Prefix all4 = *Prefix::parse("0.0.0.0/0");
    const Prefix all6 = *Prefix::parse("::/0");
    EXPECT_TRUE(all4.contains(address("192.0.2.1")));
    EXPECT_FALSE(all4.contains(address("2001:db8::1")));
    EXPECT_TRUE(all6.contains(address("2001:db8::1")));
    EXPECT_FALSE(all6.contains(address("192.0.2.1")));
    EXPECT_FALSE(Prefix{}.contains(address("2001:db8::1")));
    EXPECT_FALSE(Prefix{}.contains(address("192.0.2.1")));
}

}  // namespace
}  // namespace ravelin
