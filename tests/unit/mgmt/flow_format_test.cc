// SPDX-License-Identifier: BSD-3-Clause
#include "mgmt/flow_format.h"

#include "conntrack_lines.h"
#include "fake_appliance.h"
#include "mgmt/flow_listing.h"

#include <gtest/gtest.h>
#include <nlohmann/json.hpp>

namespace ravelin {
namespace {

using nlohmann::json;

const FlowNames kNames{{"vpn"}, {"allow-vpn"}, 1};

std::string flow_json(const FlowRecord& flow) {
    std::string out;
    append_flow_json(out, flow, kNames);
    return out;
}

TEST(FlowFormat, json_says_everything_about_a_flow) {
    FlowRecord flow = test::udp_flow(1);
    flow.flags |= connection_flag::kFromInside;
    flow.outer_vlan = 100;
    flow.age = 3199ms;
    EXPECT_EQ(flow_json(flow),
              R"({"id":2,"wire":"vpn","family":"ipv4","protocol":"udp","protocol_number":17,)"
              R"("state":"replied","replied":true,"assured":false,"opened_from":"inside",)"
              R"("timeout_s":30.0,"age_s":3.1,)"
              R"("original":{"source":"10.0.0.1","destination":"198.51.100.1","sport":40001,)"
              R"("dport":1194,"packets":2,"bytes":200},)"
              R"("reply":{"source":"198.51.100.1","destination":"10.0.0.1","sport":1194,)"
              R"("dport":40001,"packets":1,"bytes":50},)"
              R"("rule":"allow-vpn","vlan":[100],"worker":0})");
}

TEST(FlowFormat, an_spi_that_is_a_connection_is_told_for_its_own_direction) {
    FlowRecord flow = test::udp_flow(1);
    flow.protocol = ip_protocol::kEsp;
    flow.source_port = 0x0011;
    flow.destination_port = 0x22ff;
    const json object = json::parse(flow_json(flow));
    EXPECT_EQ(object["original"]["spi"], "0x001122ff");
    EXPECT_FALSE(object["reply"].contains("spi"));
    EXPECT_FALSE(object["original"].contains("sport"));
    flow.source_port = flow.destination_port = 0;
    EXPECT_EQ(flow_json(flow).find("spi"), std::string::npos);
}

TEST(FlowFormat, sctp_has_its_states) {
    FlowRecord flow = test::udp_flow(1);
    flow.protocol = ip_protocol::kSctp;
    flow.state = static_cast<uint8_t>(SctpPhase::ShutdownAckSent);
    EXPECT_EQ(flow_state(flow), "shutdown_ack_sent");
}

TEST(FlowFormat, every_flow_that_the_kernel_listed_is_valid_json_with_the_same_ends) {
    for (const std::string& line : test::data_lines("conntrack_list.txt")) {
        const FlowRecord flow = test::ConntrackLineReader{line}.flow();
        const json object = json::parse(flow_json(flow), nullptr, false);
        ASSERT_TRUE(object.is_object()) << line;
        EXPECT_NE(line.find("src=" + object["original"]["source"].get<std::string>() +
                            " dst=" + object["original"]["destination"].get<std::string>()),
                  std::string::npos)
            << line;
        EXPECT_EQ(object["original"].contains("sport"), line.find("sport=") != std::string::npos);
        EXPECT_EQ(object["reply"].contains("type"), line.find("type=") != std::string::npos);
    }
}

TEST(FlowFormat, the_rule_of_an_older_policy_is_null_and_no_rule_is_default) {
    FlowRecord flow = test::udp_flow(1);
    flow.rule = Policy::kDefaultRule;
    EXPECT_NE(flow_json(flow).find(R"("rule":"default")"), std::string::npos);
    flow.policy_generation = 2;
    EXPECT_NE(flow_json(flow).find(R"("rule":null)"), std::string::npos);
}

TEST(FlowFormat, a_table_is_aligned) {
    std::vector<FlowRecord> flows = test::udp_flows(2);
    flows[1].bytes = {1234567, 8};
    flows[1].remaining = 5 * 24h;
    const FlowTableFormat table{flows, kNames};
    std::string out;
    table.append_header(out);
    for (const FlowRecord& flow : flows)
        table.append_row(out, flow);
    EXPECT_EQ(
        out,
        "PROTO  STATE    SOURCE          DESTINATION        TIMEOUT  AGE  PACKETS      BYTES  "
        "WIRE\n"
        "udp    replied  10.0.0.0:40000  198.51.100.1:1194      30s   0s      1/0      100/0  vpn\n"
        "udp    replied  10.0.0.1:40001  198.51.100.1:1194    5d00h   1s      2/1  1234567/8  "
        "vpn\n");
}

TEST(FlowFormat, durations_are_short) {
    EXPECT_EQ(short_duration(0s), "0s");
    EXPECT_EQ(short_duration(59999ms), "59s");
    EXPECT_EQ(short_duration(185s), "3m05s");
    EXPECT_EQ(short_duration(2h + 7min), "2h07m");
    EXPECT_EQ(short_duration(5 * 24h - 1s), "4d23h");
}

std::string whole(FlowListing& listing) {
    std::string out;
    while (listing.next(out)) {
    }
    return out;
}

TEST(FlowListing, every_flow_is_listed_once_in_order_over_many_pieces) {
    auto pool = TbbPool::create({}, 2);
    ASSERT_TRUE(pool.has_value());
    FlowListing listing{test::udp_flows(20000), {}, kNames, **pool};
    EXPECT_EQ(listing.total(), 20000U);
    EXPECT_EQ(listing.shown(), 20000U);
    std::istringstream lines{whole(listing)};
    uint64_t expected = 1;
    for (std::string line; std::getline(lines, line); ++expected)
        ASSERT_TRUE(line.starts_with("{\"id\":" + std::to_string(expected) + ",")) << line;
    EXPECT_EQ(expected, 20001U);
}

TEST(FlowListing, sort_and_limit_give_the_largest) {
    auto pool = TbbPool::create({}, 2);
    ASSERT_TRUE(pool.has_value());
    FlowListing::Options options;
    options.filter.sort = FlowSort::Bytes;
    options.filter.limit = 3;
    FlowListing listing{test::udp_flows(50000), options, kNames, **pool};
    EXPECT_EQ(listing.shown(), 3U);
    const std::string text = whole(listing);
    EXPECT_TRUE(text.starts_with("{\"id\":50000,")) << text;
    EXPECT_NE(text.find("\n{\"id\":49999,"), std::string::npos);
    EXPECT_NE(text.find("\n{\"id\":49998,"), std::string::npos);
}

TEST(FlowListing, conntrack_lines_travel_as_text) {
    auto pool = TbbPool::create({});
    ASSERT_TRUE(pool.has_value());
    std::vector<FlowRecord> flows;
    std::string expected;
    for (const std::string& line : test::data_lines("conntrack_list.txt")) {
        flows.push_back(test::ConntrackLineReader{line}.flow());
        expected += line + "\n";
    }
    FlowListing::Options options;
    options.output = FlowOutput::Conntrack;
    FlowListing listing{flows, options, kNames, **pool};
    const json object = json::parse(whole(listing), nullptr, false);
    ASSERT_TRUE(object.contains("text"));
    EXPECT_EQ(object["text"], expected);
}

TEST(FlowListing, an_empty_table_is_only_its_header) {
    auto pool = TbbPool::create({});
    ASSERT_TRUE(pool.has_value());
    FlowListing::Options options;
    options.output = FlowOutput::Table;
    FlowListing listing{{}, options, kNames, **pool};
    const json object = json::parse(whole(listing), nullptr, false);
    EXPECT_TRUE(object["text"].get<std::string>().starts_with("PROTO  STATE"));
}

}  // namespace
}  // namespace ravelin
