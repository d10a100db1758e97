// SPDX-License-Identifier: BSD-3-Clause
#include "unit/config/support.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace ravelin {
namespace {

using config_test::with;

std::string render(std::string_view text) {
    return render_findings(load_config_text(text, "site.yaml"), text, "site.yaml");
}

TEST(Render, shows_place_line_and_caret_and_ends_with_a_count) {
    EXPECT_EQ(render(with("rules:\n"
                          "  - name: allow-wg\n"
                          "    sorce: 203.0.113.0/24\n"
                          "    action: drop\n"
                          "  - name: late\n"
                          "    action: allow\n")),
              "site.yaml:8:5: error: unknown key 'sorce' in rule 'allow-wg' (did you mean "
              "'source'?)\n"
              "    8 |     sorce: 203.0.113.0/24\n"
              "      |     ^~~~~\n"
              "1 finding: 1 error, 0 warnings\n");
}

TEST(Render, counts_errors_and_warnings) {
    EXPECT_EQ(render(with("rules:\n"
                          "  - {name: all, action: drop}\n"
                          "  - {name: late, action: allow}\n"
                          "log: {level: 3, format: [a]}\n")),
              "site.yaml:8:12: warning: rule 'late' is never reached: rule 'all' in line 7 takes "
              "all that it would\n"
              "    8 |   - {name: late, action: allow}\n"
              "      |            ^~~~\n"
              "site.yaml:9:14: error: log.level: expected debug, info, warning or error, got '3'\n"
              "    9 | log: {level: 3, format: [a]}\n"
              "      |              ^\n"
              "site.yaml:9:25: error: log.format: expected text or json, got a list\n"
              "    9 | log: {level: 3, format: [a]}\n"
              "      |                         ^\n"
              "3 findings: 2 errors, 1 warning\n");
}

TEST(Render, a_good_file_has_no_findings) {
    EXPECT_EQ(render(with("")), "0 findings: 0 errors, 0 warnings\n");
}

TEST(Render, a_finding_about_the_file_has_no_line) {
    EXPECT_EQ(render(""),
              "site.yaml: error: the file is empty; conf/ravelin.yaml is a commented beginning\n"
              "1 finding: 1 error, 0 warnings\n");
}

TEST(Render, a_tab_in_the_line_keeps_the_caret_in_place) {
    EXPECT_EQ(render(with("log:\t{level: x}\n")),
              "site.yaml:6:14: error: log.level: expected debug, info, warning or error, got 'x'\n"
              "    6 | log:\t{level: x}\n"
              "      |     \t        ^\n"
              "1 finding: 1 error, 0 warnings\n");
}

TEST(Render, wide_characters_move_the_caret_by_characters) {
    EXPECT_EQ(render(with("log: {level: \"äöü\"}\n")),
              "site.yaml:6:14: error: log.level: expected debug, info, warning or error, got "
              "'äöü'\n"
              "    6 | log: {level: \"äöü\"}\n"
              "      |              ^~~~~\n"
              "1 finding: 1 error, 0 warnings\n");
}

TEST(Render, a_long_line_is_cut_around_the_mark) {
    const std::string text =
        with("eal: [" + std::string(500, 'x') + "]  # " + std::string(300, 'y') + "\nlog: {\"" +
             std::string(200, ' ') + "\": 1, level: x}\n");
    const std::string out = render(text);
    EXPECT_THAT(out, testing::HasSubstr("    7 | ..."));
    size_t begin = 0;
    while (begin < out.size()) {
        const size_t end = out.find('\n', begin);
        EXPECT_LT(end - begin, 200U) << out.substr(begin, end - begin);
        begin = end + 1;
    }
}

TEST(Render, crlf_lines_are_shown_without_their_carriage_return) {
    EXPECT_EQ(render("version: 1\r\nports: 1\r\nwires: []\r\n").find('\r'), std::string::npos);
}

TEST(Render, control_characters_and_broken_utf8_never_reach_the_terminal) {
    const std::string out = render(with("# \x1b[2J \xff\n"));
    EXPECT_EQ(out.find('\x1b'), std::string::npos);
    EXPECT_EQ(out.find('\xff'), std::string::npos);
    EXPECT_THAT(out, testing::HasSubstr("    6 | # ?[2J ?\n"));
}

TEST(Render, a_byte_order_mark_does_not_move_the_caret) {
    EXPECT_THAT(render("\xef\xbb\xbfvresion: 1\n"),
                testing::HasSubstr("    1 | vresion: 1\n      | ^~~~~~~\n"));
}

}  // namespace
}  // namespace ravelin
