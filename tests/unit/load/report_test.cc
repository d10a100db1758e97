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

TEST(Report, SlicesWithTheConditionOfTheCpus) {
    Report report = flawless();
    Slice slice;
    slice.measured.seconds = 0.5;
    slice.measured.counts[0].arrived = 1'000'000;
    slice.idle = 0.25;
    report.slices.push_back(slice);
    slice.before = Condition{.distance = 50, .own_work = 100, .other_work = 110};
    report.slices.push_back(slice);
    const auto slices = nlohmann::json::parse(json_of(report)).at("slices");
    ASSERT_EQ(slices.size(), 2U);
    EXPECT_EQ(slices[0].at("packets_per_second"), 2e6);
    EXPECT_TRUE(slices[0].at("before").is_null());
    EXPECT_EQ(slices[1].at("before").at("distance_ns"), 50);
    EXPECT_EQ(slices[1].at("before").at("other_work_ns"), 110);
    EXPECT_TRUE(slices[1].at("after").is_null());
}

TEST(Report, StretchesAddUp) {
    Stretch sum{.seconds = 1, .counts = {}, .opened = 2};
    Stretch other{.seconds = 0.5, .counts = {}, .opened = 3};
    other.counts[1] = {.sent = 1,
                       .sent_bytes = 2,
                       .arrived = 3,
                       .damaged = 4,
                       .lost = 5,
                       .unknown = 6,
                       .foreign = 7};
    sum += other;
    sum += other;
    EXPECT_EQ(sum.seconds, 2);
    EXPECT_EQ(sum.opened, 8U);
    const Counts& counts = sum.counts[1];
    EXPECT_EQ(counts.sent, 2U);
    EXPECT_EQ(counts.sent_bytes, 4U);
    EXPECT_EQ(counts.arrived, 6U);
    EXPECT_EQ(counts.damaged, 8U);
    EXPECT_EQ(counts.lost, 10U);
    EXPECT_EQ(counts.unknown, 12U);
    EXPECT_EQ(counts.foreign, 14U);
}

}  // namespace
}  // namespace ravelin::load
