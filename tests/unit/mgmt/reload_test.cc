// SPDX-License-Identifier: BSD-3-Clause
#include "mgmt/reload.h"

#include "fake_appliance.h"

#include <gtest/gtest.h>

#include <fstream>

namespace ravelin {
namespace {

using test::FakeAppliance;
using test::FakeWorker;

constexpr const char* kConfig = R"(version: 1
ports:
  outside: {device: "net_null0"}
  inside: {device: "net_null1"}
wires:
  - {name: vpn, outside: outside, inside: inside}
rules:
  - {name: allow-vpn, from: outside, protocol: udp, destination_ports: [1194], action: allow}
)";

void write(const std::string& path, const std::string& text) {
    std::ofstream{path} << text;
}

/// An appliance that runs kConfig.
class ReloadTest : public ::testing::Test {
  protected:
    ReloadTest() {
        path_ = fake_.directory.file("ravelin.yaml");
        write(path_, kConfig);
        LoadResult loaded = load_config_file(path_);
        EXPECT_TRUE(loaded.config.has_value()) << render_findings(loaded, loaded.text, path_);
        if (loaded.config) fake_.appliance.config = *loaded.config;
        fake_.appliance.config.path = path_;
        EXPECT_NE(fake_.runtime.publish(first_runtime(fake_.appliance.config)), nullptr);
        state_ = std::make_unique<ConfigState>(fake_.appliance);
        reloader_ = std::make_unique<Reloader>(fake_.appliance, *state_);
    }
    ReloadOutcome reload(const std::string& text) {
        write(path_, text);
        return reloader_->reload();
    }
    static std::string changed(const std::string& from, const std::string& to) {
        std::string text = kConfig;
        const size_t at = text.find(from);
        EXPECT_NE(at, std::string::npos) << from;
        return text.replace(at, from.size(), to);
    }
    [[nodiscard]] uint64_t count(ReloadResult result) const {
        return state_->status().reloads[static_cast<size_t>(result)];
    }

    FakeAppliance fake_;
    std::string path_;
    std::unique_ptr<ConfigState> state_;
    std::unique_ptr<Reloader> reloader_;
};

TEST_F(ReloadTest, timeouts_of_a_rule_stay_in_the_set_that_its_connections_name) {
    const FakeWorker worker{fake_, 0, {}};
    const std::string rules = R"(
  - {name: first, protocol: udp, timeouts: {udp_replied: 5m}, action: allow}
  - {name: second, protocol: tcp, timeouts: {tcp_established: 1h}, action: allow}
)";
    const auto with_rules = [&](const std::string& text) {
        return changed("rules:\n", "rules:" + text);
    };
    ASSERT_EQ(reload(with_rules(rules)).result, ReloadResult::Applied);
    const auto set_of = [&](const std::string& name) -> int {
        for (const Rule& rule : fake_.runtime.get().policy.rules)
            if (rule.name == name) return rule.timeout_set;
        return -1;
    };
    const auto timeouts = [&](size_t set) {
        return fake_.runtime.get().tracking_of_rules.at(set - 1).timeouts;
    };
    EXPECT_EQ(set_of("first"), 1);
    EXPECT_EQ(set_of("second"), 2);
    EXPECT_EQ(set_of("allow-vpn"), 0);
    EXPECT_EQ(timeouts(1).udp_replied, 5min);
    EXPECT_EQ(timeouts(1).udp_unreplied, 30s) << "left out, it is the general one";
    EXPECT_EQ(timeouts(2).tcp_established, 1h);

    // In another order, with another value, and with another general one.
    ASSERT_EQ(reload(with_rules(R"(
  - {name: second, protocol: tcp, timeouts: {tcp_established: 2h}, action: allow}
  - {name: first, protocol: udp, timeouts: {udp_replied: 10m}, action: allow}
)") + "conntrack: {timeouts: {udp_unreplied: 7s}}\n")
                  .result,
              ReloadResult::Applied);
    EXPECT_EQ(set_of("first"), 1);
    EXPECT_EQ(set_of("second"), 2);
    EXPECT_EQ(timeouts(1).udp_replied, 10min);
    EXPECT_EQ(timeouts(1).udp_unreplied, 7s);
    EXPECT_EQ(timeouts(2).tcp_established, 2h);

    // Without the rules their connections go on with the general timeouts.
    ASSERT_EQ(reload(kConfig + std::string{"conntrack: {timeouts: {udp_replied: 9s}}\n"}).result,
              ReloadResult::Applied);
    EXPECT_EQ(timeouts(1).udp_replied, 9s);
    EXPECT_EQ(timeouts(2).tcp_established, Timeouts{}.tcp_established);
}

TEST_F(ReloadTest, a_changed_rule_and_timeout_reach_the_workers) {
    const FakeWorker worker{fake_, 0, {}};
    const auto outcome =
        reload(changed("[1194]", "[1194, 51820]") + "conntrack: {timeouts: {udp_unreplied: 7s}}\n");
    ASSERT_EQ(outcome.result, ReloadResult::Applied) << outcome.findings;
    EXPECT_EQ(outcome.generation, 2);
    const Runtime& runtime = fake_.runtime.get();
    EXPECT_EQ(runtime.generation, 2);
    EXPECT_EQ(runtime.tracking.timeouts.udp_unreplied, Duration{7s});
    EXPECT_EQ(runtime.policy.rules.at(0).destination_ports.size(), 2U);
    EXPECT_EQ(reloader_->retiring(), 0U);
    EXPECT_EQ(state_->status().generation, 2);
    EXPECT_EQ(count(ReloadResult::Applied), 1U);
}

TEST_F(ReloadTest, the_same_file_again_changes_nothing) {
    const Runtime* before = &fake_.runtime.get();
    const auto outcome = reload(kConfig);
    EXPECT_EQ(outcome.result, ReloadResult::Unchanged);
    EXPECT_EQ(&fake_.runtime.get(), before);
    EXPECT_EQ(count(ReloadResult::Unchanged), 1U);
}

TEST_F(ReloadTest, a_broken_file_changes_nothing_and_says_where) {
    const Runtime* before = &fake_.runtime.get();
    const auto outcome = reload(changed("protocol: udp", "protocl: udp"));
    EXPECT_EQ(outcome.result, ReloadResult::Rejected);
    EXPECT_EQ(outcome.generation, 1);
    EXPECT_TRUE(outcome.findings.starts_with(path_ + ":8:")) << outcome.findings;
    EXPECT_EQ(&fake_.runtime.get(), before);
    EXPECT_FALSE(state_->status().last_reload_successful);
    EXPECT_EQ(count(ReloadResult::Rejected), 1U);
    EXPECT_EQ(reload(kConfig).result, ReloadResult::Unchanged);
    EXPECT_TRUE(state_->status().last_reload_successful);
}

TEST_F(ReloadTest, a_missing_file_changes_nothing) {
    std::filesystem::remove(path_);
    EXPECT_EQ(reloader_->reload().result, ReloadResult::Rejected);
    EXPECT_EQ(fake_.runtime.get().generation, 1);
}

struct Restart {
    const char* from;
    const char* to;
    const char* finding;
};

TEST_F(ReloadTest, what_needs_a_restart_is_refused_at_its_line) {
    const Restart cases[] = {
        {"net_null1", "net_null2", ":2:1: error: the ports can't change while ravelind runs"},
        {"outside: outside, inside: inside", "outside: inside, inside: outside",
         ":5:1: error: the ends of the wires can't change while ravelind runs"},
        {"version: 1\n", "version: 1\nhttp: {listen: \"127.0.0.1:9118\"}\n",
         ":2:1: error: the HTTP address can't change while ravelind runs"},
        {"version: 1\n", "version: 1\ncores: {management: [0], workers: [0, 1]}\n",
         ":2:1: error: the cores can't change while ravelind runs"},
        {"version: 1\n", "version: 1\nsteering: ports\n",
         ":2:1: error: the steering can't change while ravelind runs"},
        {"version: 1\n", "version: 1\ncontrol: {socket: /run/other/x.sock}\n",
         ":2:1: error: the control socket can't change while ravelind runs"},
        {"version: 1\n", "version: 1\nconntrack: {connections: 4096}\n",
         ":2:1: error: the size of the connection table can't change while ravelind runs"},
        {"version: 1\n", "version: 1\nconntrack: {tombstones: {capacity: 4096}}\n",
         ":2:1: error: the room for tombstones can't change while ravelind runs"},
        {"version: 1\n", "version: 1\neal: [\"--no-huge\"]\n",
         ":2:1: error: the options of EAL can't change while ravelind runs"},
    };
    for (const Restart& restart : cases) {
        const auto outcome = reload(changed(restart.from, restart.to));
        EXPECT_EQ(outcome.result, ReloadResult::Rejected) << restart.to;
        EXPECT_NE(outcome.findings.find(path_ + restart.finding), std::string::npos)
            << outcome.findings;
    }
    EXPECT_EQ(fake_.runtime.get().generation, 1);
}

TEST_F(ReloadTest, what_happens_by_default_on_a_wire_may_change) {
    const FakeWorker worker{fake_, 0, {}};
    const auto outcome =
        reload(changed("inside: inside}", "inside: inside, default: {from_outside: allow}}"));
    EXPECT_EQ(outcome.result, ReloadResult::Applied) << outcome.findings;
}

TEST_F(ReloadTest, the_old_value_lives_until_every_worker_has_let_go) {
    fake_.quiescence.enter(0);
    const auto outcome = reload(changed("[1194]", "[1195]"));
    EXPECT_EQ(outcome.result, ReloadResult::Applied);
    EXPECT_NE(outcome.message.find("has not taken it up yet"), std::string::npos);
    EXPECT_EQ(reloader_->retiring(), 1U);
    fake_.quiescence.report(0);
    reloader_->retire();
    EXPECT_EQ(reloader_->retiring(), 0U);
    fake_.quiescence.leave(0);
}

TEST_F(ReloadTest, rules_keep_their_counts_by_name_when_their_places_change) {
    const FakeWorker worker{fake_, 0, {}};
    const auto matched = [&](const std::string& rule) -> uint64_t {
        for (const auto& series : state_->rule_matches())
            if (series.rule == rule) return series.matched;
        ADD_FAILURE() << "no series of " << rule;
        return 0;
    };
    WorkerCounters& counters = fake_.links[0]->counters;
    counters.rule_matched[0].add(10);
    counters.rule_matched[rule_counter_index(Policy::kDefaultRule)].add(3);
    EXPECT_EQ(matched("allow-vpn"), 10U);
    ASSERT_EQ(
        reload(changed("rules:\n", "rules:\n  - {name: first, protocol: tcp, action: drop}\n"))
            .result,
        ReloadResult::Applied);
    EXPECT_EQ(matched("first"), 0U);
    EXPECT_EQ(matched("allow-vpn"), 10U);
    counters.rule_matched[0].add(1);
    counters.rule_matched[1].add(2);
    EXPECT_EQ(matched("first"), 1U);
    EXPECT_EQ(matched("allow-vpn"), 12U);
    EXPECT_EQ(matched("default"), 3U);
}

TEST_F(ReloadTest, the_log_is_told_of_what_was_applied) {
    const FakeWorker worker{fake_, 0, {}};
    std::string level;
    Reloader reloader{fake_.appliance, *state_,
                      [&](const Config& config) { level = config.log.level; }};
    write(path_, std::string{kConfig} + "log: {level: debug}\n");
    ASSERT_EQ(reloader.reload().result, ReloadResult::Applied);
    EXPECT_EQ(level, "debug");
}

}  // namespace
}  // namespace ravelin
