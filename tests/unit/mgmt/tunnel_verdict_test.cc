// SPDX-License-Identifier: BSD-3-Clause
#include "mgmt/tunnel_evidence.h"

#include <gtest/gtest.h>

#include <fstream>
#include <set>
#include <string>

namespace ravelin {
namespace {

constexpr Instant kAt{1000s};

/// Keepalives of 8 s; the server and the client were last heard so long ago.
ResetEvidence heard(Duration client, Duration server) {
    ResetEvidence evidence;
    evidence.at = kAt;
    evidence.last_seen = {kAt - client, kAt - server};
    evidence.keepalive = {8s, 8s};
    evidence.answered = true;
    evidence.client = "198.51.100.2:40001";
    return evidence;
}
/// "silent for T >= 2.5 K_s, until HRC" and "alive until ~1 s before HRC"
ResetEvidence server_silent() {
    return heard(900ms, 29600ms);
}
ResetEvidence both_alive() {
    return heard(1s, 2s);
}

struct Row {
    const char* line;  ///< of vpn.md B.4, or the false positive that it must not be
    ResetEvidence evidence;
    TunnelVerdict verdict;
    const char* says;  ///< a part of the sentence
};

std::vector<Row> rows() {
    std::vector<Row> all;
    const auto add = [&](const char* line, ResetEvidence evidence, TunnelVerdict verdict,
                         const char* says, const auto& change) {
        change(evidence);
        all.push_back({line, std::move(evidence), verdict, says});
    };
    const auto nothing = [](ResetEvidence&) {};
    add("we dropped packets of the server", server_silent(), TunnelVerdict::OurPolicy,
        "3 packets of the server were dropped here (stale); nothing from the server for 29.6 s",
        [](ResetEvidence& e) {
            e.dropped = 3;
            e.drop = DropReason::Stale;
        });
    add("the connection had idled out between two keepalives", heard(29s, 29600ms),
        TunnelVerdict::OurPolicy, "3 packets of the server were dropped here (stale), whose",
        [](ResetEvidence& e) {
            e.dropped = 3;
            e.drop = DropReason::Stale;
            e.ended_early = true;
        });
    add("dropped, but the client had long been away", heard(600s, 500s),
        TunnelVerdict::ClientOffline, "nothing from the client for 10m00s", [](ResetEvidence& e) {
            e.dropped = 3;
            e.drop = DropReason::Stale;
        });
    add("an operator flushed", server_silent(), TunnelVerdict::OurPolicy, "operator's flush",
        [](ResetEvidence& e) { e.flushed = true; });
    add("only this client", server_silent(), TunnelVerdict::ServerLostClient,
        "the server goes on talking to 4 other clients", [](ResetEvidence& e) { e.alive = 4; });
    add("nobody else to compare with", server_silent(), TunnelVerdict::ServerLostClient,
        "no other tunnel with this server", nothing);
    add("another session displaced it, twice in turn", server_silent(),
        TunnelVerdict::DuplicateIdentity,
        "198.51.100.2:40001 and 198.51.100.3:40002 displace each other, 2 times so far, about "
        "every 14.0 s",
        [](ResetEvidence& e) {
            e.alive = 1;
            e.rival = "198.51.100.3:40002";
            e.alternations = 2;
            e.period = 14s;
        });
    add("a busy server: some session always begins just then", server_silent(),
        TunnelVerdict::ServerLostClient,
        "the silence began with a session of 198.51.100.3:40002: should that alternate",
        [](ResetEvidence& e) {
            e.alive = 500;
            e.rival = "198.51.100.3:40002";
            e.alternations = 1;
        });
    add("all of the server together, handshakes answered", server_silent(),
        TunnelVerdict::ServerFreeze,
        "2 other tunnels of this server fell silent at the same time and none went on",
        [](ResetEvidence& e) { e.silent_too = 2; });
    add("its only tunnel, but its clock was set back", server_silent(), TunnelVerdict::ServerFreeze,
        "its clock was set back", [](ResetEvidence& e) { e.clock_stepped_back = true; });
    add("others go on: no freeze, whatever the clock did", server_silent(),
        TunnelVerdict::ServerLostClient, "goes on talking to 1 other client", [](ResetEvidence& e) {
            e.clock_stepped_back = true;
            e.alive = 1;
            e.silent_too = 1;
        });
    add("all of the server, handshakes unanswered", server_silent(), TunnelVerdict::ServerDown,
        "doesn't answer the new handshake", [](ResetEvidence& e) {
            e.silent_too = 2;
            e.answered = false;
        });
    add("all of the server, ICMP 3/3 from its host", server_silent(), TunnelVerdict::ServerDown,
        "answered that the port is closed", [](ResetEvidence& e) { e.port_unreachable[1] = true; });
    add("unanswered, but others go on: the server is up", server_silent(),
        TunnelVerdict::ServerLostClient, "the new handshake is not answered either",
        [](ResetEvidence& e) {
            e.answered = false;
            e.alive = 3;
        });
    add("answers went to an address that the client had left", both_alive(),
        TunnelVerdict::NatBeyond, "an address that the client had left",
        [](ResetEvidence& e) { e.answers_old = true; });
    add("forwarded, client alive, again and again", both_alive(), TunnelVerdict::NatBeyond,
        "acts as if none had come, 2 times within ten minutes",
        [](ResetEvidence& e) { e.unexplained = 1; });
    add("server alive, client silent, ICMP 3/3 from its host", heard(25s, 1s),
        TunnelVerdict::ClientDied, "the client's host answered that the port is closed",
        [](ResetEvidence& e) { e.port_unreachable[0] = true; });
    add("a NAT that has forgotten the client says so, too", heard(9s, 1s), TunnelVerdict::NatBeyond,
        "by a NAT that forgets the client after at most 15.4 s of silence; the client was heard",
        [](ResetEvidence& e) {
            e.port_unreachable[0] = true;
            e.last_refused = true;
            e.nat_forgets = 15400ms;
        });
    add("and the client, which knows of nothing, goes on from another port", both_alive(),
        TunnelVerdict::NatBeyond, "by a NAT that forgets the client", [](ResetEvidence& e) {
            e.last_refused = true;
            e.nat_forgets = 15400ms;
        });
    add("refused, heard since, and no NAT is known to forget", both_alive(),
        TunnelVerdict::ClientRestart, "", [](ResetEvidence& e) { e.last_refused = true; });
    add("behind such a NAT, and silent for long", heard(60s, 1s), TunnelVerdict::ClientDied,
        "the client's host answered", [](ResetEvidence& e) {
            e.port_unreachable[0] = true;
            e.last_refused = true;
            e.nat_forgets = 15400ms;
        });
    add("killed and started again within a keepalive", heard(3s, 1s), TunnelVerdict::ClientDied,
        "port is closed", [](ResetEvidence& e) { e.port_unreachable[0] = true; });
    add("server alive, client silent, no host says a word", heard(60s, 2s),
        TunnelVerdict::ClientOffline, "while the server went on", nothing);
    add("both silent", heard(600s, 580s), TunnelVerdict::ClientOffline,
        "nothing from the client for 10m00s and nothing from the server for 9m40s", nothing);
    add("exit", heard(20s, 16s), TunnelVerdict::Graceful, "the client had said good-bye",
        [](ResetEvidence& e) { e.good_bye[0] = true; });
    add("the server's pings after an exit are late, and still nobody's fault", heard(20s, 16s),
        TunnelVerdict::Graceful, "the client had said good-bye", [](ResetEvidence& e) {
            e.good_bye[0] = true;
            e.dropped = 2;
            e.drop = DropReason::Stale;
        });
    add("the server says that it restarts", both_alive(), TunnelVerdict::Graceful,
        "the server had said", [](ResetEvidence& e) { e.good_bye[1] = true; });
    add("both alive, then a handshake without an answer, again and again", both_alive(),
        TunnelVerdict::ServerDown, "doesn't answer the new handshake, though both sides",
        [](ResetEvidence& e) {
            e.answered = false;
            e.unexplained = 2;
        });
    add("both alive, then a handshake", both_alive(), TunnelVerdict::ClientRestart,
        "both sides were heard until 2.0 s before the client came back", nothing);
    add("both alive, many at once: a clock or an operator, not their networks", both_alive(),
        TunnelVerdict::ClientRestart, "5 other clients came back within the same seconds",
        [](ResetEvidence& e) {
            e.at_once = 5;
            e.unexplained = 2;
        });
    return all;
}

TEST(TunnelVerdict, is_what_the_table_says) {
    for (const Row& row : rows()) {
        const TunnelJudgement judgement = judge(row.evidence);
        EXPECT_EQ(keyword(judgement.verdict), keyword(row.verdict)) << row.line;
        EXPECT_NE(judgement.sentence.find(row.says), std::string::npos)
            << row.line << ": " << judgement.sentence;
        EXPECT_FALSE(judgement.sentence.ends_with('.')) << judgement.sentence;
    }
}

TEST(TunnelVerdict, where_the_sides_need_not_speak_only_a_told_silence_counts) {
    ResetEvidence evidence = heard(300s, 200s);
    evidence.both_ping = false;
    evidence.keepalive = {};
    EXPECT_FALSE(evidence.server_silent());
    EXPECT_FALSE(evidence.client_silent());
    evidence.unexplained = 3;
    EXPECT_EQ(keyword(judge(evidence).verdict), "client_restart");
    evidence.told_silent = {false, true};
    evidence.alive = 2;
    EXPECT_EQ(keyword(judge(evidence).verdict), "server_lost_client");
    evidence.keepalive[0] = 25s;
    EXPECT_TRUE(evidence.client_silent());
}

TEST(TunnelVerdict, every_verdict_has_a_row) {
    std::set<TunnelVerdict> seen;
    for (const Row& row : rows())
        seen.insert(row.verdict);
    EXPECT_EQ(seen.size(), kTunnelVerdictCount);
}

TEST(TunnelVerdict, two_keepalives_and_a_half_are_silence) {
    EXPECT_FALSE(heard(1s, 19900ms).server_silent());
    EXPECT_TRUE(heard(1s, 20s).server_silent());
    ResetEvidence unknown = heard(1s, 14s);
    unknown.keepalive = {};
    EXPECT_FALSE(unknown.server_silent());
    unknown.last_seen[1] = kAt - 15s;
    EXPECT_TRUE(unknown.server_silent());
}

TEST(TunnelVerdict,
     a_client_is_alive_until_its_last_keepalive_and_the_pause_before_it_tries_again) {
    EXPECT_FALSE(heard(18s, 30s).client_silent());
    EXPECT_TRUE(heard(18100ms, 30s).client_silent());
}

TEST(TunnelVerdict, one_sides_keepalive_stands_for_the_others_while_that_is_unknown) {
    ResetEvidence evidence = heard(1s, 6s);
    evidence.keepalive = {1s, 0s};
    EXPECT_TRUE(evidence.server_silent());
    evidence = heard(8s, 1s);
    evidence.keepalive = {0s, 1s};
    EXPECT_TRUE(evidence.client_silent());
}

TEST(TunnelVerdict, the_silence_tells_the_clients_ping_restart) {
    EXPECT_NE(judge(server_silent()).sentence.find("its ping-restart is at most 28.6 s"),
              std::string::npos);
}

TEST(TunnelVerdict, a_silence_that_began_with_a_renegotiation_says_so) {
    ResetEvidence evidence = server_silent();
    evidence.since_renegotiation = 12s;
    EXPECT_NE(judge(evidence).sentence.find("began 12.0 s after a renegotiation"),
              std::string::npos);
    evidence.since_renegotiation = 600s;
    EXPECT_EQ(judge(evidence).sentence.find("renegotiation"), std::string::npos);
}

TEST(TunnelVerdict, the_page_about_tunnels_explains_each) {
    std::ifstream file{std::string{RAVELIN_SOURCE} + "/docs/tunnels.md"};
    const std::string page{std::istreambuf_iterator<char>{file}, {}};
    for (const TunnelVerdictInfo& info : kTunnelVerdicts)
        EXPECT_NE(page.find("`" + std::string{info.keyword} + "`"), std::string::npos)
            << info.keyword;
}

}  // namespace
}  // namespace ravelin
