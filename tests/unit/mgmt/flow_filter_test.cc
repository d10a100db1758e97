// SPDX-License-Identifier: BSD-3-Clause
#include "mgmt/flow_filter.h"

#include "conntrack/options.h"
#include "conntrack_lines.h"
#include "fake_appliance.h"

#include <gtest/gtest.h>
#include <nlohmann/json.hpp>

namespace ravelin {
namespace {

using nlohmann::json;

const std::vector<std::string> kWires{"vpn", "lab"};

FlowFilter parsed(const char* text) {
    auto filter = parse_flow_filter(json::parse(text), kWires);
    EXPECT_TRUE(filter.has_value()) << text << ": " << (filter ? "" : filter.error().message);
    return filter.value_or(FlowFilter{});
}

struct Case {
    const char* filter;
    size_t lines;  ///< of conntrack_list.txt that conntrack itself would show for it
};

TEST(FlowFilter, selects_what_conntrack_would) {
    const Case cases[] = {
        {"{}", 30},
        {R"({"protocol":"tcp"})", 10},
        {R"({"protocol":"udp"})", 4},
        {R"({"protocol":"17"})", 4},
        {R"({"protocol":"icmpv6"})", 2},
        {R"({"protocol":"esp"})", 2},
        {R"({"protocol":"50"})", 2},
        {R"({"source":"10.1.1.2"})", 24},
        {R"({"source":"10.2.2.0/24"})", 1},
        {R"({"source":"0.0.0.0/0"})", 25},
        {R"({"source":"::/0"})", 5},
        {R"({"destination":"dead:2::2"})", 5},
        {R"({"source":"10.1.1.2","destination":"10.1.1.2"})", 0},
        {R"({"dport":"80"})", 8},
        {R"({"dport":"80-82"})", 9},
        {R"({"sport":33901})", 1},
        {R"({"sport":"33901-33903","protocol":"tcp"})", 3},
        {R"({"state":"ESTABLISHED"})", 1},
        {R"({"state":"syn_sent"})", 2},
        {R"({"state":"closed"})", 1},
        {R"({"state":"heartbeat_sent"})", 0},
        {R"({"assured":true})", 8},
        {R"({"unreplied":true})", 15},
        {R"({"unreplied":false})", 30},
        {R"({"family":"ipv6"})", 5},
        {R"({"wire":"vpn"})", 30},
        {R"({"wire":"lab"})", 0},
    };
    std::vector<FlowRecord> flows;
    for (const std::string& line : test::data_lines("conntrack_list.txt"))
        flows.push_back(test::ConntrackLineReader{line}.flow());
    for (const Case& one : cases) {
        const FlowFilter filter = parsed(one.filter);
        const auto count = static_cast<size_t>(
            std::count_if(flows.begin(), flows.end(),
                          [&](const FlowRecord& flow) { return filter.matches(flow); }));
        EXPECT_EQ(count, one.lines) << one.filter;
    }
}

TEST(FlowFilter, sorts_by_every_key_with_ties_in_the_order_of_ids) {
    FlowRecord small = test::udp_flow(1);
    FlowRecord large = test::udp_flow(9);
    EXPECT_TRUE(parsed(R"({"sort":"bytes"})").before(large, small));
    EXPECT_TRUE(parsed(R"({"sort":"packets"})").before(large, small));
    EXPECT_TRUE(parsed(R"({"sort":"age"})").before(large, small));
    large.remaining = 1s;
    EXPECT_TRUE(parsed(R"({"sort":"timeout"})").before(large, small));
    large = small;
    large.id = small.id + 1;
    EXPECT_TRUE(parsed(R"({"sort":"bytes"})").before(small, large));
    EXPECT_FALSE(parsed(R"({"sort":"bytes"})").before(large, small));
}

struct Wrong {
    const char* filter;
    const char* message;
};

TEST(FlowFilter, a_wrong_filter_says_what_was_expected) {
    const Wrong cases[] = {
        {"[]", "\"filters\" must be an object"},
        {R"({"proto":"tcp"})",
         "unknown filter \"proto\" (protocol, source, destination, sport, dport, state, assured, "
         "unreplied, family, wire, limit, sort)"},
        {R"({"protocol":"tcpx"})",
         "filter protocol: \"tcpx\" is not a protocol (tcp, udp, icmp, icmpv6, esp, ah, gre, sctp "
         "or a number to 255)"},
        {R"({"protocol":256})",
         "filter protocol: \"256\" is not a protocol (tcp, udp, icmp, icmpv6, esp, ah, gre, sctp "
         "or a number to 255)"},
        {R"({"dport":"80-70"})",
         "filter dport: \"80-70\" is not a port or a range of ports (1194, 1000-2000)"},
        {R"({"sport":"65536"})",
         "filter sport: \"65536\" is not a port or a range of ports (1194, 1000-2000)"},
        {R"({"state":"OPEN"})",
         "filter state: \"OPEN\" is not a state of TCP (SYN_SENT, SYN_RECV, ESTABLISHED, "
         "FIN_WAIT, CLOSE_WAIT, LAST_ACK, TIME_WAIT, CLOSE, SYN_SENT2) or SCTP (CLOSED, "
         "COOKIE_WAIT, COOKIE_ECHOED, ESTABLISHED, SHUTDOWN_SENT, SHUTDOWN_RECD, "
         "SHUTDOWN_ACK_SENT, HEARTBEAT_SENT)"},
        {R"({"assured":"yes"})", "filter assured: \"yes\" is not true or false"},
        {R"({"family":"inet"})", "filter family: \"inet\" is not ipv4 or ipv6"},
        {R"({"wire":"dmz"})", "filter wire: \"dmz\" is not a configured wire"},
        {R"({"limit":-1})", "filter limit: \"-1\" is not a number"},
        {R"({"sort":"name"})", "filter sort: \"name\" is not one of bytes, packets, age, timeout"},
    };
    for (const Wrong& wrong : cases) {
        const auto filter = parse_flow_filter(json::parse(wrong.filter), kWires);
        ASSERT_FALSE(filter.has_value()) << wrong.filter;
        EXPECT_EQ(filter.error().message, wrong.message);
    }
    EXPECT_FALSE(parse_flow_filter(json::parse(R"({"source":"10.0.0.300"})"), kWires));
}

}  // namespace
}  // namespace ravelin
