// SPDX-License-Identifier: BSD-3-Clause
#include "load/report.h"

#include <gtest/gtest.h>
#include <nlohmann/json.hpp>

#include <string>

namespace ravelin::load {
namespace {

Report flawless() {
    Report report;
    report.connections = 1000;
    report.opening = {.seconds = 0.5, .counts = {}, .opened = 1000};
    report.measured.seconds = 2;
    report.measured.counts[0] = {.sent = 100, .arrived = 4'000'000};
    report.measured.counts[1] = {.sent = 100, .arrived = 2'000'000};
    report.latency[0] = {.p50 = 1500, .p99 = 2000, .p999 = 3000, .largest = 4000};
    report.idle = 0.5;
    return report;
}

bool contains(const std::string& text, const std::string& part) {
    return text.find(part) != std::string::npos;
}

TEST(Report, FlawlessOnlyWithoutAnyFault) {
    EXPECT_TRUE(flawless().flawless());
    for (uint64_t Counts::*fault : {&Counts::lost, &Counts::damaged, &Counts::unknown}) {
        for (size_t side = 0; side < 2; ++side) {
            Report report = flawless();
            report.total[side].*fault = 1;
            EXPECT_FALSE(report.flawless());
        }
    }
    Report report = flawless();
    report.total[0].foreign = 5;
    EXPECT_TRUE(report.flawless()) << "others may talk on the wire";
    report.all_opened = false;
    EXPECT_FALSE(report.flawless());
}

TEST(Report, Text) {
    const std::string text = text_of(flawless());
    EXPECT_TRUE(contains(text, "3.000 Mpps")) << text;
    EXPECT_TRUE(contains(text, "opened 1000 of 1000 connections in 0.50 s: 2000 per second"));
    EXPECT_FALSE(contains(text, "limit"));
    Report report = flawless();
    report.idle = 0.01;
    report.first_damage = "byte 3";
    report.rate_missed = 5;
    report.all_opened = false;
    const std::string bad = text_of(report);
    for (const char* part : {"it was the limit", "byte 3", "5 clients' packets", "NOT ALL"})
        EXPECT_TRUE(contains(bad, part)) << part;
}

TEST(Report, Json) {
    const auto json = nlohmann::json::parse(json_of(flawless()));
    EXPECT_EQ(json["connections"], 1000);
    EXPECT_EQ(json["opening"]["per_second"], 2000.0);
    EXPECT_EQ(json["measured"]["packets_per_second"], 3e6);
    EXPECT_EQ(json["measured"]["outside_to_inside"]["latency_ns"]["p99.9"], 3000.0);
    EXPECT_EQ(json["total"]["inside_to_outside"]["lost"], 0);
    EXPECT_EQ(json["generator"]["was_limit"], false);
    EXPECT_EQ(json["flawless"], true);
}

}  // namespace
}  // namespace ravelin::load
