// SPDX-License-Identifier: BSD-3-Clause
#include "policy/policy.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <array>
#include <random>
#include <string>

namespace ravelin {
namespace {

/// A second opinion that shares no code with the matcher: prefixes are strings of binary digits,
/// ports a table of 65,536 flags, and the rules are laid over each other from the last to the
/// first so that the first one is what remains.
struct ModelAddress {
    bool v4 = false;
    std::string bits;  ///< 32 or 128 digits
};

struct ModelRule {
    int from_port = -1;
    int protocol = -1;
    std::vector<ModelAddress> source;
    std::vector<ModelAddress> destination;
    std::vector<bool> source_ports;  ///< empty: any
    std::vector<bool> destination_ports;
    bool allow = false;
};

struct ModelQuery {
    int from_port = 0;
    int protocol = 0;
    ModelAddress source;
    ModelAddress destination;
    uint16_t source_port = 0;
    uint16_t destination_port = 0;
};

bool starts_with_any(const std::vector<ModelAddress>& prefixes, const ModelAddress& address) {
    if (prefixes.empty()) return true;
    size_t hits = 0;
    for (const ModelAddress& prefix : prefixes) {
        if (prefix.v4 == address.v4 && address.bits.rfind(prefix.bits, 0) == 0) ++hits;
    }
    return hits > 0;
}

bool port_flag(const std::vector<bool>& flags, int protocol, uint16_t port) {
    if (flags.empty()) return true;
    return (protocol == 6 || protocol == 17 || protocol == 132) && flags[port];
}

struct ModelVerdict {
    bool allow = false;
    int rule = 65535;
};

ModelVerdict model(const std::vector<ModelRule>& rules, const std::array<bool, kMaxPorts>& defaults,
                   const ModelQuery& query) {
    ModelVerdict verdict{defaults[static_cast<size_t>(query.from_port)], 65535};
    for (size_t i = rules.size(); i-- > 0;) {
        const ModelRule& rule = rules[i];
        const bool port_fits = rule.from_port == -1 || rule.from_port == query.from_port;
        const bool protocol_fits = rule.protocol == -1 || rule.protocol == query.protocol;
        if (port_fits && protocol_fits && starts_with_any(rule.source, query.source) &&
            starts_with_any(rule.destination, query.destination) &&
            port_flag(rule.source_ports, query.protocol, query.source_port) &&
            port_flag(rule.destination_ports, query.protocol, query.destination_port)) {
            verdict = {rule.allow, static_cast<int>(i)};
        }
    }
    return verdict;
}

/// Makes the same random thing twice: for the matcher and for the model. The universe is small,
/// so that most queries meet several rules.
class Generator {
  public:
    explicit Generator(uint32_t seed) : random_{seed} {}

    bool one_in(uint32_t n) { return below(n) == 0; }
    uint32_t below(uint32_t n) { return static_cast<uint32_t>(random_() % n); }

    /// 10.0.0-3.0-3 or 2001:db8::0-3:0-3; both families get the same few low bits.
    Address address() {
        const uint8_t third = static_cast<uint8_t>(below(4));
        const uint8_t fourth = static_cast<uint8_t>(below(4));
        if (one_in(2)) {
            const std::array<uint8_t, 4> bytes{10, 0, third, fourth};
            return Address::from_ipv4(bytes.data());
        }
        std::array<uint8_t, 16> bytes{0x20, 0x01, 0x0d, 0xb8};
        bytes[13] = third;
        bytes[15] = fourth;
        return Address::from_ipv6(bytes.data());
    }

    static ModelAddress digits(const Address& address, size_t length) {
        ModelAddress text{address.is_ipv4(), {}};
        for (size_t bit = text.v4 ? 96 : 0; bit < 128 && text.bits.size() < length; ++bit) {
            text.bits += ((address.bytes[bit / 8] >> (7 - bit % 8)) & 1) != 0 ? '1' : '0';
        }
        return text;
    }

    void prefix_list(std::vector<Prefix>& list, std::vector<ModelAddress>& twin) {
        for (uint32_t n = below(4); n > 0; --n) {
            const Address base = address();
            const uint32_t width = base.is_ipv4() ? 32 : 128;
            const uint32_t length = one_in(8) ? below(width + 1) : width - below(20);
            Prefix prefix{base, static_cast<uint8_t>(length + (128 - width)),
                          base.is_ipv4() ? Family::Ipv4 : Family::Ipv6};
            for (size_t bit = prefix.length; bit < 128; ++bit) {
                prefix.address.bytes[bit / 8] &= static_cast<uint8_t>(~(0x80 >> (bit % 8)));
            }
            list.push_back(prefix);
            twin.push_back(digits(base, length));
        }
    }

    void port_list(std::vector<PortRange>& list, std::vector<bool>& twin) {
        if (!one_in(3)) return;
        twin.assign(65536, false);
        for (uint32_t n = 1 + below(3); n > 0; --n) {
            const auto first = static_cast<uint16_t>(one_in(10) ? 65530 + below(6) : below(12));
            const auto last = static_cast<uint16_t>(std::min<uint32_t>(first + below(4), 65535));
            list.push_back({first, last});
            std::fill(twin.begin() + first, twin.begin() + last + 1, true);
        }
    }

    uint8_t protocol() {
        static constexpr std::array<uint8_t, 6> kSome{1, 6, 17, 50, 58, 132};
        return kSome[below(kSome.size())];
    }

    uint16_t port() { return static_cast<uint16_t>(one_in(10) ? 65530 + below(6) : below(14)); }

  private:
    std::mt19937 random_;
};

TEST(PolicyModel, random_rules_and_queries_get_the_same_answer_from_an_independent_model) {
    constexpr uint32_t kSeed = 20260101;
    Generator make{kSeed};
    size_t by_rule = 0;
    size_t by_default = 0;
    for (int round = 0; round < 1000; ++round) {
        Policy policy;
        std::vector<ModelRule> twins;
        for (bool& allow : policy.default_allow)
            allow = make.one_in(2);
        for (uint32_t n = make.below(9); n > 0; --n) {
            Rule rule;
            ModelRule twin;
            if (make.one_in(3)) twin.from_port = *(rule.from_port = make.below(3));
            if (make.one_in(2)) twin.protocol = *(rule.protocol = make.protocol());
            make.prefix_list(rule.source, twin.source);
            make.prefix_list(rule.destination, twin.destination);
            make.port_list(rule.source_ports, twin.source_ports);
            make.port_list(rule.destination_ports, twin.destination_ports);
            twin.allow = rule.allow = make.one_in(2);
            policy.rules.push_back(std::move(rule));
            twins.push_back(std::move(twin));
        }
        policy.compile();
        for (int i = 0; i < 200; ++i) {
            const Query query{static_cast<uint8_t>(make.below(3)),
                              make.protocol(),
                              make.address(),
                              make.address(),
                              make.port(),
                              make.port()};
            const ModelVerdict expected =
                model(twins, policy.default_allow,
                      {query.from_port, query.protocol, Generator::digits(query.source, 128),
                       Generator::digits(query.destination, 128), query.source_port,
                       query.destination_port});
            const Judgement actual = policy.judge(query);
            ASSERT_EQ(actual.rule, expected.rule)
                << "seed " << kSeed << " round " << round << " query " << i << ": "
                << query.source.to_string() << " to " << query.destination.to_string();
            ASSERT_EQ(policy.judge_linear(query).rule, expected.rule);
            ASSERT_EQ(actual.allow, expected.allow);
            ASSERT_EQ(actual.reason == DropReason::None, actual.allow);
            ++(expected.rule == 65535 ? by_default : by_rule);
        }
    }
    // Guards the generator: a test in which nothing ever matches would prove nothing.
    EXPECT_GT(by_rule, 30000U);
    EXPECT_GT(by_default, 30000U);
}

}  // namespace
}  // namespace ravelin
