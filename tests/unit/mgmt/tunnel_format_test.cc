// SPDX-License-Identifier: BSD-3-Clause
#include "mgmt/tunnel_format.h"

#include "tunnel_script.h"

#include <gtest/gtest.h>
#include <nlohmann/json.hpp>

namespace ravelin {
namespace {

using nlohmann::json;
using test::openvpn_record;
using test::TunnelScript;

/// A tunnel with a life, looked at 200 s after its begin.
struct Lab {
    TunnelScript script;
    TunnelRecord record = openvpn_record(0);

    Lab() {
        script.establish(record, 0s);
        script.tell(record, TunnelEventKind::Clock, 10ms, Side::Server, 1700000007);
        script.tell(record, TunnelEventKind::Clock, 0ms, Side::Client, 1700000000);
        TunnelScript::heard(record, 198s, 195s);
        record.data_packets = {30, 25};
        record.largest_data = {1400, 1400};
        script.figures({record}, 200s);
    }
    [[nodiscard]] TunnelView view(TunnelIds ids = TunnelIds::Session) const {
        return {script.registry, Instant{200s}, ids};
    }
    [[nodiscard]] const TunnelStory& story() const { return *script.registry.of_record(record.id); }
    [[nodiscard]] std::string table() const { return tunnel_table({&story()}, view()); }
};

TEST(TunnelFormat, a_table_says_who_in_what_state_and_what_matters_most) {
    Lab lab;
    EXPECT_EQ(lab.table(),
              "ID        VPN      STATE        CLIENT              SERVER           AGE    HEARD "
              "C/S  KEEPALIVE C/S  NOTE\n"
              "43e5c0de  openvpn  established  198.51.100.2:40000  192.0.2.20:1194  3m20s  2s/5s  "
              "    8s/8s          server's clock 7.0 to 8.0 s ahead\n");
    EXPECT_EQ(tunnel_table({}, lab.view()),
              "ID  VPN  STATE  CLIENT  SERVER  AGE  HEARD C/S  KEEPALIVE C/S  NOTE\n");
}

TEST(TunnelFormat, the_note_is_the_most_pressing_thing) {
    Lab lab;
    lab.script.tell(lab.record, TunnelEventKind::Silent, 199s, Side::Server, 20000000000);
    EXPECT_NE(lab.table().find("server silent"), std::string::npos);
    lab.script.tell(lab.record, TunnelEventKind::Exit, 199s, Side::Client);
    lab.script.end(lab.record, 199s, CloseReason::Idle);
    EXPECT_NE(lab.table().find("closed 1.0 s ago"), std::string::npos) << lab.table();
    EXPECT_NE(lab.table().find("good-bye from the client"), std::string::npos);
}

TEST(TunnelFormat, a_page_tells_everything_and_the_time_line) {
    Lab lab;
    const std::string page = tunnel_page(lab.story(), lab.view());
    for (const char* line :
         {"tunnel 43e5c0de\n", "  protocol:       OpenVPN over UDP, control channel tls-auth\n",
          "  state:          established, 3m20s old, handshake took 50 ms\n",
          "  client:         198.51.100.2:40000 outside, last heard 2.0 s ago\n",
          "  server:         192.0.2.20:1194, last heard 5.0 s ago\n",
          "  keepalive:      every 8.0 s from the client, every 8.0 s from the server\n",
          "  server's clock: 7.0 to 8.0 s ahead, 1 sample\n",
          "  their clocks:   the client's against the server's: 6.0 to 8.0 s behind\n",
          "  advice:         the server's clock is 7.0 to 8.0 s ahead: let chrony",
          "\ntime line\n  2023-11-14T22:13:20.000Z  the client begins a handshake\n"})
        EXPECT_NE(page.find(line), std::string::npos) << line << "\n" << page;
}

TEST(TunnelFormat, json_has_a_hashed_id_unless_wanted_otherwise) {
    Lab lab;
    const json hashed = tunnel_json(lab.story(), lab.view(TunnelIds::Hashed), false);
    EXPECT_EQ(hashed["id"], lab.script.registry.export_id(lab.story()));
    EXPECT_FALSE(hashed.contains("time_line"));
    EXPECT_EQ(hashed.dump().find("43e5c0de"), std::string::npos);
    const json whole = tunnel_json(lab.story(), lab.view(), true);
    EXPECT_EQ(whole["id"], "43e5c0de");
    EXPECT_EQ(whole["state"], "established");
    EXPECT_EQ(whole["client"]["endpoint"], "198.51.100.2:40000");
    EXPECT_EQ(whole["client"]["heard_ago_s"], 2.0);
    EXPECT_EQ(whole["server"]["keepalive_s"], 8.0);
    EXPECT_EQ(whole["server"]["clock"]["low_s"], 6.99);
    EXPECT_EQ(whole["handshake_s"], 0.05);
    EXPECT_EQ(whole["path_mtu"], nullptr);
    EXPECT_EQ(whole["time_line"][0]["kind"], "started");
    EXPECT_EQ(whole["time_line"][0]["time"], 1700000000.0);
}

TEST(TunnelFormat, advice_names_the_numbers) {
    Lab lab;
    lab.record.keepalive = {60s, 10s};
    lab.record.timeout = 120s;
    lab.record.renegotiation_interval = 14s;
    lab.record.renegotiated_by = Side::Server;
    lab.record.path_mtu = 1300;
    lab.script.figures({lab.record}, 201s);
    const auto advice = tunnel_advice(lab.story(), lab.view());
    ASSERT_EQ(advice.size(), 5U);
    EXPECT_TRUE(advice[0].starts_with("the client's keepalive (1m00s) is slower"));
    EXPECT_TRUE(advice[1].starts_with("the idle timeout (2m00s) is shorter"));
    EXPECT_NE(advice[2].find("every 14s, at the server's wish"), std::string::npos) << advice[2];
    EXPECT_NE(advice[3].find("1300 bytes"), std::string::npos);
    EXPECT_NE(advice[4].find("server's clock"), std::string::npos);
}

TEST(TunnelFormat, what_a_nat_beyond_us_remembers_is_told_as_bounds) {
    Lab lab;
    EXPECT_EQ(tunnel_page(lab.story(), lab.view()).find("NAT"), std::string::npos);
    EXPECT_EQ(tunnel_json(lab.story(), lab.view(), false)["nat"],
              json({{"at_least_s", nullptr}, {"at_most_s", nullptr}, {"times", 0}}));
    lab.record.keepalive = {60s, 60s};
    const auto move = [&](Duration at) {
        TunnelEvent moved = TunnelScript::make(lab.record, TunnelEventKind::Moved, at);
        moved.address = lab.record.address[0];
        moved.port = lab.record.port[0]++;
        lab.record.last_seen[0] = Instant{at};
        moved.tunnel = lab.record;
        lab.script.feed(moved);
    };
    lab.script.figures({lab.record}, 220s);
    TunnelScript::heard(lab.record, 225s, 225s);
    lab.script.figures({lab.record}, 226s);
    EXPECT_NE(tunnel_page(lab.story(), lab.view())
                  .find("  NAT beyond us:  none noticed: the client's port outlives at least 22.0 "
                        "s of silence\n"),
              std::string::npos)
        << tunnel_page(lab.story(), lab.view());
    move(285s);
    const std::vector<std::string> after_one = tunnel_advice(lab.story(), lab.view());
    EXPECT_EQ(after_one[0].find("NAT"), std::string::npos) << after_one[0];
    move(345s);
    EXPECT_NE(tunnel_page(lab.story(), lab.view())
                  .find("  NAT beyond us:  forgets after at most 1m00s of silence and at least "
                        "22.0 s (seen 2 times)\n"),
              std::string::npos)
        << tunnel_page(lab.story(), lab.view());
    EXPECT_EQ(tunnel_json(lab.story(), lab.view(), false)["nat"],
              json({{"at_least_s", 22.0}, {"at_most_s", 60.25}, {"times", 2}}));
    EXPECT_EQ(tunnel_advice(lab.story(), lab.view())[0],
              "the client's keepalive (1m00s) may come too late for a NAT beyond us, which forgets "
              "after at most 1m00s of silence: set it to 30s or less");
}

TEST(TunnelFormat, an_event_is_one_line_of_json) {
    Lab lab;
    std::string text;
    append_tunnel_news_json(text, lab.script.last("established"), "vpn", test::kScriptWall);
    const json event = json::parse(text);
    EXPECT_EQ(event["event"], "tunnel");
    EXPECT_EQ(event["kind"], "established");
    EXPECT_EQ(event["time"], 1700000000.05);
    EXPECT_EQ(event["client"], "198.51.100.2:40000");
    EXPECT_EQ(event["server"], "192.0.2.20:1194");
    EXPECT_EQ(event["wire"], "vpn");
    EXPECT_EQ(event["explanation"],
              "data goes both ways, 50 ms after the handshake's first packet");
    EXPECT_FALSE(event.contains("verdict"));
    EXPECT_EQ(text.back(), '\n');
    EXPECT_EQ(text.find('\n'), text.size() - 1);
}

TEST(TunnelFormat, ipv6_ends_stand_in_brackets) {
    TunnelEndpoint end{*Address::parse("2001:db8::1"), 1194};
    EXPECT_EQ(endpoint_text(end), "[2001:db8::1]:1194");
    end.port = 0;
    EXPECT_EQ(endpoint_text(end), "2001:db8::1");
}

}  // namespace
}  // namespace ravelin
