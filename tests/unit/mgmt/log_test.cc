// SPDX-License-Identifier: BSD-3-Clause
#include "mgmt/log.h"

#include <gtest/gtest.h>
#include <spdlog/sinks/ostream_sink.h>

#include <algorithm>
#include <sstream>

namespace ravelin {
namespace {

using namespace std::chrono_literals;

/// A log whose lines and clock the test has.
struct Lab {
    ManagementCounters counters;
    std::ostringstream stream;
    std::chrono::system_clock::time_point now{1769860800250ms};
    Log log{counters, std::make_shared<spdlog::sinks::ostream_sink_mt>(stream),
            [this] { return now; }};

    std::string take() {
        std::string text = stream.str();
        stream.str("");
        return text;
    }
};

TEST(Log, a_line_of_text_has_time_level_site_and_message) {
    Lab lab;
    lab.log.warning("port", "outside has no link");
    EXPECT_EQ(lab.take(), "2026-01-31T12:00:00.250Z warning port: outside has no link\n");
    EXPECT_EQ(lab.counters.log_messages[static_cast<size_t>(LogLevel::Warning)], 1U);
}

TEST(Log, a_line_of_json_is_one_object) {
    Lab lab;
    lab.log.configure("info", "json");
    lab.log.error("config", "\"x\"\n");
    EXPECT_EQ(lab.take(),
              "{\"time\":\"2026-01-31T12:00:00.250Z\",\"level\":\"error\",\"site\":\"config\","
              "\"message\":\"\\\"x\\\"\\u000a\"}\n");
}

TEST(Log, bytes_that_could_break_a_line_are_escaped) {
    Lab lab;
    lab.log.info("x", "a\nb\033[31m\xff");
    EXPECT_EQ(lab.take(), "2026-01-31T12:00:00.250Z info x: a\\x0ab\\x1b[31m\\xff\n");
}

TEST(Log, below_the_level_nothing_is_written_or_counted) {
    Lab lab;
    lab.log.debug("x", "hidden");
    EXPECT_EQ(lab.take(), "");
    lab.log.configure("debug", "text");
    lab.log.debug("x", "shown");
    EXPECT_NE(lab.take(), "");
    lab.log.configure("error", "text");
    lab.log.warning("x", "hidden");
    EXPECT_EQ(lab.take(), "");
    EXPECT_EQ(lab.counters.log_suppressed, 0U);
}

TEST(Log, a_flood_is_cut_and_told) {
    Lab lab;
    for (int i = 0; i < 50; ++i)
        lab.log.info("flood", "again");
    EXPECT_EQ(lab.counters.log_suppressed, 50U - Log::kBurst);
    lab.take();
    lab.log.info("other", "another site has its own budget");
    EXPECT_NE(lab.take(), "");
    lab.now += 1s;
    lab.log.info("flood", "again");
    const std::string text = lab.take();
    EXPECT_NE(text.find("info flood: 40 messages suppressed\n"), std::string::npos) << text;
    EXPECT_NE(text.find("info flood: again\n"), std::string::npos);
    lab.log.info("flood", "over");
    EXPECT_EQ(lab.take(), "");
}

TEST(Log, a_block_of_lines_is_one_message_of_the_budget) {
    Lab lab;
    std::string findings;
    for (int i = 0; i < 100; ++i)
        findings += "finding\n";
    lab.log.block(LogLevel::Error, "reload", findings);
    lab.log.error("reload", "refused");
    const std::string text = lab.take();
    EXPECT_EQ(std::count(text.begin(), text.end(), '\n'), 101);
    EXPECT_EQ(lab.counters.log_suppressed, 0U);
    EXPECT_TRUE(text.ends_with("error reload: refused\n"));
}

TEST(Log, an_empty_block_writes_nothing) {
    Lab lab;
    lab.log.block(LogLevel::Error, "reload", "");
    EXPECT_EQ(lab.take(), "");
}

TEST(Log, a_wall_clock_that_steps_back_silences_nobody) {
    Lab lab;
    for (uint32_t i = 0; i < Log::kBurst; ++i)
        lab.log.info("x", "fills the budget");
    lab.now -= 24h;
    lab.log.info("x", "over");
    lab.take();
    lab.now += 1s;
    lab.log.info("x", "again");
    EXPECT_NE(lab.take().find("again"), std::string::npos);
}

TEST(Log, the_number_of_sites_is_bounded) {
    Lab lab;
    for (size_t i = 0; i < Log::kMaxSites; ++i)
        lab.log.info("site" + std::to_string(i), "x");
    lab.take();
    for (int i = 0; i < 50; ++i)
        lab.log.info("more" + std::to_string(i), "x");
    EXPECT_EQ(lab.counters.log_suppressed, 50U - Log::kBurst);
}

}  // namespace
}  // namespace ravelin
