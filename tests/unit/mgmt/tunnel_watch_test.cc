// SPDX-License-Identifier: BSD-3-Clause
#include "mgmt/tunnel_watch.h"

#include "tunnel_script.h"

#include <gtest/gtest.h>
#include <spdlog/sinks/ostream_sink.h>

#include <sstream>

namespace ravelin {
namespace {

using test::FakeAppliance;
using test::FakeWorker;
using test::openvpn_record;
using test::TunnelScript;

struct Lab {
    explicit Lab(size_t workers = 1) : fake{workers} {}

    FakeAppliance fake;
    ManagementCounters counters;
    std::ostringstream lines;
    Log log{counters, std::make_shared<spdlog::sinks::ostream_sink_mt>(lines),
            [] { return std::chrono::system_clock::time_point{}; }};
    TunnelWatch watch{fake.appliance, counters.tunnels, log, HashSecret{}};

    void push(const TunnelRecord& record, TunnelEventKind kind, Duration at, size_t worker = 0) {
        ASSERT_TRUE(fake.links[worker]->tunnel_events.push(TunnelScript::make(record, kind, at)));
    }
    void establish(TunnelRecord& record, Duration at, size_t worker = 0) {
        record.started = Instant{at};
        push(record, TunnelEventKind::Started, at, worker);
        record.stage = TunnelStage::Established;
        record.established = Instant{at};
        record.last_seen = {Instant{at}, Instant{at}};
        push(record, TunnelEventKind::Established, at, worker);
    }
};

TEST(TunnelWatch, takes_events_though_nobody_listens) {
    Lab lab{2};
    TunnelRecord first = openvpn_record(0, 0);
    TunnelRecord second = openvpn_record(1, 1);
    lab.establish(second, 2s, 1);
    lab.establish(first, 1s, 0);
    const auto news = lab.watch.run_once();
    ASSERT_EQ(news.size(), 4U);
    // In the order of time, whichever worker told it.
    EXPECT_EQ(news[0].record.id, first.id);
    EXPECT_EQ(news[3].record.id, second.id);
    EXPECT_EQ(lab.watch.registry().list().size(), 2U);
    EXPECT_EQ(lab.fake.links[0]->tunnel_events.size(), 0U);
    EXPECT_TRUE(lab.watch.run_once().empty());
}

TEST(TunnelWatch, asks_workers_for_figures_when_a_verdict_needs_them_and_logs_it) {
    Lab lab;
    TunnelRecord old = openvpn_record(0);
    lab.establish(old, 1s);
    static_cast<void>(lab.watch.run_once());
    TunnelRecord live = old;
    live.last_seen = {Instant{129s}, Instant{100s}};
    live.keepalive = {8s, 8s};
    const FakeWorker worker{lab.fake, 0, {}, {live}};
    lab.fake.now = Duration{130s}.count();
    TunnelRecord fresh = openvpn_record(1);
    fresh.started = Instant{130s};
    lab.push(fresh, TunnelEventKind::Started, 130s);
    fresh.stage = TunnelStage::Handshake;
    lab.push(fresh, TunnelEventKind::Answered, 130s);
    const auto news = lab.watch.run_once();
    ASSERT_EQ(news.size(), 3U);
    EXPECT_EQ(news[2].kind, "verdict");
    EXPECT_EQ(news[2].verdict, TunnelVerdict::ServerLostClient);
    const std::string text = lab.lines.str();
    EXPECT_NE(text.find("warning tunnel: OpenVPN 198.51.100.2:40001 to 192.0.2.20:1194 ("),
              std::string::npos)
        << text;
    EXPECT_NE(text.find("nothing from the server for 30.0 s"), std::string::npos) << text;
}

TEST(TunnelWatch, a_worker_that_does_not_answer_is_left_alone_for_a_while) {
    Lab lab;
    TunnelRecord old = openvpn_record(0);
    lab.establish(old, 1s);
    lab.fake.now = Duration{100s}.count();
    TunnelRecord fresh = openvpn_record(1);
    fresh.started = Instant{100s};
    lab.push(fresh, TunnelEventKind::Started, 100s);
    static_cast<void>(lab.watch.run_once());
    EXPECT_NE(lab.lines.str().find("doesn't answer"), std::string::npos);
    const size_t asked = lab.fake.links[0]->requests.size();
    static_cast<void>(lab.watch.run_once());
    EXPECT_EQ(lab.fake.links[0]->requests.size(), asked);
    const FakeWorker late{lab.fake, 0, {}};
    while (lab.fake.links[0]->requests.size() != 0) {
    }
}

TEST(TunnelWatch, looks_at_all_tunnels_now_and_then_while_there_are_any) {
    Lab lab;
    TunnelRecord live = openvpn_record(0);
    lab.establish(live, 1s);
    static_cast<void>(lab.watch.run_once());
    live.last_seen[0] = Instant{8s};
    const FakeWorker worker{lab.fake, 0, {}, {live}};
    const auto heard_after = [&](Duration now) {
        lab.fake.now = now.count();
        static_cast<void>(lab.watch.run_once());
        return lab.watch.registry().list()[0]->last_seen(Side::Client);
    };
    EXPECT_EQ(heard_after(9s), Instant{1s});
    EXPECT_EQ(heard_after(10s), Instant{8s});
}

TEST(TunnelWatch, without_tunnels_no_worker_is_asked) {
    Lab lab;
    lab.fake.now = Duration{100s}.count();
    TunnelRecord candidate = openvpn_record(0);
    candidate.started = Instant{99s};
    lab.push(candidate, TunnelEventKind::Retried, 99s);
    static_cast<void>(lab.watch.run_once());
    EXPECT_EQ(lab.watch.registry().list().size(), 1U);
    EXPECT_EQ(lab.fake.links[0]->requests.size(), 0U);
}

TEST(TunnelWatch, what_was_lost_is_told_once) {
    Lab lab{2};
    EXPECT_EQ(lab.watch.take_lost(), 0U);
    lab.fake.links[1]->counters.tunnels.events_lost.add(3);
    TunnelTally::add(lab.counters.tunnels.news_lost, 2);
    EXPECT_EQ(lab.watch.take_lost(), 5U);
    EXPECT_EQ(lab.watch.take_lost(), 0U);
}

TEST(TunnelWatch, figures_come_from_every_worker) {
    Lab lab{2};
    TunnelRecord first = openvpn_record(0, 0);
    TunnelRecord second = openvpn_record(1, 1);
    first.stage = second.stage = TunnelStage::Established;
    const FakeWorker one{lab.fake, 0, {}, {first}};
    const FakeWorker two{lab.fake, 1, {}, {second}};
    ASSERT_TRUE(lab.watch.refresh().has_value());
    EXPECT_EQ(lab.watch.registry().list().size(), 2U);
}

}  // namespace
}  // namespace ravelin
