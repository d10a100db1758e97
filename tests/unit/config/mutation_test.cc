// SPDX-License-Identifier: BSD-3-Clause
#include "unit/config/support.h"

#include <gtest/gtest.h>

#include <array>
#include <random>

namespace ravelin {
namespace {

using config_test::read_file;
using config_test::source_path;

/// Spoils a text a little, in the ways that editors and people do, and in some that nobody does.
class Spoiler {
  public:
    explicit Spoiler(uint32_t seed) : random_{seed} {}

    std::string spoil(std::string text) {
        for (size_t n = 1 + below(4); n > 0 && !text.empty(); --n)
            once(text);
        return text;
    }

  private:
    size_t below(size_t n) { return random_() % n; }

    void once(std::string& text) {
        static constexpr std::array<std::string_view, 24> kPieces{
            ":",    "- ",           "{",     "}",           "[",  "]",  "\n", "\t", "  ",
            "&a ",  "*a",           "!!int", "---\n",       "? ", "\"", "'",  "#",  "|\n",
            "\xff", "\xef\xbb\xbf", "0x",    "99999999999", "~",  "yes"};
        const size_t at = below(text.size());
        switch (below(7)) {
            case 0:
                text[at] = static_cast<char>(below(256));
                return;
            case 1:
                text.insert(at, kPieces[below(kPieces.size())]);
                return;
            case 2:
                text.erase(at, 1 + below(8));
                return;
            case 3:
                text.resize(at);
                return;
            case 4:  // a line twice
                return repeat_line(text, at);
            case 5:  // a part moved elsewhere
            {
                const std::string part = text.substr(at, below(40));
                text.erase(at, part.size());
                text.insert(text.empty() ? 0 : below(text.size() + 1), part);
                return;
            }
            default:
                std::swap(text[at], text[below(text.size())]);
        }
    }

    static void repeat_line(std::string& text, size_t at) {
        const size_t before = text.rfind('\n', at);
        const size_t begin = before == std::string::npos ? 0 : before + 1;
        const size_t end = text.find('\n', at);
        const std::string line = text.substr(begin, end - begin) + "\n";
        text.insert(begin, line);
    }

    std::mt19937 random_;
};

/// What holds for whatever is loaded.
void expect_sound(const LoadResult& result, std::string_view text) {
    ASSERT_EQ(result.config.has_value(), !config_test::has_error(result)) << text;
    uint32_t line = 0;
    for (const Finding& finding : result.findings) {
        ASSERT_LE(line, finding.line) << text;
        line = finding.line;
        ASSERT_GE(finding.length, 1U);
        ASSERT_EQ(finding.line == 0, finding.column == 0) << finding.message;
        ASSERT_FALSE(finding.message.empty());
        ASSERT_EQ(finding.message.find_first_of("\n\x1b"), std::string::npos);
    }
    ASSERT_FALSE(render_findings(result, text, "f.yaml").empty());
    if (!result.config) return;
    const Config& config = *result.config;
    ASSERT_GE(config.wires.size(), 1U);
    ASSERT_LE(config.ports.size(), size_t{kMaxPorts});
    ASSERT_EQ(config.ports.size(), 2 * config.wires.size());
    for (const WireConfig& wire : config.wires) {
        ASSERT_LT(wire.outside, config.ports.size());
        ASSERT_LT(wire.inside, config.ports.size());
        ASSERT_NE(wire.outside, wire.inside);
    }
    for (const Rule& rule : config.policy.rules) {
        ASSERT_FALSE(rule.name.empty());
        if (rule.from_port) {
            ASSERT_LT(*rule.from_port, config.ports.size());
        }
        for (const PortRange& range : rule.destination_ports)
            ASSERT_LE(range.first, range.last);
    }
}

TEST(Mutation, spoiled_files_never_crash_and_never_give_a_config_with_an_error) {
    constexpr uint32_t kSeed = 4711;
    constexpr int kRounds = 800;
    Spoiler spoiler{kSeed};
    size_t loaded = 0;
    size_t refused = 0;
    for (const std::string& file : config_test::shipped_files()) {
        const std::string good = read_file(source_path(file));
        for (int round = 0; round < kRounds; ++round) {
            const std::string text = spoiler.spoil(good);
            const LoadResult result = load_config_text(text, "f.yaml");
            ASSERT_NO_FATAL_FAILURE(expect_sound(result, text))
                << "seed " << kSeed << " file " << file << " round " << round;
            ++(result.config ? loaded : refused);
        }
    }
    // Both must be frequent, or the spoiling is too mild or too wild to prove anything.
    EXPECT_GT(loaded, 300U);
    EXPECT_GT(refused, 1500U);
}

TEST(Mutation, every_cut_of_the_shipped_default_is_sound) {
    const std::string good = read_file(source_path("conf/ravelin.yaml"));
    for (size_t length = 0; length < good.size(); length += 3) {
        const std::string text = good.substr(0, length);
        ASSERT_NO_FATAL_FAILURE(expect_sound(load_config_text(text, "f.yaml"), text)) << length;
    }
}

}  // namespace
}  // namespace ravelin
