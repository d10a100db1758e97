// SPDX-License-Identifier: BSD-3-Clause
#include "control_client.h"
#include "mgmt/control_server.h"
#include "tunnel_script.h"

#include <gtest/gtest.h>
#include <spdlog/sinks/null_sink.h>

#include <optional>

namespace ravelin {
namespace {

using nlohmann::json;
using test::ControlClient;
using test::FakeAppliance;
using test::FakeWorker;
using test::openvpn_record;
using test::TunnelScript;

TunnelRecord established(uint32_t number) {
    TunnelRecord record = openvpn_record(number);
    record.session[0] = 0x43e5c0de00000000 + (uint64_t{number} << 48);
    record.stage = TunnelStage::Established;
    record.established = Instant{50ms};
    record.last_seen = {Instant{90s}, Instant{95s}};
    return record;
}

/// A control server whose one worker has two tunnels, run by a thread of its own.
class TunnelCommands : public ::testing::Test {
  protected:
    TunnelCommands() {
        fake_.now = Duration{100s}.count();
        auto pool = TbbPool::create({}, 2);
        EXPECT_TRUE(pool.has_value());
        pool_ = std::move(*pool);
        commands_.emplace(Commands::Parts{fake_.appliance, registry_, config_,
                                          [this] { return reloader_.reload(); }, *pool_, &watch_});
        auto server = ControlServer::open(fake_.appliance, *commands_, config_, counters_);
        EXPECT_TRUE(server.has_value()) << server.error().message;
        server_.emplace(std::move(*server));
        thread_ = std::thread{[this] {
            while (!stop_) {
                server_->run_once(5ms);
                server_->tell(watch_.run_once());
            }
        }};
    }
    ~TunnelCommands() override {
        stop_ = true;
        thread_.join();
    }
    [[nodiscard]] std::string path() const { return fake_.appliance.config.control.socket; }
    void emit(const TunnelRecord& record, TunnelEventKind kind) {
        EXPECT_TRUE(fake_.links[0]->tunnel_events.push(TunnelScript::make(record, kind, 100s)));
    }

    FakeAppliance fake_;
    FakeWorker worker_{fake_, 0, {}, {established(0), established(1)}};
    ManagementCounters counters_;
    Log log_{counters_, std::make_shared<spdlog::sinks::null_sink_mt>(),
             [] { return std::chrono::system_clock::time_point{}; }};
    ConfigState config_{fake_.appliance};
    Registry registry_;
    Reloader reloader_{fake_.appliance, config_};
    std::unique_ptr<TbbPool> pool_;
    TunnelWatch watch_{fake_.appliance, counters_.tunnels, log_, HashSecret{}};
    std::optional<Commands> commands_;
    std::optional<ControlServer> server_;
    std::atomic<bool> stop_{false};
    std::thread thread_;
};

TEST_F(TunnelCommands, tunnels_are_one_object_per_line_with_hashed_ids) {
    ControlClient client{path()};
    const auto lines = client.ask(R"({"cmd":"tunnels"})");
    ASSERT_EQ(lines.size(), 3U);
    EXPECT_EQ(lines[0]["client"]["endpoint"], "198.51.100.2:40000");
    EXPECT_EQ(lines[0]["client"]["heard_ago_s"], 10.0);
    EXPECT_NE(lines[0]["id"], "43e5c0de");
    EXPECT_EQ(lines[2], json::parse(R"({"end":true,"shown":2,"total":2})"));
    const auto named = client.ask(R"({"cmd":"tunnels","ids":"session"})");
    EXPECT_EQ(named[0]["id"], "43e5c0de");
    EXPECT_EQ(named[1]["id"], "43e6c0de");
}

TEST_F(TunnelCommands, a_table_is_text_with_the_sessions_ids) {
    ControlClient client{path()};
    const auto lines = client.ask(R"({"cmd":"tunnels","output":"table"})");
    ASSERT_EQ(lines.size(), 2U);
    EXPECT_EQ(lines[0]["text"].get<std::string>().find("ID        VPN      STATE"), 0U);
    EXPECT_NE(lines[0]["text"].get<std::string>().find("\n43e6c0de  openvpn  established"),
              std::string::npos);
}

TEST_F(TunnelCommands, one_tunnel_is_found_by_either_id_or_its_beginning) {
    ControlClient client{path()};
    const std::string hashed = client.ask(R"({"cmd":"tunnels"})")[1]["id"].get<std::string>();
    for (const std::string& id :
         {std::string{"43e6"}, std::string{"43E6C0DE"}, hashed, std::string{"43e6c0de00000000"}}) {
        const auto lines = client.ask(R"({"cmd":"tunnel","id":")" + id + "\"}");
        ASSERT_EQ(lines.size(), 2U) << id;
        EXPECT_EQ(lines[0]["client"]["endpoint"], "198.51.100.2:40001");
        EXPECT_TRUE(lines[0].contains("time_line"));
    }
    const auto page = client.ask(R"({"cmd":"tunnel","id":"43e6","output":"text"})");
    EXPECT_EQ(page[0]["text"].get<std::string>().find("tunnel 43e6c0de\n"), 0U);
}

TEST_F(TunnelCommands, a_bad_request_is_told_what_was_expected) {
    ControlClient client{path()};
    EXPECT_EQ(client.error_of(R"({"cmd":"tunnels","output":"xml"})"),
              "\"output\" must be one of json, table");
    EXPECT_EQ(client.error_of(R"({"cmd":"tunnels","ids":7})"),
              "\"ids\" must be one of hashed, session");
    EXPECT_EQ(client.error_of(R"({"cmd":"tunnel"})"),
              "\"id\" must be the id of a tunnel, as {\"cmd\":\"tunnels\"} lists them");
    EXPECT_EQ(client.error_of(R"({"cmd":"tunnel","id":12})"),
              "\"id\" must be the id of a tunnel, as {\"cmd\":\"tunnels\"} lists them");
    for (const char* id : {"", "xyz", "0123456789abcdef0"})
        EXPECT_EQ(client.error_of(R"({"cmd":"tunnel","id":")" + std::string{id} + "\"}"),
                  "an id is 1 to 16 hexadecimal digits, as in 43e5c0de");
    EXPECT_EQ(client.error_of(R"({"cmd":"tunnel","id":"00000000"})"),
              "no tunnel has the id 00000000");
    EXPECT_EQ(client.error_of(R"({"cmd":"tunnel","id":"43e"})"),
              "several tunnels' ids begin with 43e");
}

TEST_F(TunnelCommands, what_has_ended_is_shown_when_all_is_wanted) {
    TunnelRecord ended = established(2);
    emit(ended, TunnelEventKind::Established);
    ended.stage = TunnelStage::Closed;
    emit(ended, TunnelEventKind::Ended);
    ControlClient client{path()};
    while (counters_.tunnels.events[static_cast<size_t>(TunnelEventKind::Ended)] == 0) {
    }
    EXPECT_EQ(client.ask(R"({"cmd":"tunnels"})").back(),
              json::parse(R"({"end":true,"shown":2,"total":3})"));
    const auto lines = client.ask(R"({"cmd":"tunnels","all":true})");
    ASSERT_EQ(lines.size(), 4U);
    EXPECT_EQ(lines[2]["state"], "closed");
}

TEST_F(TunnelCommands, listeners_get_what_happens_to_tunnels_with_an_explanation) {
    ControlClient client{path()};
    client.send("{\"cmd\":\"events\",\"output\":\"json\",\"count\":2}\n");
    EXPECT_EQ(json::parse(client.line())["listening"], true);
    emit(established(0), TunnelEventKind::Established);
    emit(established(0), TunnelEventKind::UnderLoad);
    const json first = json::parse(client.line());
    EXPECT_EQ(first["event"], "tunnel");
    EXPECT_EQ(first["kind"], "established");
    EXPECT_EQ(first["wire"], "vpn");
    const json second = json::parse(client.line());
    EXPECT_EQ(second["explanation"],
              "the server is under load: it asks the client for a cookie first");
    EXPECT_EQ(json::parse(client.line())["end"], true);
}

TEST_F(TunnelCommands, listeners_filters_ask_for_the_tunnels_ends) {
    ControlClient client{path()};
    client.send(
        "{\"cmd\":\"events\",\"output\":\"json\",\"count\":1,"
        "\"filters\":{\"sport\":\"40001\"}}\n");
    EXPECT_EQ(json::parse(client.line())["listening"], true);
    emit(established(0), TunnelEventKind::Established);
    emit(established(1), TunnelEventKind::Established);
    EXPECT_EQ(json::parse(client.line())["client"], "198.51.100.2:40001");
}

TEST_F(TunnelCommands, conntrack_lines_know_no_tunnels) {
    ControlClient client{path()};
    client.send("{\"cmd\":\"events\",\"output\":\"conntrack\",\"count\":1}\n");
    EXPECT_EQ(json::parse(client.line())["listening"], true);
    emit(established(0), TunnelEventKind::Established);
    FlowEvent event;
    event.flow = test::udp_flow(1);
    while (counters_.tunnels.events[static_cast<size_t>(TunnelEventKind::Established)] == 0) {
    }
    EXPECT_TRUE(fake_.links[0]->events.push(event));
    EXPECT_NE(client.line().find("[NEW] udp"), std::string::npos);
}

}  // namespace
}  // namespace ravelin
