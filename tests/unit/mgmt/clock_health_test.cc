// SPDX-License-Identifier: BSD-3-Clause
#include "mgmt/clock_health.h"

#include "fake_appliance.h"
#include "mgmt/health.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <nlohmann/json.hpp>

#include <string>
#include <vector>

namespace ravelin {
namespace {

using nlohmann::json;
using Kind = ClockNews::Kind;

/// A host whose clocks a test moves, each by itself.
class Host {
  public:
    Host() {
        reading_.wall = 1'700'000'000s;
        reading_.boot = reading_.monotonic = reading_.raw = 1000s;
        reading_.uncertainty = 1us;
        reading_.kernel = {.known = true, .synchronised = true, .max_error = 16ms};
        look();
    }

    /// A second passes for all clocks, for the timers' one at another rate, and is looked at.
    std::vector<ClockNews> second(double rate = 1) {
        reading_.own += std::chrono::duration_cast<Duration>(Duration{1s} * rate * rate_);
        for (Duration* clock : {&reading_.wall, &reading_.boot, &reading_.monotonic, &reading_.raw})
            *clock += 1s;
        return look();
    }
    std::vector<ClockNews> seconds(int count, double rate = 1) {
        std::vector<ClockNews> all;
        for (int i = 0; i < count; ++i)
            for (ClockNews& news : second(rate))
                all.push_back(std::move(news));
        return all;
    }
    std::vector<ClockNews> look() {
        std::vector<ClockNews> news = health.look(reading_);
        reading_.set = false;
        return news;
    }
    ClockReading& clocks() { return reading_; }
    [[nodiscard]] ClockStatus status() const { return health.status(); }

    std::vector<double> bends;
    ClockHealth health{[this](double rate) {
        bends.push_back(rate);
        rate_ *= rate;
    }};

  private:
    ClockReading reading_{};
    double rate_ = 1;  ///< what bending has made of the timers' clock
};

TEST(ClockHealth, a_host_whose_clocks_agree_is_no_news) {
    Host host;
    EXPECT_TRUE(host.seconds(100).empty());
    EXPECT_TRUE(host.status().measured);
    EXPECT_NEAR(host.status().against_raw.ppm, 0, 0.01);
    EXPECT_EQ(host.status().against_raw.error, 0s);
    EXPECT_TRUE(host.bends.empty());
    EXPECT_EQ(host.health.timer_finding({true, 2.6e9}), "");
    EXPECT_EQ(host.health.wall_finding(), "");
}

struct Step {
    Duration by;
    const char* text;
};

TEST(ClockHealth, each_step_of_the_wall_clock_is_told_once_and_moves_no_timer) {
    const Step steps[] = {{7s, "+7.0 s"},     {-7s, "-7.0 s"},     {1h, "+3600.0 s"},
                          {-1h, "-3600.0 s"}, {24h, "+86400.0 s"}, {-24h, "-86400.0 s"},
                          {-150ms, "-0.1 s"}, {1s, "+1.0 s"}};
    Host host;
    for (const Step& step : steps) {
        host.clocks().wall += step.by;
        const auto news = host.second();
        ASSERT_EQ(news.size(), 1U) << step.text;
        EXPECT_EQ(news[0].kind, Kind::WallStep);
        EXPECT_EQ(news[0].by, step.by);
        EXPECT_EQ(news[0].text,
                  std::string{"wall clock stepped by "} + step.text + "; timers don't use it");
        EXPECT_TRUE(host.seconds(5).empty());
    }
    EXPECT_EQ(host.status().steps, (std::array<uint64_t, 2>{4, 4}));
    EXPECT_EQ(host.status().last_step, 1s);
    EXPECT_EQ(host.status().last_step_at, Instant{host.clocks().own - 5s});
    EXPECT_TRUE(host.bends.empty());
    EXPECT_EQ(host.status().against_raw.error, 0s);
}

TEST(ClockHealth, a_wall_clock_that_is_only_pulled_makes_no_step) {
    Host host;
    for (int i = 0; i < 100; ++i) {
        host.clocks().wall += 83ms;  // chronyd's fastest slew
        EXPECT_TRUE(host.second().empty());
    }
    EXPECT_EQ(host.status().steps[0], 0U);
}

TEST(ClockHealth, a_small_step_counts_when_the_kernel_tells_that_the_clock_was_set) {
    Host host;
    host.clocks().wall += 5ms;
    EXPECT_TRUE(host.second().empty());
    host.clocks().wall += 5ms;
    host.clocks().set = true;
    ASSERT_EQ(host.second().size(), 1U);
    EXPECT_EQ(host.status().last_step, 5ms);
    host.clocks().set = true;  // set to what it was
    EXPECT_TRUE(host.second().empty());
}

TEST(ClockHealth, a_machine_that_slept_made_no_step) {
    Host host;
    host.clocks().wall += 3h;
    host.clocks().boot += 3h;
    EXPECT_TRUE(host.second().empty());
}

TEST(ClockHealth, a_look_that_comes_late_is_no_step) {
    Host host;
    host.clocks().wall += 61s;
    host.clocks().boot += 60s;
    host.clocks().monotonic += 60s;
    host.clocks().raw += 60s;
    host.clocks().own += 60s;
    EXPECT_TRUE(host.second().empty()) << "a second in a minute may be chronyd's pull";
}

TEST(ClockHealth, whether_it_is_synchronised_is_told_when_it_changes) {
    Host host;
    EXPECT_TRUE(host.health.wall_clock_trust().synchronised);
    EXPECT_EQ(host.health.wall_clock_trust().max_error, 16ms);
    host.clocks().kernel.synchronised = false;
    auto news = host.second();
    ASSERT_EQ(news.size(), 1U);
    EXPECT_EQ(news[0].kind, Kind::Unsynchronised);
    EXPECT_TRUE(host.seconds(10).empty());
    EXPECT_FALSE(host.health.wall_clock_trust().synchronised);
    EXPECT_NE(host.health.wall_finding(), "");
    host.clocks().kernel.synchronised = true;
    news = host.second();
    ASSERT_EQ(news.size(), 1U);
    EXPECT_EQ(news[0].text, "wall clock is synchronised, to within 16.0 ms");
}

TEST(ClockHealth, what_chronyd_follows_is_told_when_it_changes) {
    Host host;
    const auto told = [&host](std::optional<ChronyTracking> chrony) {
        host.clocks().chrony = std::move(chrony);
        std::string text;
        for (const ClockNews& news : host.seconds(3)) {
            EXPECT_EQ(news.kind, Kind::TimeSource);
            text += (news.level == LogLevel::Warning ? "warning: " : "") + news.text;
        }
        return text;
    };
    ChronyTracking first{.synchronised = true, .source = "10.9.0.2", .stratum = 4};
    ChronyTracking second{.synchronised = true, .source = "10.9.0.3", .stratum = 4};
    EXPECT_EQ(told({}), "");
    EXPECT_EQ(told(ChronyTracking{}), "warning: chronyd has no source that it can follow");
    EXPECT_EQ(told(first), "chronyd follows 10.9.0.2, stratum 4");
    first.stratum = 5;
    EXPECT_EQ(told(first), "");
    EXPECT_EQ(told(second), "chronyd follows 10.9.0.3, stratum 4");
    EXPECT_EQ(told(ChronyTracking{}), "warning: chronyd has no source that it can follow");
    EXPECT_EQ(told({}), "warning: chronyd doesn't answer any more");
    EXPECT_EQ(told(second), "chronyd follows 10.9.0.3, stratum 4");
}

TEST(ClockHealth, why_the_wall_clock_is_not_synchronised_is_asked_or_told) {
    Host host;
    host.clocks().kernel.synchronised = false;
    host.second();
    EXPECT_THAT(host.health.wall_finding(), ::testing::HasSubstr("is chronyd or another"));
    host.clocks().chrony = ChronyTracking{};
    host.second();
    EXPECT_THAT(host.health.wall_finding(),
                ::testing::HasSubstr("(chronyd has no source that it can follow)"));
}

TEST(ClockHealth, a_kernel_that_tells_nothing_is_not_trusted) {
    Host host;
    host.clocks().kernel = {};
    EXPECT_TRUE(host.second().empty());
    EXPECT_FALSE(host.health.wall_clock_trust().synchronised);
    EXPECT_NE(host.health.wall_finding(), "");
}

TEST(ClockHealth, before_the_first_look_nothing_is_known_and_nothing_found) {
    const ClockHealth health{[](double) {}};
    EXPECT_FALSE(health.wall_clock_trust().synchronised);
    EXPECT_EQ(health.wall_finding(), "");
    EXPECT_EQ(health.timer_finding({true, 0}), "");
}

TEST(ClockHealth, timers_that_run_fast_or_slow_are_bent_to_the_right_rate_once) {
    for (const double wrong : {1.002, 0.998, 1.0001, 0.9999}) {
        Host host;
        auto news = host.seconds(4, wrong);
        ASSERT_EQ(news.size(), 1U) << wrong;
        EXPECT_EQ(news[0].kind, Kind::Bent);
        ASSERT_EQ(host.bends.size(), 1U);
        EXPECT_NEAR(host.bends[0] * wrong, 1, 1e-6);
        EXPECT_NE(host.health.timer_finding({true, 0}), "");
        EXPECT_TRUE(host.seconds(40, wrong).empty());
        EXPECT_NEAR(host.status().against_raw.ppm, 0, 1);
        EXPECT_EQ(host.health.timer_finding({true, 0}), "");
        EXPECT_EQ(host.status().bends, 1U);
    }
}

TEST(ClockHealth, an_error_that_a_vpn_timer_bears_is_left_alone) {
    Host host;
    EXPECT_TRUE(host.seconds(100, 1 + 40e-6).empty());
    EXPECT_NEAR(host.status().against_raw.ppm, 40, 0.1);
    EXPECT_NEAR(static_cast<double>(host.status().against_raw.error.count()), 4e6, 1e4);
    EXPECT_TRUE(host.bends.empty());
}

TEST(ClockHealth, readings_that_were_interrupted_say_nothing_about_a_rate) {
    Host host;
    host.clocks().uncertainty = 5ms;
    EXPECT_TRUE(host.seconds(20, 1.0002).empty());
    EXPECT_FALSE(host.status().measured);
    host.clocks().uncertainty = 1us;
    EXPECT_EQ(host.seconds(5, 1.0002).size(), 1U);
}

TEST(ClockHealth, a_counter_that_jumps_is_no_matter_of_rate) {
    Host host;
    host.seconds(10);
    host.clocks().own += 1h;
    auto news = host.second();
    ASSERT_EQ(news.size(), 1U);
    EXPECT_EQ(news[0].kind, Kind::Jump);
    EXPECT_EQ(news[0].by, 1h);
    EXPECT_TRUE(host.bends.empty());
    EXPECT_TRUE(host.seconds(10).empty());
    EXPECT_EQ(host.status().against_raw.error, 0s);
    EXPECT_EQ(host.status().jumps, 1U);
}

TEST(ClockHealth, a_counter_that_was_set_back_begins_anew) {
    Host host;
    host.seconds(10);
    host.clocks().own -= 1s;  // stands still
    const auto news = host.second();
    ASSERT_EQ(news.size(), 1U);
    EXPECT_EQ(news[0].kind, Kind::Jump);
    EXPECT_EQ(host.bends, std::vector<double>{1.0});
    EXPECT_TRUE(host.seconds(10).empty());
}

TEST(ClockHealth, a_time_service_that_pulls_hard_is_found_but_not_followed) {
    Host host;
    for (int i = 0; i < 20; ++i) {
        host.clocks().monotonic += 1ms;
        host.clocks().wall += 1ms;
        EXPECT_TRUE(host.second().empty());
    }
    EXPECT_TRUE(host.bends.empty());
    EXPECT_NE(host.health.timer_finding({true, 0}).find("CLOCK_MONOTONIC runs 999 ppm faster"),
              std::string::npos)
        << host.health.timer_finding({true, 0});
}

TEST(ClockHealth, a_counter_without_a_promise_is_found) {
    Host host;
    EXPECT_NE(host.health.timer_finding({false, 0}), "");
}

struct Watched {
    explicit Watched(size_t workers = 1) : fake{workers} {
        fake.appliance.clocks = &health;
        fake.appliance.timer_clock = [this] { return timer; };
    }
    void pause(size_t worker, Duration length) {
        PauseHistory history = fake.links[worker]->pauses.value();
        history.add(Instant{Duration{fake.now.load()}} - history.total() - length, length);
        fake.links[worker]->pauses.write(history);
    }

    test::FakeAppliance fake;
    TimerClock timer{true, 2.6e9};
    ClockHealth health{[](double) {}};
};

TEST(ClockHealth, pauses_of_workers_are_told_once) {
    Watched watched{2};
    EXPECT_TRUE(watched.health.look_at_workers(watched.fake.appliance).empty());
    watched.pause(1, 4990ms);
    auto news = watched.health.look_at_workers(watched.fake.appliance);
    ASSERT_EQ(news.size(), 1U);
    EXPECT_EQ(news[0].kind, Kind::Pause);
    EXPECT_EQ(news[0].by, 4990ms);
    EXPECT_EQ(news[0].text, "worker 2 didn't run for 5.0 s; its timers stood still meanwhile");
    EXPECT_TRUE(watched.health.look_at_workers(watched.fake.appliance).empty());
    watched.pause(1, 1s);
    watched.pause(1, 2s);
    news = watched.health.look_at_workers(watched.fake.appliance);
    ASSERT_EQ(news.size(), 1U);
    EXPECT_EQ(news[0].text,
              "worker 2 didn't run for 3.0 s (2 times); its timers stood still meanwhile");
}

TEST(ClockHealth, what_is_wrong_with_clocks_is_advice_and_stops_nothing) {
    Watched watched;
    ClockReading reading;
    reading.kernel.known = true;
    watched.health.look(reading);
    watched.timer.invariant = false;
    const auto checks = check_health(watched.fake.appliance);
    ASSERT_EQ(checks.size(), 4U);
    EXPECT_EQ(checks[2].name, "timer_clock");
    EXPECT_EQ(checks[3].name, "wall_clock");
    for (const size_t clock : {size_t{2}, size_t{3}}) {
        EXPECT_FALSE(checks[clock].ok);
        EXPECT_TRUE(checks[clock].advisory);
        EXPECT_NE(checks[clock].detail, "");
    }
    EXPECT_TRUE(all_ok(checks));
}

TEST(ClockHealth, a_worker_whose_own_time_stood_still_is_alive) {
    Watched watched;
    watched.fake.now = Duration{100s}.count();
    watched.pause(0, 90s);  // its own time is 10 s
    watched.fake.links[0]->counters.heartbeat_nanoseconds.set(
        static_cast<uint64_t>(Duration{10s}.count()));
    EXPECT_TRUE(check_health(watched.fake.appliance)[0].ok);
    watched.fake.now += Duration{3s}.count();
    EXPECT_FALSE(check_health(watched.fake.appliance)[0].ok);
}

TEST(ClockFormat, the_answer_tells_all_that_is_known) {
    Watched watched;
    ClockReading reading;
    reading.own = Instant{10s};
    reading.wall = 5s;
    reading.kernel = {.known = true,
                      .synchronised = true,
                      .state = 0,
                      .status = 0x2001,
                      .offset = 250us,
                      .max_error = 16ms,
                      .estimated_error = 200us,
                      .frequency_ppm = 12.5,
                      .tai_offset = 37};
    reading.chrony = {.synchronised = true,
                      .source = "10.9.0.2",
                      .stratum = 4,
                      .reference_time = 1'700'000'000s,
                      .last_offset = -500us,
                      .rms_offset = 250us,
                      .root_delay = 2ms,
                      .root_dispersion = 1ms};
    watched.health.look(reading);
    reading.wall -= 7s;
    watched.health.look(reading);
    watched.fake.now = Duration{45s}.count();
    watched.pause(0, 5s);
    const json clock = json::parse(clock_json(watched.fake.appliance));
    EXPECT_EQ(clock["wall_clock"], json::parse(R"({
        "unix_time":1700000045.0,"synchronised":true,"steps_forward":0,"steps_back":1,
        "last_step_s":-7.0,"last_step_ago_s":35.0,
        "kernel":{"state":0,"status":8193,"offset_s":0.00025,"max_error_s":0.016,
                  "estimated_error_s":0.0002,"frequency_ppm":12.5,"tai_offset_s":37},
        "chrony":{"synchronised":true,"source":"10.9.0.2","stratum":4,"last_offset_s":-0.0005,
                  "rms_offset_s":0.00025,"root_delay_s":0.002,"root_dispersion_s":0.001,
                  "updated_ago_s":45.0}})"));
    EXPECT_EQ(clock["timer_clock"], json::parse(R"({
        "invariant":true,"hertz":2600000000.0,"corrections":0,"jumps":0,
        "monotonic":{"error_s":0.0,"ppm":null},"monotonic_raw":{"error_s":0.0,"ppm":null}})"));
    EXPECT_EQ(clock["workers"][0]["pauses"], 1);
    EXPECT_EQ(clock["workers"][0]["last_pause_s"], 5.0);
}

TEST(ClockFormat, without_anything_known_it_says_so) {
    test::FakeAppliance fake;
    const json clock = json::parse(clock_json(fake.appliance));
    EXPECT_TRUE(clock["wall_clock"]["kernel"].is_null());
    EXPECT_TRUE(clock["wall_clock"]["chrony"].is_null());
    EXPECT_TRUE(clock["wall_clock"]["last_step_s"].is_null());
    EXPECT_TRUE(clock["workers"][0]["last_pause_s"].is_null());
}

TEST(ClockFormat, an_event_is_one_line_of_json) {
    const ClockNews news{Kind::WallStep, LogLevel::Warning, -7s, "wall clock stepped by -7.0 s"};
    const std::string line = clock_event_json(news, Instant{2s}, 1'700'000'000s);
    EXPECT_EQ(line.find('\n'), line.size() - 1);
    EXPECT_EQ(json::parse(line), json::parse(R"({"event":"clock","time":1700000002.0,
        "kind":"wall_step","by_s":-7.0,"message":"wall clock stepped by -7.0 s"})"));
}

TEST(ClockFormat, durations_have_a_sign_and_a_unit) {
    EXPECT_EQ(signed_duration(1500us), "+1.5 ms");
    EXPECT_EQ(signed_duration(-7s), "-7.0 s");
    EXPECT_EQ(signed_duration(-99ms), "-99.0 ms");
}

TEST(ClockFormat, every_kind_of_news_has_a_keyword) {
    for (size_t i = 0; i < static_cast<size_t>(Kind::Count); ++i)
        EXPECT_NE(std::string{keyword(static_cast<Kind>(i))}, "");
}

}  // namespace
}  // namespace ravelin
