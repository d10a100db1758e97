// SPDX-License-Identifier: BSD-3-Clause
#include "mgmt/ntp_format.h"

#include "fake_appliance.h"

#include <gtest/gtest.h>
#include <nlohmann/json.hpp>

#include <cmath>

namespace ravelin {
namespace {

using nlohmann::json;

constexpr Duration kUnix{1'700'000'000s};
constexpr Instant kAsked{100s};

/// An NTP timestamp of the wall clock at `at`, by a clock that is `ahead`.
uint64_t stamp(Instant at, Duration ahead) {
    const Duration wall = at.time_since_epoch() + kUnix + ahead;
    const auto whole = std::chrono::floor<std::chrono::seconds>(wall);
    const double fraction = std::chrono::duration<double>(wall - whole).count();
    return static_cast<uint64_t>(whole.count() + 2'208'988'800) << 32 |
           static_cast<uint64_t>(fraction * 4294967296.0);
}

/// The server answers at once, 10 ms away each way, and is `ahead`.
NtpRecord answered(Duration ahead, Duration client_ahead) {
    NtpRecord record;
    record.client = test::ipv4(0xc0000214);
    record.server = test::ipv4(0xcb007101);
    record.client_inside = true;
    record.requests = 12;
    record.answers = 11;
    record.last_request = record.asked = kAsked;
    record.last_answer = kAsked + 20ms;
    record.synchronised = true;
    record.stratum = 2;
    record.reference_id = 0xc0000201;
    record.client_sent = stamp(kAsked, client_ahead);
    record.server_got = stamp(kAsked + 10ms, ahead);
    record.server_sent = stamp(kAsked + 10ms, ahead);
    return record;
}

double seconds(Duration duration) {
    return std::chrono::duration<double>(duration).count();
}

TEST(NtpFormat, a_servers_offset_lies_between_what_request_and_answer_allow) {
    for (const Duration ahead : {Duration{0}, Duration{7s}, Duration{-7s}, Duration{1h}}) {
        const auto offset = server_offset(answered(ahead, 0s), kUnix);
        ASSERT_TRUE(offset.has_value());
        EXPECT_NEAR(seconds(offset->offset), seconds(ahead), 1e-6);
        EXPECT_NEAR(seconds(offset->error), 0.01, 1e-6);
    }
}

TEST(NtpFormat, the_era_in_which_seconds_are_counted_does_not_matter) {
    // On 2036-02-07 NTP's seconds begin anew.
    const Duration late{2'085'978'490s};
    NtpRecord record = answered(0s, 0s);
    const auto shift = static_cast<uint64_t>((late - kUnix) / 1s) << 32;
    record.server_got += shift;
    record.server_sent += shift;
    const auto offset = server_offset(record, late);
    ASSERT_TRUE(offset.has_value());
    EXPECT_NEAR(seconds(offset->offset), 0, 1e-6);
}

TEST(NtpFormat, no_offset_is_told_of_a_server_that_follows_nobody_or_answers_interleaved) {
    NtpRecord record = answered(0s, 0s);
    record.synchronised = false;
    EXPECT_FALSE(server_offset(record, kUnix).has_value());
    record = answered(0s, 0s);
    record.server_got = 0;
    EXPECT_FALSE(server_offset(record, kUnix).has_value());
}

TEST(NtpFormat, a_clients_offset_is_told_unless_it_sent_a_random_number) {
    EXPECT_NEAR(seconds(*client_offset(answered(0s, -7s), kUnix)), -7, 1e-6);
    NtpRecord record = answered(0s, 0s);
    record.client_sent = 0x0123456789abcdef;
    EXPECT_FALSE(client_offset(record, kUnix).has_value());
    record.client_sent = 0;
    EXPECT_FALSE(client_offset(record, kUnix).has_value());
}

TEST(NtpFormat, json_has_everything_in_parts) {
    const FlowNames names{{"vpn"}, {}, 1};
    json all = json::parse(ntp_json({answered(7s, -7s)}, names, kAsked + 5020ms, kUnix));
    ASSERT_EQ(all.size(), 1U);
    json& one = all[0];
    EXPECT_NEAR(one["server_offset_s"].get<double>(), 7, 1e-6);
    EXPECT_NEAR(one["server_offset_error_s"].get<double>(), 0.01, 1e-6);
    EXPECT_NEAR(one["client_offset_s"].get<double>(), -7, 1e-6);
    for (const char* key : {"server_offset_s", "server_offset_error_s", "client_offset_s"})
        one.erase(key);
    EXPECT_EQ(one, json::parse(R"({
        "client": "192.0.2.20", "server": "203.0.113.1", "wire": "vpn", "worker": 0,
        "client_side": "inside", "requests": 12, "answers": 11, "unanswered": 0,
        "last_request_ago_s": 5.02, "last_answer_ago_s": 5.0, "synchronised": true, "stratum": 2,
        "reference_id": "c0000201"})"));
}

TEST(NtpFormat, what_nobody_answered_is_null) {
    NtpRecord record = answered(0s, 0s);
    record.answers = 0;
    const json one = json::parse(ntp_json({record}, FlowNames{}, kAsked, kUnix))[0];
    EXPECT_EQ(one["stratum"], nullptr);
    EXPECT_EQ(one["last_answer_ago_s"], nullptr);
    EXPECT_EQ(one["server_offset_s"], nullptr);
    EXPECT_EQ(ntp_json({}, FlowNames{}, kAsked, kUnix), "[]");
}

}  // namespace
}  // namespace ravelin
