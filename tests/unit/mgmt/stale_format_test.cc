// SPDX-License-Identifier: BSD-3-Clause
#include "mgmt/stale_format.h"

#include "fake_appliance.h"
#include "tunnel_script.h"

#include <gtest/gtest.h>
#include <nlohmann/json.hpp>

#include <set>

namespace ravelin {
namespace {

using nlohmann::json;

const FlowNames kNames{{"vpn"}, {"allow-vpn"}, 1};
constexpr Instant kAt{1000s};

StaleRecord udp_record() {
    StaleRecord record;
    record.flow = test::udp_flow(1);
    record.flow.flags = connection_flag::kFromInside;
    record.flow.age = 185s;
    record.info = {.ended = kAt - 1s,
                   .reason = CloseReason::Idle,
                   .closed_by = ClosedBy::Nobody,
                   .certainty = Certainty::Tuple,
                   .direction = Direction::Reply,
                   .drop = DropReason::Stale,
                   .packets = 2};
    record.first = kAt - 500ms;
    record.last = kAt;
    return record;
}

TEST(StaleFormat, tells_whose_packet_it_is_when_and_how_that_ended_and_how_sure_that_is) {
    const StaleRecord record = udp_record();
    EXPECT_EQ(explain_stale(record.flow, record.info, kAt),
              "late packet of a UDP connection opened from inside by 10.0.0.1:40001 to "
              "198.51.100.1:1194, ended 1.0 s ago after 3m05s because nothing came for its "
              "timeout; addresses and ports match");
}

TEST(StaleFormat, has_words_for_every_way_to_end) {
    struct Case {
        CloseReason reason;
        ClosedBy closed_by;
        const char* words;
    };
    const Case cases[] = {
        {CloseReason::Fin, ClosedBy::Opener, " by FIN from the opener's side; "},
        {CloseReason::Reset, ClosedBy::Responder, " by RST from the responder's side; "},
        {CloseReason::Shutdown, ClosedBy::Opener, " by SHUTDOWN or ABORT from the opener's side; "},
        {CloseReason::Answered, ClosedBy::Responder, " because every request was answered; "},
        {CloseReason::IcmpError, ClosedBy::Responder,
         " by an ICMP error from the responder's side; "},
        {CloseReason::Replaced, ClosedBy::Opener,
         " because its addresses and ports were taken for a new one; "},
        {CloseReason::Operator, ClosedBy::Operator, " by an operator's flush; "},
        {CloseReason::None, ClosedBy::Unknown, " in an unknown way; "},
    };
    for (const Case& c : cases) {
        StaleRecord record = udp_record();
        record.info.reason = c.reason;
        record.info.closed_by = c.closed_by;
        const std::string text = explain_stale(record.flow, record.info, kAt);
        EXPECT_NE(text.find(c.words), std::string::npos) << text;
    }
}

TEST(StaleFormat, says_how_sure_it_is_by_what_each_protocol_carries) {
    struct Case {
        uint8_t protocol;
        Certainty certainty;
        const char* words;
    };
    const Case cases[] = {
        {ip_protocol::kTcp, Certainty::Exact, "; certain: its sequence number fits"},
        {ip_protocol::kSctp, Certainty::Exact, "; certain: its verification tag fits"},
        {ip_protocol::kEsp, Certainty::Exact, "; certain: it carries the same SPI or call id"},
        {ip_protocol::kUdp, Certainty::Exact, "; certain: it carries the session's own id"},
        {ip_protocol::kIcmp, Certainty::Tuple, "; addresses and identifier match"},
        {ip_protocol::kTcp, Certainty::Guess,
         "; a guess: addresses and ports match, its number doesn't"},
    };
    for (const Case& c : cases) {
        StaleRecord record = udp_record();
        record.flow.protocol = c.protocol;
        record.info.certainty = c.certainty;
        const std::string text = explain_stale(record.flow, record.info, kAt);
        EXPECT_TRUE(text.ends_with(c.words)) << text;
    }
}

TEST(StaleFormat, tells_long_times_in_minutes_and_none_that_is_negative) {
    const StaleRecord record = udp_record();
    EXPECT_NE(explain_stale(record.flow, record.info, kAt + 89s).find("ended 1m30s ago"),
              std::string::npos);
    EXPECT_NE(explain_stale(record.flow, record.info, kAt - 2s).find("ended 0.0 s ago"),
              std::string::npos);
}

/// A tunnel that the record's connection carried.
struct StaleTunnel {
    test::TunnelScript script;
    TunnelRecord tunnel = test::openvpn_record(0);
    StaleRecord record = udp_record();

    StaleTunnel() {
        script.establish(tunnel, 1s);
        record.info.tunnel = tunnel.id;
    }
};

TEST(StaleFormat, names_the_tunnel_that_the_connection_carried_and_who_said_good_bye) {
    StaleTunnel lab;
    lab.script.tell(lab.tunnel, TunnelEventKind::Exit, 999s);
    lab.record.info.reason = CloseReason::Exit;
    EXPECT_EQ(explain_stale(lab.record.flow, lab.record.info, kAt, &lab.script.registry),
              "late packet of OpenVPN session 43e5c0de, opened from inside by 10.0.0.1:40001 to "
              "198.51.100.1:1194, closed 1.0 s ago after 3m05s by an exit notice from the client; "
              "addresses and ports match");
    EXPECT_TRUE(stale_table({lab.record}, kAt, &lab.script.registry).find("43e5c0de") !=
                std::string::npos);
}

TEST(StaleFormat, what_is_exported_has_a_hashed_id) {
    StaleTunnel lab;
    FlowNames names = kNames;
    names.tunnels = &lab.script.registry;
    std::string text;
    append_stale_record_json(text, lab.record, names, kAt);
    const auto* story = lab.script.registry.of_record(lab.tunnel.id);
    EXPECT_EQ(text.find("43e5c0de"), std::string::npos);
    EXPECT_NE(text.find("OpenVPN session " + lab.script.registry.export_id(*story) + ","),
              std::string::npos)
        << text;
}

TEST(StaleFormat, a_tunnel_that_is_forgotten_leaves_the_connection) {
    StaleTunnel lab;
    lab.record.info.tunnel = 12345;
    EXPECT_TRUE(explain_stale(lab.record.flow, lab.record.info, kAt, &lab.script.registry)
                    .starts_with("late packet of a UDP connection opened"));
}

TEST(StaleFormat, json_is_one_object_a_record) {
    std::string text;
    append_stale_record_json(text, udp_record(), kNames, kAt + 1s);
    const json record = json::parse(text);
    EXPECT_EQ(record, json::parse(R"({"first_ago_s":1.5,"last_ago_s":1.0,"packets":2,
        "direction":"reply","drop":"stale","ended_ago_s":2.0,"lasted_s":185.0,
        "close_reason":"idle","closed_by":"nobody","certainty":"tuple",
        "explanation":"late packet of a UDP connection opened from inside by 10.0.0.1:40001 to 198.51.100.1:1194, ended 2.0 s ago after 3m05s because nothing came for its timeout; addresses and ports match",
        "opened_from":"inside","protocol":"udp","source":"10.0.0.1:40001",
        "destination":"198.51.100.1:1194","wire":"vpn","worker":0})"));
    EXPECT_EQ(text.back(), '\n');
}

TEST(StaleFormat, a_table_has_a_line_for_each_and_its_columns_stand_in_line) {
    StaleRecord many = udp_record();
    many.info.packets = 123456789;
    many.info.drop = DropReason::PolicyDefault;
    const std::string table = stale_table({udp_record(), many}, kAt + 3s);
    EXPECT_TRUE(
        table.starts_with("LAST    PACKETS  DROPPED FOR     EXPLANATION\n"
                          "  3s          2  stale           late packet of a UDP "))
        << table;
    EXPECT_NE(table.find("\n  3s  123456789  policy_default  late packet"), std::string::npos)
        << table;
    EXPECT_EQ(stale_table({}, kAt), "LAST  PACKETS  DROPPED FOR  EXPLANATION\n");
}

}  // namespace
}  // namespace ravelin
