// SPDX-License-Identifier: BSD-3-Clause
#include "mgmt/denial_format.h"

#include "fake_appliance.h"

#include <gtest/gtest.h>
#include <nlohmann/json.hpp>

#include <string>

namespace ravelin {
namespace {

using nlohmann::json;

const FlowNames kNames{{"vpn"}, {"no-dns"}, 1};
constexpr Instant kAt{1000s};

/// A new UDP connection from outside that the first rule drops.
DenialRecord denied() {
    DenialRecord record;
    record.flow = test::udp_flow(1);
    record.flow.flags = 0;
    record.info.reason = DropReason::PolicyRule;
    record.info.looked_back = true;
    record.info.packets = 3;
    record.info.sender = record.flow.source;
    record.first = kAt - 2500ms;
    record.last = kAt - 1s;
    return record;
}

/// A packet in reply that the connection, opened from inside, didn't take.
DenialRecord refused() {
    DenialRecord record = denied();
    record.flow.flags = connection_flag::kFromInside | connection_flag::kSeenReply;
    record.flow.protocol = ip_protocol::kTcp;
    record.flow.age = 185s;
    record.info.reason = DropReason::TcpWindow;
    record.info.ct_class = CtClass::Invalid;
    record.info.direction = Direction::Reply;
    record.info.has_connection = true;
    record.info.looked_back = false;
    record.info.sender = record.flow.destination;
    return record;
}

std::string explain(const DenialRecord& record) {
    return explain_denial(record.flow, record.info, kNames);
}

TEST(DenialFormat, tells_of_a_new_connection_which_way_it_came_and_what_dropped_it) {
    EXPECT_EQ(explain(denied()),
              "a new UDP connection from outside, 10.0.0.1:40001 to 198.51.100.1:1194: rule "
              "\"no-dns\" drops it; no connection of these ends is known or remembered");
}

TEST(DenialFormat, tells_of_a_refused_packet_whose_connection_it_is_and_how_old_that_was) {
    EXPECT_EQ(explain(refused()),
              "a TCP packet from outside, in reply, on the connection that 10.0.0.1:40001 opened "
              "from inside to 198.51.100.1:1194 3m05s before: the TCP segment lies outside the "
              "window of its connection");
}

TEST(DenialFormat, has_words_for_every_kind_of_packet) {
    struct Case {
        const char* name;
        void (*change)(DenialRecord&);
        const char* words;
    };
    const Case cases[] = {
        {"default", [](DenialRecord& r) { r.info.reason = DropReason::PolicyDefault; },
         "198.51.100.1:1194: no rule allows a new connection from this port; no connection"},
        {"a rule that has gone", [](DenialRecord& r) { r.flow.policy_generation = 7; },
         "a rule that is no longer there drops it"},
        {"no tombstones", [](DenialRecord& r) { r.info.looked_back = false; },
         "; no connection of these ends is known"},
        {"from inside", [](DenialRecord& r) { r.info.from_inside = true; },
         "a new UDP connection from inside, "},
        {"no connection",
         [](DenialRecord& r) {
             r.flow.protocol = ip_protocol::kTcp;
             r.info.ct_class = CtClass::Invalid;
             r.info.reason = DropReason::TcpNoConnection;
         },
         "a TCP packet from outside, 10.0.0.1:40001 to 198.51.100.1:1194: a TCP segment in "
         "mid-stream belongs to no connection known here; no connection of these ends is known"},
        {"ESP",
         [](DenialRecord& r) {
             r.flow.protocol = ip_protocol::kEsp;
             r.info.ct_class = CtClass::Invalid;
         },
         "an ESP packet from outside, 10.0.0.1 to 198.51.100.1: "},
        {"ICMPv6", [](DenialRecord& r) { r.flow.protocol = ip_protocol::kIcmpv6; },
         "a new ICMPv6 connection from outside, "},
        {"a protocol without a name",
         [](DenialRecord& r) {
             r.flow.protocol = 89;
             r.info.ct_class = CtClass::Invalid;
         },
         "an IP protocol 89 packet from outside, "},
        {"an error about nothing",
         [](DenialRecord& r) {
             r.info.is_icmp_error = true;
             r.info.ct_class = CtClass::Invalid;
             r.info.reason = DropReason::IcmpErrorUnmatched;
             r.info.sender = test::ipv4(0xcb007107);
         },
         "an ICMP error from outside, sent by 203.0.113.7 about a UDP packet, 10.0.0.1:40001 to "
         "198.51.100.1:1194: an ICMP error about a packet of no connection known here; no"},
    };
    for (const Case& c : cases) {
        DenialRecord record = denied();
        c.change(record);
        EXPECT_NE(explain(record).find(c.words), std::string::npos)
            << c.name << ": " << explain(record);
    }
}

TEST(DenialFormat, an_icmp_error_that_a_connection_refuses_names_its_sender_and_the_connection) {
    DenialRecord record = refused();
    record.info.is_icmp_error = true;
    record.info.reason = DropReason::IcmpErrorSequence;
    record.info.sender = test::ipv4(0xcb007107);
    EXPECT_EQ(explain(record),
              "an ICMP error from outside, sent by 203.0.113.7 about the TCP connection that "
              "10.0.0.1:40001 opened from inside to 198.51.100.1:1194 3m05s before: an ICMP error "
              "quotes a TCP sequence number that isn't in flight");
}

TEST(DenialFormat, the_opener_is_called_so) {
    DenialRecord record = refused();
    record.info.direction = Direction::Original;
    record.info.from_inside = true;
    EXPECT_TRUE(explain(record).starts_with("a TCP packet from inside, of the opener, on the "));
}

TEST(DenialFormat, json_has_what_the_sentence_says_in_parts) {
    std::string text;
    append_denial_record_json(text, denied(), kNames, kAt);
    const json object = json::parse(text);
    const json expected = json::parse(R"({
        "first_ago_s": 2.5, "last_ago_s": 1.0, "packets": 3, "reason": "policy_rule",
        "class": "new", "came_from": "outside", "direction": "original", "sender": "10.0.0.1",
        "icmp_error": false, "rule": "no-dns", "connection": null, "protocol": "udp",
        "source": "10.0.0.1:40001", "destination": "198.51.100.1:1194", "wire": "vpn",
        "worker": 0})");
    json rest = object;
    rest.erase("explanation");
    EXPECT_EQ(rest, expected);
    EXPECT_EQ(object["explanation"], explain(denied()));
}

TEST(DenialFormat, json_of_a_refused_packet_has_its_connection_and_no_rule) {
    std::string text;
    append_denial_record_json(text, refused(), kNames, kAt);
    const json object = json::parse(text);
    EXPECT_EQ(object["class"], "invalid");
    EXPECT_EQ(object["direction"], "reply");
    EXPECT_EQ(object["rule"], nullptr);
    EXPECT_EQ(object["sender"], "198.51.100.1");
    EXPECT_EQ(object["connection"]["opened_from"], "inside");
    EXPECT_EQ(object["connection"]["rule"], "no-dns");
}

TEST(DenialFormat, the_table_has_a_line_for_each) {
    const std::string table = denial_table({denied(), refused()}, kNames, kAt);
    EXPECT_EQ(table,
              "LAST  PACKETS  REASON       EXPLANATION\n"
              "  1s        3  policy_rule  " +
                  explain(denied()) +
                  "\n"
                  "  1s        3  tcp_window   " +
                  explain(refused()) + "\n");
}

}  // namespace
}  // namespace ravelin
