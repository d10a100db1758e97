// SPDX-License-Identifier: BSD-3-Clause
#include "config/text.h"

#include <gtest/gtest.h>

namespace ravelin::config {
namespace {

TEST(Text, numbers_are_decimal_and_plain) {
    EXPECT_EQ(parse_number("0"), 0);
    EXPECT_EQ(parse_number("42"), 42);
    EXPECT_EQ(parse_number("9223372036854775807"), INT64_MAX);
    for (const char* text : {"", "-1", "+1", "01", "00", "1 ", " 1", "1.0", "1e3", "0x1", "1_0",
                             "9223372036854775808", "99999999999999999999999"}) {
        EXPECT_FALSE(parse_number(text).has_value()) << text;
    }
}

TEST(Text, durations_need_a_unit_and_never_overflow) {
    EXPECT_EQ(parse_duration("500ms"), 500ms);
    EXPECT_EQ(parse_duration("30s"), 30s);
    EXPECT_EQ(parse_duration("5m"), 5min);
    EXPECT_EQ(parse_duration("12h"), 12h);
    EXPECT_EQ(parse_duration("5d"), 5 * 24h);
    EXPECT_EQ(parse_duration("0s"), 0s);
    EXPECT_EQ(parse_duration("9223372036s"), 9223372036s);
    for (const char* text : {"", "s", "ms", "30", "30 s", "-30s", "1.5s", "030s", "30S", "30sec",
                             "9223372037s", "106752d", "9223372036854775807d", "1h30m"}) {
        EXPECT_FALSE(parse_duration(text).has_value()) << text;
    }
}

TEST(Text, a_shown_duration_reads_back_as_itself) {
    for (const Duration duration :
         {Duration{0}, Duration{1ms}, Duration{1500ms}, Duration{1s}, Duration{59s}, Duration{60s},
          Duration{90min}, Duration{1h}, Duration{36h}, Duration{24h}, Duration{30 * 24h}}) {
        EXPECT_EQ(parse_duration(format_duration(duration)), duration) << format_duration(duration);
    }
    EXPECT_EQ(format_duration(180s), "180s");
    EXPECT_EQ(format_duration(432000s), "5d");
    EXPECT_EQ(format_duration(36h), "36h");
}

TEST(Text, the_nearest_word_is_one_that_could_have_been_meant) {
    const std::vector<std::string_view> words{"source", "destination", "action", "from", "name"};
    EXPECT_EQ(nearest("sorce", words), "source");
    EXPECT_EQ(nearest("soruce", words), "source");
    EXPECT_EQ(nearest("Name", words), "name");
    EXPECT_EQ(nearest("destnation", words), "destination");
    EXPECT_EQ(nearest("actoin", words), "action");
    EXPECT_EQ(nearest("form", words), "from");
    EXPECT_EQ(nearest("colour", words), "");
    EXPECT_EQ(nearest("", words), "");
    EXPECT_EQ(nearest("x", {"a"}), "");
    EXPECT_EQ(nearest(std::string(1000, 'a'), words), "");
}

TEST(Text, quoted_text_is_cut_between_characters) {
    EXPECT_EQ(in_quotes("abc"), "'abc'");
    EXPECT_EQ(in_quotes(std::string(40, 'x')), "'" + std::string(40, 'x') + "'");
    EXPECT_EQ(in_quotes(std::string(41, 'x')), "'" + std::string(40, 'x') + "...'");
    const std::string euros = std::string(39, 'x') + "\xe2\x82\xac" + "tail";
    EXPECT_EQ(in_quotes(euros), "'" + std::string(39, 'x') + "...'");
}

TEST(Text, nothing_printable_moves_the_cursor) {
    EXPECT_EQ(printable("a\x1b[2Jb"), "a?[2Jb");
    EXPECT_EQ(printable("a\r\nb\x7f"), "a??b?");
    EXPECT_EQ(printable("\xc2\x9b"), "?");
    EXPECT_EQ(printable("\xff\xc3\xa4"), "?\xc3\xa4");
    EXPECT_EQ(printable("tab\t"), "tab\t");
}

TEST(Text, counts_have_a_plural) {
    EXPECT_EQ(counted(0, "error"), "0 errors");
    EXPECT_EQ(counted(1, "error"), "1 error");
    EXPECT_EQ(counted(2, "error"), "2 errors");
}

/// Every byte pair, triple and quadruple start: the checker agrees with RFC 3629 section 4.
TEST(Text, utf8_is_checked_exactly) {
    const auto good = [](std::string_view text) {
        Findings findings;
        return check_text(text, findings);
    };
    size_t accepted = 0;
    for (int a = 0x80; a < 256; ++a) {
        for (int b = 0; b < 256; ++b) {
            const std::string two{static_cast<char>(a), static_cast<char>(b)};
            const bool is_pair = a >= 0xc2 && a <= 0xdf && b >= 0x80 && b <= 0xbf;
            const bool is_c1 = a == 0xc2 && b < 0xa0;
            ASSERT_EQ(good(two), is_pair && !is_c1) << a << " " << b;
            for (const int c : {0x7f, 0x80, 0xbf, 0xc0}) {
                const std::string three = two + static_cast<char>(c);
                const bool range = (a == 0xe0 && b >= 0xa0 && b <= 0xbf) ||
                                   (a == 0xed && b >= 0x80 && b <= 0x9f) ||
                                   (a >= 0xe1 && a <= 0xef && a != 0xed && b >= 0x80 && b <= 0xbf);
                if (a < 0xe0) continue;
                const bool expected = range && c >= 0x80 && c <= 0xbf;
                ASSERT_EQ(good(three), expected) << a << " " << b << " " << c;
                accepted += expected ? 1 : 0;
                const bool four = (a == 0xf0 && b >= 0x90 && b <= 0xbf) ||
                                  (a == 0xf4 && b >= 0x80 && b <= 0x8f) ||
                                  (a >= 0xf1 && a <= 0xf3 && b >= 0x80 && b <= 0xbf);
                ASSERT_EQ(good(three + "\x80"), four && c >= 0x80 && c <= 0xbf)
                    << a << " " << b << " " << c;
            }
        }
    }
    EXPECT_GT(accepted, 1000U);
}

}  // namespace
}  // namespace ravelin::config
