// SPDX-License-Identifier: BSD-3-Clause
#include "mgmt/control_server.h"

#include "control_client.h"
#include "fake_appliance.h"
#include "mgmt/metrics_catalog.h"
#include "packet/drop_reason.h"

#include <gtest/gtest.h>

#include <optional>

namespace ravelin {
namespace {

using nlohmann::json;
using test::ControlClient;
using test::FakeAppliance;
using test::FakeWorker;

/// A control server over a real socket, run by a thread of its own.
class ControlTest : public ::testing::Test {
  protected:
    explicit ControlTest(uint32_t flows = 3) : worker_{fake_, 0, test::udp_flows(flows)} {
        fake_.links[0]->counters.entries.set(flows);
        auto pool = TbbPool::create({}, 2);
        EXPECT_TRUE(pool.has_value());
        pool_ = std::move(*pool);
        register_metrics(registry_, {fake_.appliance, config_, counters_});
        commands_.emplace(Commands::Parts{fake_.appliance, registry_, config_,
                                          [this] { return reloader_.reload(); }, *pool_});
        auto server = ControlServer::open(fake_.appliance, *commands_, config_, counters_);
        EXPECT_TRUE(server.has_value()) << server.error().message;
        server_.emplace(std::move(*server));
        thread_ = std::thread{[this] {
            while (!stop_) {
                server_->run_once(5ms);
                if (const char* line = announcement_.exchange(nullptr)) server_->announce(line);
            }
        }};
    }
    ~ControlTest() override {
        stop_ = true;
        thread_.join();
    }

    [[nodiscard]] std::string path() const { return fake_.appliance.config.control.socket; }
    void emit(uint32_t number, EventKind kind) {
        FlowEvent event;
        event.kind = kind;
        event.at = Instant{1s + Duration{number}};
        event.flow = test::udp_flow(number);
        if (!fake_.links[0]->events.push(event)) fake_.links[0]->counters.events_lost.add();
    }
    [[nodiscard]] uint64_t requests(bool ok) const {
        const auto& counts = counters_.requests[static_cast<size_t>(Transport::Unix)];
        return ok ? counts.ok : counts.error;
    }

    FakeAppliance fake_;
    FakeWorker worker_;
    ManagementCounters counters_;
    ConfigState config_{fake_.appliance};
    Registry registry_;
    Reloader reloader_{fake_.appliance, config_};
    std::unique_ptr<TbbPool> pool_;
    std::optional<Commands> commands_;
    std::optional<ControlServer> server_;
    std::atomic<bool> stop_{false};
    std::atomic<const char*> announcement_{nullptr};  ///< for the thread to make
    std::thread thread_;
};

TEST_F(ControlTest, flows_are_one_object_per_line_and_an_end) {
    ControlClient client{path()};
    const auto lines = client.ask(R"({"cmd":"flows"})");
    ASSERT_EQ(lines.size(), 4U);
    EXPECT_EQ(lines[0]["id"], 1);
    EXPECT_EQ(lines[0]["original"]["source"], "10.0.0.0");
    EXPECT_EQ(lines[0]["rule"], "allow-vpn");
    EXPECT_EQ(lines[3], json::parse(R"({"end":true,"shown":3,"total":3})"));
}

TEST_F(ControlTest, flows_are_filtered_sorted_and_limited) {
    ControlClient client{path()};
    const auto lines = client.ask(
        R"({"cmd":"flows","filters":{"source":"10.0.0.0/31","sort":"bytes","limit":"1"}})");
    ASSERT_EQ(lines.size(), 2U);
    EXPECT_EQ(lines[0]["id"], 2);
    EXPECT_EQ(lines[1]["shown"], 1);
    EXPECT_EQ(lines[1]["total"], 3);
}

TEST_F(ControlTest, flows_in_conntracks_form_are_its_lines) {
    ControlClient client{path()};
    const auto lines =
        client.ask(R"({"cmd":"flows","output":"conntrack","id":true,"filters":{"sport":40001}})");
    ASSERT_EQ(lines.size(), 2U);
    EXPECT_EQ(lines[0]["text"],
              "udp      17 30 src=10.0.0.1 dst=198.51.100.1 sport=40001 dport=1194 packets=2 "
              "bytes=200 src=198.51.100.1 dst=10.0.0.1 sport=1194 dport=40001 packets=1 bytes=50 "
              "mark=0 use=1 id=2\n");
}

TEST_F(ControlTest, stale_lists_late_packets_as_objects_or_as_a_table) {
    ControlClient client{path()};
    EXPECT_EQ(client.ask(R"({"cmd":"stale"})").at(0), json::parse(R"({"end":true,"shown":0})"));
    worker_.meet_late(1);
    const auto objects = client.ask(R"({"cmd":"stale"})");
    ASSERT_EQ(objects.size(), 2U);
    EXPECT_EQ(objects[0]["source"], "10.0.0.1:40001");
    EXPECT_EQ(objects[0]["packets"], 1);
    EXPECT_EQ(objects[1]["shown"], 1);
    const auto table = client.ask(R"({"cmd":"stale","output":"table"})");
    ASSERT_EQ(table.size(), 2U);
    EXPECT_TRUE(table[0]["text"].get<std::string>().starts_with("LAST"));
    EXPECT_EQ(client.ask(R"({"cmd":"stale","output":"conntrack"})").at(0)["error"],
              R"("output" must be one of json, table)");
}

TEST_F(ControlTest, denied_lists_packets_as_objects_or_as_a_table_and_filters_them) {
    ControlClient client{path()};
    const json none = json::parse(R"({"end":true,"shown":0,"total":0})");
    EXPECT_EQ(client.ask(R"({"cmd":"denied"})").at(0), none);
    worker_.deny(1);
    const auto objects = client.ask(R"({"cmd":"denied","filters":{"source":"10.0.0.0/24"}})");
    ASSERT_EQ(objects.size(), 2U);
    EXPECT_EQ(objects[0]["source"], "10.0.0.1:40001");
    EXPECT_EQ(objects[0]["rule"], "allow-vpn");
    EXPECT_EQ(objects[1]["shown"], 1);
    const auto table = client.ask(R"({"cmd":"denied","output":"table"})");
    ASSERT_EQ(table.size(), 2U);
    EXPECT_TRUE(table[0]["text"].get<std::string>().starts_with("LAST"));
    for (const char* filter : {R"("source":"10.0.1.0/24")", R"("limit":0)"}) {
        const auto left = client.ask(R"({"cmd":"denied","filters":{)" + std::string{filter} + "}}");
        ASSERT_EQ(left.size(), 1U) << filter;
        EXPECT_EQ(left[0]["shown"], 0) << filter;
        EXPECT_EQ(left[0]["total"], 1) << filter;
    }
    EXPECT_EQ(client.ask(R"({"cmd":"denied","filters":{"colour":"red"}})").at(0).count("error"),
              1U);
    EXPECT_EQ(client.ask(R"({"cmd":"denied","output":"conntrack"})").at(0)["error"],
              R"("output" must be one of json, table)");
}

TEST_F(ControlTest, drops_have_keyword_sentence_fix_and_counts_of_every_reason) {
    const auto reason = static_cast<size_t>(DropReason::PolicyDefault);
    fake_.links[0]->counters.dropped[reason].packets.add(7);
    fake_.links[0]->counters.dropped[reason].bytes.add(700);
    ControlClient client{path()};
    const auto lines = client.ask(R"({"cmd":"drops"})");
    EXPECT_EQ(lines.size(), kDropReasonCount);
    EXPECT_EQ(lines[reason - 1]["reason"], "policy_default");
    EXPECT_EQ(lines[reason - 1]["packets"], 7);
    EXPECT_EQ(lines[reason - 1]["bytes"], 700);
    for (size_t i = 0; i + 1 < lines.size(); ++i) {
        EXPECT_FALSE(lines[i]["sentence"].get<std::string>().empty());
        EXPECT_FALSE(lines[i]["fix"].get<std::string>().empty());
    }
    EXPECT_EQ(lines.back()["packets"], 7);
}

TEST_F(ControlTest, stats_are_the_registry) {
    ControlClient client{path()};
    const auto lines = client.ask(R"({"cmd":"stats"})");
    ASSERT_EQ(lines.size(), registry_.families().size() + 1);
    for (size_t i = 0; i < registry_.families().size(); ++i)
        EXPECT_EQ(lines[i]["name"], registry_.families()[i].info.name);
}

TEST_F(ControlTest, version_and_health_tell_what_runs) {
    ControlClient client{path()};
    const json version = client.ask(R"({"cmd":"version"})").back();
    EXPECT_EQ(version["version"], "0.1.0");
    EXPECT_EQ(version["dpdk"], "DPDK 22.11.11");
    EXPECT_EQ(version["generation"], 1);
    EXPECT_TRUE(client.ask(R"({"cmd":"health"})").back()["ready"].get<bool>());
    fake_.inside_up = false;
    const auto lines = client.ask(R"({"cmd":"health"})");
    EXPECT_FALSE(lines.back()["ready"].get<bool>());
    EXPECT_EQ(lines[1],
              json::parse(R"({"check":"ports","ok":false,"detail":"port inside has no link"})"));
}

TEST_F(ControlTest, flush_reaches_the_workers) {
    ControlClient client{path()};
    EXPECT_EQ(client.ask(R"({"cmd":"flush"})").back()["flushed"], 3);
    EXPECT_EQ(worker_.flushes(), 1U);
}

TEST_F(ControlTest, a_reload_of_a_missing_file_is_refused_with_its_findings) {
    ControlClient client{path()};
    const json answer = client.ask(R"({"cmd":"reload"})").back();
    EXPECT_EQ(answer["result"], "rejected");
    EXPECT_EQ(answer["generation"], 1);
    EXPECT_FALSE(answer["findings"].get<std::string>().empty());
}

struct BadRequest {
    const char* request;
    const char* error;
};

TEST_F(ControlTest, a_bad_request_is_told_and_the_connection_goes_on) {
    const BadRequest cases[] = {
        {"", "a request is one JSON object on one line"},
        {"hello", "a request is one JSON object on one line"},
        {"[1]", "a request is one JSON object on one line"},
        {R"({"cmd":)", "a request is one JSON object on one line"},
        {"{}", "the request has no \"cmd\""},
        {R"({"cmd":7})", "the request has no \"cmd\""},
        {R"({"cmd":"format"})",
         "unknown command \"format\" (flows, events, stale, denied, tunnels, tunnel, drops, "
         "stats, version, health, clock, reload, flush)"},
        {R"({"cmd":"flows","output":"xml"})", "\"output\" must be one of json, table, conntrack"},
        {R"({"cmd":"flows","filters":7})", "\"filters\" must be an object"},
        {R"({"cmd":"events","count":0})", "\"count\" must be a number over 0"},
        {R"({"cmd":"events","output":"table"})", "\"output\" must be one of json, conntrack"},
    };
    ControlClient client{path()};
    for (const BadRequest& bad : cases)
        EXPECT_EQ(client.error_of(bad.request), bad.error) << bad.request;
    EXPECT_EQ(client.ask(R"({"cmd":"version"})").size(), 1U);
    EXPECT_EQ(requests(false), std::size(cases));
    EXPECT_EQ(requests(true), 1U);
}

TEST_F(ControlTest, deeply_nested_json_is_refused_and_harms_nobody) {
    ControlClient client{path()};
    EXPECT_EQ(client.error_of(std::string(60000, '[')), "a request is one JSON object on one line");
}

TEST_F(ControlTest, an_oversized_request_is_refused_and_cut_off) {
    ControlClient client{path()};
    client.send(std::string(ControlServer::kMaxRequestBytes + 16384, 'x'));
    EXPECT_EQ(client.line(), R"({"error":"a request has at most 65536 bytes"})");
    EXPECT_EQ(client.line(), "");
}

TEST_F(ControlTest, a_request_may_come_in_pieces_and_several_at_once) {
    ControlClient client{path()};
    client.send(R"({"cmd":"ver)");
    client.send(R"(sion"})");
    client.send("\n{\"cmd\":\"version\"}\n{\"cmd\":\"version\"}\n");
    for (int i = 0; i < 3; ++i)
        EXPECT_NE(client.line().find("\"version\":\"0.1.0\""), std::string::npos);
}

TEST_F(ControlTest, a_peer_that_says_it_is_done_still_gets_its_answer) {
    ControlClient client{path()};
    client.send("{\"cmd\":\"version\"}\n");
    client.half_close();
    EXPECT_NE(client.line().find("\"version\":\"0.1.0\""), std::string::npos);
    EXPECT_EQ(client.line(), "");
}

TEST_F(ControlTest, a_slow_request_is_cut_off_after_two_seconds) {
    ControlClient client{path()};
    client.send(R"({"cmd":"version")");
    ControlClient other{path()};
    EXPECT_EQ(other.ask(R"({"cmd":"version"})").size(), 1U);
    fake_.now += Duration{ControlServer::kRequestDeadline}.count();
    EXPECT_EQ(client.line(), R"({"error":"no complete request within 2 s"})");
    EXPECT_EQ(client.line(), "");
}

TEST_F(ControlTest, the_ninth_client_is_told_to_come_back) {
    std::vector<std::unique_ptr<ControlClient>> clients;
    for (size_t i = 0; i < ControlServer::kMaxClients; ++i) {
        clients.push_back(std::make_unique<ControlClient>(path()));
        EXPECT_EQ(clients.back()->ask(R"({"cmd":"version"})").size(), 1U);
    }
    ControlClient ninth{path()};
    EXPECT_EQ(ninth.line(), R"({"error":"busy: 8 clients are connected"})");
    EXPECT_EQ(clients.front()->ask(R"({"cmd":"version"})").size(), 1U);
}

TEST_F(ControlTest, events_reach_a_listener_as_conntrack_prints_them) {
    ControlClient client{path()};
    client.send(R"({"cmd":"events","output":"conntrack","timestamp":true,"count":2})"
                "\n");
    EXPECT_EQ(client.line(), R"({"listening":true})");
    EXPECT_TRUE(fake_.links[0]->events_wanted);
    emit(1, EventKind::New);
    emit(2, EventKind::Destroy);
    const json first = json::parse(client.line());
    EXPECT_EQ(first["text"],
              "[1700000001.000000]\t    [NEW] udp      17 30 src=10.0.0.1 dst=198.51.100.1 "
              "sport=40001 dport=1194 src=198.51.100.1 dst=10.0.0.1 sport=1194 dport=40001\n");
    const json second = json::parse(client.line());
    EXPECT_TRUE(second["text"].get<std::string>().starts_with(
        "[1700000001.000000]\t[DESTROY] udp      17 30 src=10.0.0.2"));
    EXPECT_EQ(client.line(), R"({"end":true})");
    EXPECT_EQ(client.line(), "");
}

TEST_F(ControlTest, late_and_denied_packets_are_events_with_an_explanation_and_none_of_conntracks) {
    struct Case {
        EventKind kind;
        const char* word;
        const char* explanation;
    };
    for (const Case& c : {Case{EventKind::Stale, "stale", "late packet of a UDP"},
                          Case{EventKind::Denied, "denied", "a new UDP connection from"}}) {
        SCOPED_TRACE(c.word);
        ControlClient objects{path()};
        ControlClient lines{path()};
        objects.send(R"({"cmd":"events","count":1})"
                     "\n");
        lines.send(R"({"cmd":"events","output":"conntrack","count":1})"
                   "\n");
        EXPECT_EQ(objects.line(), R"({"listening":true})");
        EXPECT_EQ(lines.line(), R"({"listening":true})");
        emit(1, c.kind);
        emit(2, EventKind::New);
        const json event = json::parse(objects.line());
        EXPECT_EQ(event["event"], c.word);
        EXPECT_EQ(event["source"], "10.0.0.1:40001");
        EXPECT_TRUE(event["explanation"].get<std::string>().starts_with(c.explanation));
        EXPECT_TRUE(json::parse(lines.line())["text"].get<std::string>().starts_with("    [NEW] "));
        EXPECT_EQ(lines.line(), R"({"end":true})") << "it counted for nothing";
    }
}

TEST_F(ControlTest, events_are_filtered_and_have_a_json_form) {
    ControlClient client{path()};
    client.send(R"({"cmd":"events","count":1,"filters":{"source":"10.0.0.7"}})"
                "\n");
    EXPECT_EQ(client.line(), R"({"listening":true})");
    for (uint32_t i = 0; i < 10; ++i)
        emit(i, EventKind::Update);
    const json event = json::parse(client.line());
    EXPECT_EQ(event["event"], "update");
    EXPECT_EQ(event["flow"]["id"], 8);
    EXPECT_EQ(event["flow"]["wire"], "vpn");
}

TEST_F(ControlTest, what_happens_to_a_clock_is_told_to_those_who_take_everything) {
    ControlClient all{path()};
    ControlClient filtered{path()};
    ControlClient conntrack{path()};
    all.send("{\"cmd\":\"events\",\"filters\":{}}\n");
    filtered.send(R"({"cmd":"events","count":1,"filters":{"protocol":"udp"}})"
                  "\n");
    conntrack.send(R"({"cmd":"events","output":"conntrack","count":1})"
                   "\n");
    for (ControlClient* client : {&all, &filtered, &conntrack})
        EXPECT_EQ(client->line(), R"({"listening":true})");
    announcement_ = "{\"event\":\"clock\",\"message\":\"wall clock stepped by -7.0 s\"}\n";
    EXPECT_EQ(json::parse(all.line())["event"], "clock");
    emit(1, EventKind::New);
    EXPECT_EQ(json::parse(all.line())["event"], "new");
    EXPECT_EQ(json::parse(filtered.line())["event"], "new");
    EXPECT_TRUE(json::parse(conntrack.line())["text"].get<std::string>().starts_with("    [NEW]"));
}

TEST_F(ControlTest, the_clocks_have_whoever_asks_a_time_server_beside_them) {
    ControlClient client{path()};
    EXPECT_EQ(client.ask(R"({"cmd":"clock"})").at(0)["ntp"], json::array());
    worker_.ask_for_time(3);
    const json ntp = client.ask(R"({"cmd":"clock"})").at(0)["ntp"];
    ASSERT_EQ(ntp.size(), 1U);
    EXPECT_EQ(ntp[0]["server"], "203.0.113.1");
    EXPECT_EQ(ntp[0]["requests"], 3);
}

TEST(Commands, the_clocks_are_told_though_a_worker_stands_still) {
    FakeAppliance fake;  // nobody turns its worker, which has more questions than it can hold
    Request unanswered;
    while (fake.links[0]->requests.push(&unanswered)) {
    }
    ConfigState config{fake.appliance};
    const Registry registry;
    Reloader reloader{fake.appliance, config};
    auto pool = TbbPool::create({}, 1);
    ASSERT_TRUE(pool.has_value());
    Commands commands{Commands::Parts{fake.appliance, registry, config,
                                      [&] { return reloader.reload(); }, **pool}};
    const auto reply = commands.run(std::string_view{R"({"cmd":"clock"})"}, Role::ReadOnly);
    ASSERT_TRUE(reply.has_value());
    const json answer = json::parse(reply->text);
    EXPECT_TRUE(answer.contains("wall_clock"));
    EXPECT_EQ(answer.at("ntp"), nullptr);
    EXPECT_EQ(answer.at("end"), true);
}

TEST_F(ControlTest, the_clocks_are_one_object) {
    ControlClient client{path()};
    const auto lines = client.ask(R"({"cmd":"clock"})");
    ASSERT_EQ(lines.size(), 1U);
    EXPECT_EQ(lines[0]["end"], true);
    EXPECT_EQ(lines[0]["wall_clock"]["synchronised"], false);
    EXPECT_EQ(lines[0]["workers"][0]["worker"], "1");
}

TEST_F(ControlTest, workers_build_no_events_when_nobody_listens) {
    {
        ControlClient client{path()};
        client.send("{\"cmd\":\"events\"}\n");
        EXPECT_EQ(client.line(), R"({"listening":true})");
        EXPECT_TRUE(fake_.links[0]->events_wanted);
    }
    while (fake_.links[0]->events_wanted)
        std::this_thread::yield();
}

TEST_F(ControlTest, losses_in_the_workers_ring_are_told_in_band) {
    ControlClient client{path()};
    client.send(R"({"cmd":"events","output":"conntrack"})"
                "\n");
    EXPECT_EQ(client.line(), R"({"listening":true})");
    fake_.links[0]->counters.events_lost.add(312);
    EXPECT_EQ(client.line(), R"({"lost":312,"text":"# lost 312 events\n"})");
    emit(1, EventKind::New);
    EXPECT_TRUE(client.line().starts_with(R"({"text":"    [NEW] udp)"));
}

TEST_F(ControlTest, a_listener_that_does_not_read_loses_events_and_is_told_how_many) {
    ControlClient client{path()};
    client.send(R"({"cmd":"events"})"
                "\n");
    EXPECT_EQ(client.line(), R"({"listening":true})");
    uint64_t emitted = 0;
    while (counters_.events_lost_subscriber == 0) {
        if (fake_.links[0]->events.size() < fake_.links[0]->events.capacity()) {
            emit(1, EventKind::New);
            ++emitted;
        }
        std::this_thread::yield();
    }
    uint64_t seen = 0;
    uint64_t lost = 0;
    // It reads again: what is missing is told before what came after the gap.
    while (lost == 0) {
        const std::string line = client.line();
        if (line.starts_with("{\"lost\":")) lost = json::parse(line, nullptr, false)["lost"];
        if (line.starts_with("{\"event\":")) ++seen;
        if (seen + counters_.events_lost_subscriber >= emitted) {
            emit(1, EventKind::New);
            ++emitted;
        }
    }
    EXPECT_EQ(lost, counters_.events_lost_subscriber);
}

TEST_F(ControlTest, the_ninth_subscriber_is_refused) {
    std::vector<std::unique_ptr<ControlClient>> listeners;
    for (size_t i = 0; i < ControlServer::kMaxSubscribers; ++i) {
        listeners.push_back(std::make_unique<ControlClient>(path()));
        listeners.back()->send("{\"cmd\":\"events\"}\n");
        EXPECT_EQ(listeners.back()->line(), R"({"listening":true})");
    }
    ControlClient ninth{path()};
    EXPECT_EQ(ninth.error_of(R"({"cmd":"events"})"), "busy: 8 subscribers are connected");
    EXPECT_EQ(ninth.ask(R"({"cmd":"version"})").size(), 1U);
}

TEST_F(ControlTest, a_second_server_on_the_socket_is_refused) {
    ControlClient client{path()};
    const auto second = ControlServer::open(fake_.appliance, *commands_, config_, counters_);
    ASSERT_FALSE(second.has_value());
    EXPECT_NE(second.error().message.find("is in use by another ravelind (pid "),
              std::string::npos);
    EXPECT_EQ(client.ask(R"({"cmd":"version"})").size(), 1U);
}

/// The same with a table that is larger than any buffer on the way.
class LargeTableTest : public ControlTest {
  protected:
    LargeTableTest() : ControlTest{20000} {}
};

TEST_F(LargeTableTest, a_listing_arrives_whole_at_the_pace_of_its_reader) {
    ControlClient client{path()};
    client.send("{\"cmd\":\"flows\"}\n");
    for (uint32_t i = 1; i <= 20000; ++i) {
        const std::string line = client.line();
        ASSERT_TRUE(line.starts_with("{\"id\":" + std::to_string(i) + ",")) << line;
    }
    EXPECT_EQ(client.line(), R"({"end":true,"shown":20000,"total":20000})");
}

TEST_F(LargeTableTest, a_reader_that_stops_is_cut_off_after_ten_seconds) {
    ControlClient client{path()};
    client.send("{\"cmd\":\"flows\"}\n");
    EXPECT_NE(client.line(), "");
    // Until the buffers between them are full the server gets rid of some; then of nothing more.
    for (int round = 0; round < 5; ++round) {
        fake_.now += Duration{ControlServer::kReadDeadline}.count();
        ControlClient other{path()};
        EXPECT_EQ(other.ask(R"({"cmd":"version"})").size(), 1U);
    }
    size_t lines = 1;
    while (!client.line().empty())
        ++lines;
    EXPECT_LT(lines, 20001U);
}

TEST_F(LargeTableTest, a_third_listing_at_once_is_refused) {
    ControlClient first{path()};
    ControlClient second{path()};
    first.send("{\"cmd\":\"flows\"}\n");
    second.send("{\"cmd\":\"flows\"}\n");
    EXPECT_NE(first.line(), "");
    EXPECT_NE(second.line(), "");
    ControlClient third{path()};
    EXPECT_EQ(third.error_of(R"({"cmd":"flows"})"), "busy: 2 listings are being written");
}

}  // namespace
}  // namespace ravelin
