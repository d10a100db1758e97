// SPDX-License-Identifier: BSD-3-Clause
#include "mgmt/conntrack_format.h"

#include "conntrack_lines.h"
#include "packet/headers.h"

#include <gtest/gtest.h>

namespace ravelin {
namespace {

using test::ConntrackLineReader;
using test::data_lines;

struct Capture {
    const char* file;
    ConntrackLineOptions options;
};

std::string without_user(std::string line) {
    // A deletion by hand names the netlink port of whoever asked; there is none here.
    if (const size_t user = line.find(" [USERSPACE]"); user != std::string::npos) line.resize(user);
    return line;
}

TEST(ConntrackFormat, every_line_that_conntrack_L_printed_is_reproduced) {
    const Capture captures[] = {
        {"conntrack_list.txt", {}},
        {"conntrack_list_id.txt", {.id = true}},
        {"conntrack_list_delta.txt", {.delta_time = true}},
    };
    for (const Capture& capture : captures) {
        const auto lines = data_lines(capture.file);
        EXPECT_EQ(lines.size(), 30U) << capture.file;
        for (const std::string& line : lines) {
            ConntrackLineReader reader{line};
            EXPECT_EQ(conntrack_line(reader.flow(), capture.options), line + "\n");
        }
    }
}

TEST(ConntrackFormat, every_line_that_conntrack_E_printed_is_reproduced) {
    const Capture captures[] = {
        {"conntrack_events.txt", {}},
        {"conntrack_events_timestamp_id.txt", {.id = true, .timestamp = true}},
        {"conntrack_events_expired.txt", {}},
        {"conntrack_events_expired_delta.txt", {.id = true, .delta_time = true, .timestamp = true}},
    };
    for (const Capture& capture : captures) {
        const auto lines = data_lines(capture.file);
        EXPECT_GE(lines.size(), 29U) << capture.file;
        for (const std::string& line : lines) {
            ConntrackLineReader reader{line};
            EXPECT_EQ(conntrack_event_line(reader.event, capture.options),
                      without_user(line) + "\n");
        }
    }
}

TEST(ConntrackFormat, the_captures_hold_every_tcp_state_and_protocol) {
    std::string all;
    for (const std::string& line : data_lines("conntrack_list.txt"))
        all += line + "\n";
    for (const char* word :
         {"SYN_SENT ", "SYN_RECV ", "ESTABLISHED ", "FIN_WAIT ", "CLOSE_WAIT ", "LAST_ACK ",
          "TIME_WAIT ", "CLOSE ", "SYN_SENT2 ", "tcp ", "udp ", "icmp ", "icmpv6 ", "gre ", "sctp ",
          "dccp ", "unknown  50", "[UNREPLIED]", "[ASSURED]"})
        EXPECT_NE(all.find(word), std::string::npos) << word;
}

TEST(ConntrackFormat, a_udp_flow_prints_as_the_reference_says) {
    Family family{};
    FlowRecord flow;
    flow.family = Family::Ipv4;
    flow.protocol = ip_protocol::kUdp;
    flow.source = test::address("10.1.1.2", family);
    flow.destination = test::address("10.2.2.2", family);
    flow.source_port = 37683;
    flow.destination_port = 5353;
    flow.packets = {1, 0};
    flow.bytes = {29, 0};
    flow.remaining = 29999ms;
    EXPECT_EQ(conntrack_line(flow, {.delta_time = true}),
              "udp      17 29 src=10.1.1.2 dst=10.2.2.2 sport=37683 dport=5353 packets=1 bytes=29 "
              "[UNREPLIED] src=10.2.2.2 dst=10.1.1.2 sport=5353 dport=37683 packets=0 bytes=0 "
              "mark=0 delta-time=0 use=1\n");
}

TEST(ConntrackFormat, an_answered_echo_prints_as_the_reference_says) {
    Family family{};
    FlowRecord flow;
    flow.family = Family::Ipv6;
    flow.protocol = ip_protocol::kIcmpv6;
    flow.flags = connection_flag::kSeenReply;
    flow.source = test::address("dead:1::2", family);
    flow.destination = test::address("dead:2::2", family);
    flow.source_port = 15973;
    flow.destination_port = 128 << 8;
    flow.packets = {1, 1};
    flow.bytes = {104, 104};
    flow.remaining = 26s;
    flow.age = 5s;
    EXPECT_EQ(conntrack_line(flow, {.delta_time = true}),
              "icmpv6   58 26 src=dead:1::2 dst=dead:2::2 type=128 code=0 id=15973 packets=1 "
              "bytes=104 src=dead:2::2 dst=dead:1::2 type=129 code=0 id=15973 packets=1 bytes=104 "
              "mark=0 delta-time=5 use=1\n");
}

TEST(ConntrackFormat, the_time_of_an_event_is_the_wall_clocks) {
    FlowEvent event;
    event.kind = EventKind::Destroy;
    event.at = Instant{3s + 42us};
    event.flow.family = Family::Ipv4;
    event.flow.protocol = 1;
    const std::string line =
        conntrack_event_line(event, {.timestamp = true, .unix_offset = 1700000000s});
    EXPECT_TRUE(line.starts_with("[1700000003.000042]\t[DESTROY] icmp     1 src=")) << line;
}

TEST(ConntrackFormat, a_call_of_pptp_has_its_id_as_key_as_a_kernel_without_the_helper_prints_it) {
    Family family{};
    FlowRecord flow;
    flow.family = Family::Ipv4;
    flow.protocol = ip_protocol::kGre;
    flow.source = test::address("203.0.113.5", family);
    flow.destination = test::address("203.0.113.77", family);
    flow.destination_port = 0x1f;
    flow.packets = {2, 0};
    flow.bytes = {72, 0};
    flow.remaining = 29s;
    EXPECT_EQ(conntrack_line(flow),
              "gre      47 29 src=203.0.113.5 dst=203.0.113.77 srckey=0x0 dstkey=0x1f packets=2 "
              "bytes=72 [UNREPLIED] src=203.0.113.77 dst=203.0.113.5 srckey=0x1f dstkey=0x0 "
              "packets=0 bytes=0 mark=0 use=1\n");
}

TEST(ConntrackFormat, a_state_out_of_range_prints_as_NONE) {
    EXPECT_EQ(sctp_state_word(255), "NONE");
    EXPECT_EQ(tcp_state_word(255), "NONE");
    FlowRecord flow;
    flow.protocol = ip_protocol::kSctp;
    flow.state = 255;
    EXPECT_NE(conntrack_line(flow).find("sctp     132 0 NONE "), std::string::npos);
}

}  // namespace
}  // namespace ravelin
