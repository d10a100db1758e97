// SPDX-License-Identifier: BSD-3-Clause
#include "unit/config/support.h"

#include <gtest/gtest.h>

#include <random>
#include <set>

namespace ravelin {
namespace {

using config_test::with;

/// The names of the rules that the loader calls unreachable.
std::set<std::string> unreachable(const LoadResult& result) {
    std::set<std::string> names;
    for (const Finding& finding : result.findings) {
        if (finding.message.find("is never reached") == std::string::npos) continue;
        const size_t begin = finding.message.find('\'') + 1;
        names.insert(finding.message.substr(begin, finding.message.find('\'', begin) - begin));
    }
    return names;
}

struct Pair {
    const char* early;
    const char* late;
    bool covered;
};

/// Whether a second rule is called unreachable behind the first.
bool is_covered(const Pair& pair) {
    const LoadResult result =
        load_config_text(with(std::string{"rules:\n  - {name: early, action: drop"} + pair.early +
                              "}\n  - {name: late, action: allow" + pair.late + "}\n"),
                         "f.yaml");
    EXPECT_TRUE(result.config.has_value()) << pair.early << " / " << pair.late;
    return !unreachable(result).empty();
}

TEST(Unreachable, a_rule_is_covered_only_when_all_that_it_takes_is_taken_before) {
    for (const Pair& pair : {
             Pair{"", "", true},
             Pair{"", ", protocol: udp", true},
             Pair{", protocol: udp", "", false},
             Pair{", protocol: udp", ", protocol: udp", true},
             Pair{", protocol: udp", ", protocol: tcp", false},
             Pair{", from: a", ", from: a, protocol: tcp", true},
             Pair{", from: a", ", from: b", false},
             Pair{", from: a", "", false},
             // prefixes
             Pair{", source: 10.0.0.0/8", ", source: 10.1.0.0/16", true},
             Pair{", source: 10.1.0.0/16", ", source: 10.0.0.0/8", false},
             Pair{", source: 10.0.0.0/8", "", false},
             Pair{", source: 10.0.0.0/8", ", destination: 10.0.0.0/8", false},
             Pair{", source: 0.0.0.0/0", "", false},
             Pair{", source: 0.0.0.0/0", ", source: 192.0.2.1", true},
             Pair{", source: 0.0.0.0/0", ", destination: 192.0.2.1", true},
             Pair{", source: 0.0.0.0/0", ", protocol: icmp", true},
             Pair{", source: 0.0.0.0/0", ", protocol: icmpv6", false},
             Pair{", source: \"::/0\"", ", protocol: icmpv6", true},
             Pair{", source: \"::/0\"", ", source: 192.0.2.1", false},
             Pair{", source: [0.0.0.0/0, \"::/0\"]", "", true},
             Pair{", source: [10.0.0.0/8, 192.0.2.0/24]", ", source: [192.0.2.7, 10.9.0.0/16]",
                  true},
             Pair{", source: [10.0.0.0/8]", ", source: [192.0.2.7, 10.9.0.0/16]", false},
             // ports
             Pair{", protocol: udp, destination_ports: 1-100",
                  ", protocol: udp, destination_ports: "
                  "[5, 7-9]",
                  true},
             Pair{", protocol: udp, destination_ports: [1-50, 51-100]",
                  ", protocol: udp, destination_ports: 40-60", true},
             Pair{", protocol: udp, destination_ports: [1-50, 52-100]",
                  ", protocol: udp, destination_ports: 40-60", false},
             Pair{", protocol: udp, destination_ports: 5", ", protocol: udp", false},
             Pair{", protocol: udp, destination_ports: 0-65535", ", protocol: udp", true},
             Pair{", destination_ports: 0-65535", ", protocol: udp", true},
             Pair{", destination_ports: 0-65535", "", false},
             Pair{", destination_ports: 0-65535", ", protocol: esp", false},
             Pair{", destination_ports: 0-65535", ", source_ports: 7", true},
             Pair{", protocol: udp", ", protocol: udp, source_ports: 7", true},
             Pair{", protocol: udp", ", destination_ports: 7", false},
             Pair{", protocol: udp, source_ports: 7", ", protocol: udp, destination_ports: 7",
                  false},
         }) {
        EXPECT_EQ(is_covered(pair), pair.covered) << pair.early << " / " << pair.late;
    }
}

/// Random rules over a small universe, so that many cover others.
class RuleWriter {
  public:
    explicit RuleWriter(uint32_t seed) : random_{seed} {}

    uint32_t below(uint32_t n) { return static_cast<uint32_t>(random_() % n); }

    std::string rule(int number) {
        std::string text = "  - {name: r" + std::to_string(number) + ", action: drop";
        if (below(3) == 0) text += std::string{", from: "} + (below(2) == 0 ? "a" : "b");
        const uint32_t protocol = below(5);
        if (protocol < 4) {
            static constexpr std::array kNames{"udp", "tcp", "esp", "icmp"};
            text += std::string{", protocol: "} + kNames[protocol];
        }
        if (below(2) == 0) text += ", source: " + block();
        if (below(2) == 0) text += ", destination: " + block();
        if ((protocol < 2 || protocol == 4) && below(2) == 0) {
            const uint32_t first = below(8);
            text += ", destination_ports: " + std::to_string(first) + "-" +
                    std::to_string(first + below(4));
        }
        return text + "}\n";
    }

    Query query() {
        static constexpr std::array<uint8_t, 5> kProtocols{17, 6, 50, 1, 132};
        return {static_cast<uint8_t>(below(2)),
                kProtocols[below(5)],
                address(),
                address(),
                static_cast<uint16_t>(below(10)),
                static_cast<uint16_t>(below(12))};
    }

  private:
    std::string block() {
        static constexpr std::array kBlocks{"10.0.0.0/30", "10.0.0.0/31", "10.0.0.0/29",
                                            "10.0.0.1",    "0.0.0.0/0",   "10.0.0.4/30"};
        return kBlocks[below(kBlocks.size())];
    }
    Address address() {
        const std::array<uint8_t, 4> bytes{10, 0, 0, static_cast<uint8_t>(below(8))};
        return Address::from_ipv4(bytes.data());
    }

    std::mt19937 random_;
};

TEST(Unreachable, a_rule_that_is_called_so_never_decides_over_random_queries) {
    constexpr uint32_t kSeed = 7;
    RuleWriter write{kSeed};
    size_t warned = 0;
    size_t decided = 0;
    for (int round = 0; round < 150; ++round) {
        std::string text = with("rules:\n");
        for (int i = 0; i < 10; ++i)
            text += write.rule(i);
        const LoadResult result = load_config_text(text, "f.yaml");
        ASSERT_TRUE(result.config.has_value()) << text;
        const std::set<std::string> never = unreachable(result);
        warned += never.size();
        for (int i = 0; i < 2000; ++i) {
            const Judgement judgement = result.config->policy.judge(write.query());
            if (judgement.rule == Policy::kDefaultRule) continue;
            ++decided;
            ASSERT_FALSE(never.contains("r" + std::to_string(judgement.rule)))
                << "seed " << kSeed << " round " << round << "\n"
                << text;
        }
    }
    EXPECT_GT(warned, 100U);
    EXPECT_GT(decided, 100000U);
}

TEST(Unreachable, a_file_with_more_rules_than_pairs_can_be_compared_says_so_and_loads) {
    std::string text = with("rules:\n");
    for (int i = 0; text.size() < kMaxConfigBytes - 100; ++i) {
        text += "- {name: r" + std::to_string(i) + ",protocol: " + std::to_string(140 + i % 100) +
                ",source: 10." + std::to_string(i / 65536) + "." + std::to_string(i / 256 % 256) +
                "." + std::to_string(i % 256) + ",action: drop}\n";
    }
    const LoadResult result = load_config_text(text, "f.yaml");
    ASSERT_EQ(result.findings.size(), 1U);
    EXPECT_EQ(result.findings[0].message,
              "from here on rules are not checked for being unreachable: there are too many");
    EXPECT_TRUE(result.config.has_value());
}

}  // namespace
}  // namespace ravelin
