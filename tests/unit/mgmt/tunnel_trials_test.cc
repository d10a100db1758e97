// SPDX-License-Identifier: BSD-3-Clause
#include "mgmt/tunnel_registry.h"
#include "tunnel_script.h"

#include <gtest/gtest.h>

namespace ravelin {
namespace {

using test::openvpn_record;
using test::TunnelScript;

constexpr uint64_t kPortUnreachable = 0x0303;

/// The client of `number` from an address of its own.
TunnelRecord of_client(uint32_t number, uint32_t session) {
    TunnelRecord record = openvpn_record(session);
    record.address[0] = test::ipv4(0xc6336402 + number);
    return record;
}
uint64_t resets(const TunnelScript& script, TunnelVerdict verdict) {
    return script.counters.resets[static_cast<size_t>(verdict)].load();
}

TEST(TunnelTrials, packets_of_the_server_that_we_dropped_are_our_policy) {
    TunnelScript script;
    TunnelRecord old = openvpn_record(0);
    script.establish(old, 0s);
    TunnelScript::heard(old, 4s, 1s);
    script.end(old, 8s, CloseReason::Idle);
    for (const Duration at : {9s, 17s, 25s})
        script.tell(old, TunnelEventKind::Late, at, Side::Server,
                    static_cast<uint64_t>(DropReason::Stale));
    TunnelScript::heard(old, 29s, 1s);
    TunnelRecord fresh = openvpn_record(1);
    script.start(fresh, 30s);
    script.answer(fresh, 30010ms);
    script.figures({}, 30020ms);
    EXPECT_EQ(script.verdict(), "our_policy");
    EXPECT_NE(script.last("verdict").sentence.find("3 packets of the server were dropped here"),
              std::string::npos)
        << script.last("verdict").sentence;
    EXPECT_TRUE(script.last("verdict").warning);
    EXPECT_EQ(resets(script, TunnelVerdict::OurPolicy), 1U);
    const TunnelStory* story = script.registry.of_record(fresh.id);
    EXPECT_EQ(story->verdict, TunnelVerdict::OurPolicy);
    EXPECT_EQ(script.registry.of_record(old.id)->successor, story->key);
}

TEST(TunnelTrials, a_verdict_waits_for_figures_and_for_the_handshakes_fate) {
    TunnelScript script;
    TunnelRecord old = openvpn_record(0);
    script.establish(old, 0s);
    TunnelRecord fresh = openvpn_record(1);
    script.start(fresh, 130s);
    script.advance(131s);
    EXPECT_EQ(script.verdict(), "none");
    EXPECT_TRUE(script.registry.wants_figures(Instant{131s}));
    TunnelScript::heard(old, 129s, 100s);
    script.figures({old, fresh}, 131s);
    EXPECT_EQ(script.verdict(), "none");
    EXPECT_FALSE(script.registry.wants_figures(Instant{131s}));
    script.advance(139s);
    EXPECT_EQ(script.verdict(), "none");
    script.advance(140s);
    EXPECT_EQ(script.verdict(), "server_down");
}

TEST(TunnelTrials, two_attempts_without_an_answer_are_enough) {
    TunnelScript script;
    TunnelRecord old = openvpn_record(0);
    script.establish(old, 0s);
    TunnelScript::heard(old, 129s, 100s);
    TunnelRecord fresh = openvpn_record(1);
    script.start(fresh, 130s);
    script.figures({old, fresh}, 130s);
    script.tell(fresh, TunnelEventKind::Retried, 132s, Side::Client, 1);
    script.advance(132s);
    EXPECT_EQ(script.verdict(), "none");
    script.tell(fresh, TunnelEventKind::Retried, 134s, Side::Client, 2);
    script.advance(134s);
    EXPECT_EQ(script.verdict(), "server_down");
}

TEST(TunnelTrials, a_first_tunnel_and_a_failed_handshake_have_no_verdict) {
    TunnelScript script;
    TunnelRecord failed = openvpn_record(0);
    script.start(failed, 0s);
    script.tell(failed, TunnelEventKind::Failed, 60s, Side::Client,
                static_cast<uint64_t>(TunnelStage::Candidate));
    script.end(failed, 60s, CloseReason::Idle);
    TunnelRecord again = openvpn_record(1);
    script.establish(again, 65s);
    script.figures({again}, 66s);
    script.advance(100s);
    EXPECT_EQ(script.verdict(), "none");
    const auto& failures = script.counters.failures[static_cast<size_t>(VpnProtocol::OpenVpn)];
    EXPECT_EQ(failures[static_cast<size_t>(TunnelStage::Candidate)].load(), 1U);
    EXPECT_EQ(script.last("failed").sentence, "the handshake failed: the server never answered");
}

TEST(TunnelTrials, a_client_that_sent_data_and_got_none_had_a_tunnel_nevertheless) {
    TunnelScript script;
    TunnelRecord old = openvpn_record(0);
    script.start(old, 0s);
    script.answer(old, 10ms);
    TunnelScript::heard(old, 29s, 10ms);
    old.data_packets = {4, 0};
    TunnelRecord fresh = openvpn_record(1);
    script.figures({old}, 29s);
    script.start(fresh, 30s);
    script.answer(fresh, 30010ms);
    script.figures({old, fresh}, 30020ms);
    EXPECT_EQ(script.verdict(), "server_lost_client");
}

TEST(TunnelTrials, after_an_exit_it_is_graceful_and_no_flap) {
    TunnelScript script;
    for (uint32_t i = 0; i < 5; ++i) {
        TunnelRecord record = openvpn_record(i);
        const Duration begin = 60s * i;
        script.establish(record, begin);
        script.tell(record, TunnelEventKind::Exit, begin + 30s);
        script.end(record, begin + 36s, CloseReason::Idle);
        script.figures({}, begin + 37s);
    }
    EXPECT_EQ(resets(script, TunnelVerdict::Graceful), 4U);
    EXPECT_FALSE(script.last("verdict").warning);
    EXPECT_EQ(script.count("flap"), 0U);
}

TEST(TunnelTrials, a_client_that_was_killed_is_told_by_its_host) {
    TunnelScript script;
    TunnelRecord old = openvpn_record(0);
    script.establish(old, 0s);
    TunnelScript::heard(old, 100s, 110s);
    script.tell(old, TunnelEventKind::IcmpError, 110s, Side::Client, kPortUnreachable);
    TunnelRecord fresh = openvpn_record(1);
    script.start(fresh, 115s);
    script.answer(fresh, 115010ms);
    script.figures({old, fresh}, 115020ms);
    EXPECT_EQ(script.verdict(), "client_died");
}

// The server's packet at 50 s is refused by the NAT; the client, forgotten, goes on from another
// port at 51 s, and gives up soon after.
TEST(TunnelTrials, a_nat_that_forgets_is_told_though_the_client_was_heard_after_it_refused) {
    TunnelScript script;
    TunnelRecord old = openvpn_record(0);
    script.establish(old, 0s);
    for (const Duration at : {15s, 30s, 51s}) {
        script.figures({old}, at - 100ms);
        old.last_seen[1] = Instant{at - 1s};
        script.tell(old, TunnelEventKind::IcmpError, at - 990ms, Side::Client, kPortUnreachable);
        script.figures({old}, at - 90ms);
        TunnelEvent moved = TunnelScript::make(old, TunnelEventKind::Moved, at);
        moved.address = old.address[0];
        moved.port = old.port[0]++;
        moved.tunnel.port = old.port;
        moved.tunnel.last_seen[0] = old.last_seen[0] = Instant{at};
        script.feed(moved);
    }
    script.figures({old}, 52s);
    TunnelRecord fresh = openvpn_record(1);
    script.start(fresh, 55s);
    script.answer(fresh, 55010ms);
    script.figures({old, fresh}, 55020ms);
    script.figures({old, fresh}, 80s);
    EXPECT_EQ(script.verdict(), "nat_beyond") << script.last("verdict").sentence;
}

TEST(TunnelTrials, an_error_before_the_client_was_heard_again_says_nothing) {
    TunnelScript script;
    TunnelRecord old = openvpn_record(0);
    script.establish(old, 0s);
    script.tell(old, TunnelEventKind::IcmpError, 50s, Side::Client, kPortUnreachable);
    TunnelScript::heard(old, 100s, 100s);
    TunnelRecord fresh = openvpn_record(1);
    script.start(fresh, 700s);
    script.answer(fresh, 700010ms);
    script.figures({old, fresh}, 700020ms);
    EXPECT_EQ(script.verdict(), "client_offline");
}

TEST(TunnelTrials, another_device_behind_the_same_address_is_no_reset) {
    TunnelScript script;
    TunnelRecord first = openvpn_record(0);
    script.establish(first, 0s);
    TunnelRecord second = openvpn_record(1);
    TunnelScript::heard(first, 99s, 99s);
    script.start(second, 100s);
    script.answer(second, 100010ms);
    script.figures({first, second}, 100020ms);
    EXPECT_EQ(script.verdict(), "none");
    script.advance(121s);
    EXPECT_TRUE(script.registry.wants_figures(Instant{121s}));
    TunnelScript::heard(first, 120s, 119s);
    script.figures({first, second}, 121s);
    script.advance(200s);
    EXPECT_EQ(script.verdict(), "none");
    EXPECT_FALSE(script.registry.wants_figures(Instant{200s}));
}

TEST(TunnelTrials, a_working_tunnel_whose_client_falls_silent_was_left) {
    TunnelScript script;
    TunnelRecord old = openvpn_record(0);
    script.establish(old, 0s);
    TunnelScript::heard(old, 99s, 98s);
    TunnelRecord fresh = openvpn_record(1);
    script.start(fresh, 100s);
    script.answer(fresh, 100010ms);
    script.figures({old, fresh}, 100020ms);
    EXPECT_EQ(script.verdict(), "none");
    TunnelScript::heard(old, 99s, 118s);
    script.tell(old, TunnelEventKind::Silent, 119s, Side::Client, 20000000000);
    script.advance(119s);
    EXPECT_EQ(script.verdict(), "client_restart");
}

TEST(TunnelTrials, of_several_behind_one_address_the_one_whose_server_fell_silent_came_back) {
    TunnelScript script;
    TunnelRecord healthy = openvpn_record(0);
    TunnelRecord starved = openvpn_record(1);
    script.establish(healthy, 0s);
    script.establish(starved, 1s);
    TunnelScript::heard(healthy, 129s, 129s);
    TunnelScript::heard(starved, 128s, 98s);
    TunnelRecord fresh = openvpn_record(2);
    script.start(fresh, 130s);
    script.answer(fresh, 130010ms);
    script.figures({healthy, starved, fresh}, 130020ms);
    EXPECT_EQ(script.verdict(), "server_lost_client");
    EXPECT_EQ(script.registry.of_record(fresh.id)->predecessor,
              script.registry.of_record(starved.id)->key);
}

TEST(TunnelTrials, on_the_same_ports_too_a_host_that_refuses_tells_that_the_client_had_died) {
    TunnelScript script;
    TunnelRecord record = openvpn_record(0);
    script.establish(record, 0s);
    TunnelScript::heard(record, 90s, 96s);
    script.tell(record, TunnelEventKind::IcmpError, 96s, Side::Client, 0x0303);
    TunnelRecord again = record;
    again.session[0] = 0x1122334455667788;
    again.started = Instant{100s};
    TunnelScript::heard(again, 100s, 98s);
    script.tell(again, TunnelEventKind::Restarted, 100s, Side::Client, again.session[0]);
    script.advance(100020ms);
    EXPECT_EQ(script.verdict(), "client_died");
}

TEST(TunnelTrials, a_new_session_on_the_same_ports_is_judged_at_once) {
    TunnelScript script;
    TunnelRecord record = openvpn_record(0);
    script.establish(record, 0s);
    TunnelRecord again = record;
    again.session[0] = 0x1122334455667788;
    again.stage = TunnelStage::Candidate;
    again.started = Instant{100s};
    TunnelScript::heard(again, 100s, 98s);
    script.tell(again, TunnelEventKind::Restarted, 100s, Side::Client, again.session[0]);
    again.stage = TunnelStage::Handshake;
    script.tell(again, TunnelEventKind::Answered, 100010ms, Side::Server);
    script.advance(100020ms);
    EXPECT_EQ(script.verdict(), "client_restart");
    EXPECT_EQ(script.registry.list().size(), 2U);
    EXPECT_EQ(script.registry.of_record(record.id)->session_id(), "11223344");
    script.tell(again, TunnelEventKind::Stuck, 115s);
    EXPECT_TRUE(script.last("stuck").log);
    script.end(again, 126s, CloseReason::Idle);
    EXPECT_NE(script.last("ended").sentence.find("next handshake begins afresh"),
              std::string::npos);
}

TEST(TunnelTrials, on_the_same_ports_too_a_silence_that_was_told_counts) {
    TunnelScript script;
    TunnelRecord record = openvpn_record(0);
    record.protocol = VpnProtocol::Esp;
    script.establish(record, 0s);
    TunnelScript::heard(record, 90s, 60s);
    script.tell(record, TunnelEventKind::Silent, 90s, Side::Server, 30000000000);
    TunnelRecord again = record;
    again.session[0] = 0x1122334455667788;
    again.started = Instant{100s};
    again.stage = TunnelStage::Handshake;
    script.tell(again, TunnelEventKind::Restarted, 100s, Side::Client, again.session[0]);
    script.advance(100020ms);
    EXPECT_EQ(script.verdict(), "server_lost_client");
    EXPECT_FALSE(script.registry.list().back()->silent[1]);
}

/// The connection idles out before the first keepalive: neither side's data was ever seen in it.
TEST(TunnelTrials, a_tunnel_that_only_late_packets_tell_of_was_broken_by_our_timeout) {
    TunnelScript script;
    TunnelRecord old = openvpn_record(0);
    script.start(old, 0s);
    script.answer(old, 10ms);
    old.timeout = 2s;
    script.end(old, 2s, CloseReason::Idle);
    TunnelScript::heard(old, 20ms, 20ms);
    script.tell(old, TunnelEventKind::Late, 4s, Side::Server,
                static_cast<uint64_t>(DropReason::Stale));
    TunnelRecord fresh = openvpn_record(1);
    script.start(fresh, 9s);
    script.answer(fresh, 9010ms);
    script.figures({fresh}, 9020ms);
    script.advance(20s);
    EXPECT_EQ(script.verdict(), "our_policy");
}

/// Tunnels of several clients with one server, all figures at hand.
struct Server {
    TunnelScript script;
    std::vector<TunnelRecord> records;

    explicit Server(uint32_t clients) {
        for (uint32_t i = 0; i < clients; ++i) {
            records.push_back(of_client(i, i));
            script.establish(records.back(), Duration{1s} * i);
        }
    }
    /// Client 0 comes back at that time, and is answered or not.
    TunnelRecord come_back(Duration at, bool answered) {
        TunnelRecord fresh = of_client(0, 100);
        script.start(fresh, at);
        if (answered) script.answer(fresh, at + 10ms);
        records.push_back(fresh);
        script.figures(records, at + 20ms);
        script.advance(at + 11s);
        return fresh;
    }
    void all_heard(Duration client, Duration server) {
        for (TunnelRecord& record : records)
            TunnelScript::heard(record, client, server);
    }
};

TEST(TunnelTrials, all_tunnels_silent_and_handshakes_answered_is_a_frozen_server) {
    Server server{3};
    server.all_heard(129s, 100s);
    server.come_back(130s, true);
    EXPECT_EQ(server.script.verdict(), "server_freeze");
}

TEST(TunnelTrials, all_tunnels_silent_and_handshakes_unanswered_is_a_server_that_is_down) {
    Server server{3};
    server.all_heard(129s, 100s);
    server.come_back(130s, false);
    EXPECT_EQ(server.script.verdict(), "server_down");
}

TEST(TunnelTrials, one_tunnel_silent_while_others_go_on_is_this_client_alone) {
    Server server{3};
    server.all_heard(129s, 128s);
    TunnelScript::heard(server.records[0], 129s, 100s);
    server.come_back(130s, true);
    EXPECT_EQ(server.script.verdict(), "server_lost_client");
    EXPECT_NE(server.script.last("verdict").sentence.find("goes on talking to 2 other clients"),
              std::string::npos);
}

TEST(TunnelTrials, one_that_had_been_silent_for_long_is_no_witness) {
    Server server{2};
    TunnelScript::heard(server.records[0], 129s, 100s);
    TunnelScript::heard(server.records[1], 20s, 20s);
    server.come_back(130s, true);
    EXPECT_EQ(server.script.verdict(), "server_lost_client");
}

TEST(TunnelTrials, a_server_with_one_client_whose_clock_was_set_back_is_frozen) {
    TunnelScript script;
    TunnelRecord old = openvpn_record(0);
    script.establish(old, 0s);
    script.tell(old, TunnelEventKind::Clock, 10ms, Side::Server, 1700000007);
    TunnelScript::heard(old, 129s, 100s);
    TunnelRecord fresh = openvpn_record(1);
    script.start(fresh, 130s);
    script.answer(fresh, 130010ms);
    script.tell(fresh, TunnelEventKind::Clock, 130010ms, Side::Server, 1700000130);
    script.figures({old, fresh}, 130020ms);
    EXPECT_EQ(script.verdict(), "server_freeze");
    EXPECT_NE(script.last("verdict").sentence.find("its clock was set back"), std::string::npos);
}

TEST(TunnelTrials, many_at_once_out_of_working_tunnels_are_an_operators_doing) {
    Server server{4};
    server.all_heard(99s, 98s);
    std::vector<TunnelRecord> fresh;
    for (uint32_t i = 0; i < 4; ++i) {
        fresh.push_back(of_client(i, 100 + i));
        server.script.start(fresh.back(), 100s + Duration{100ms} * i);
        server.script.answer(fresh.back(), 100s + Duration{100ms} * i + 10ms);
    }
    server.script.figures(server.records, 100500ms);
    server.script.figures(server.records, 121s);
    server.script.advance(122s);
    EXPECT_EQ(resets(server.script, TunnelVerdict::ClientRestart), 4U);
    EXPECT_NE(server.script.last("verdict").sentence.find("3 other clients came back"),
              std::string::npos)
        << server.script.last("verdict").sentence;
}

/// Two devices with one certificate, as in the lab: the server talks to whoever came last.
struct SharedIdentity {
    TunnelScript script;
    uint32_t sessions = 0;
    std::array<TunnelRecord, 2> now{};
    std::vector<std::string> verdicts;

    /// Device `who` begins a session at `at`; the other one's server side falls silent.
    void begin(uint32_t who, Duration at) {
        const size_t before = script.count("verdict");
        TunnelRecord record = of_client(who, sessions++);
        if (now[who].id != 0) TunnelScript::heard(now[who], at - 1s, last_server[who]);
        const uint32_t other = 1 - who;
        if (now[other].id != 0) {
            TunnelScript::heard(now[other], at, at);
            last_server[other] = at;
        }
        script.start(record, at);
        script.answer(record, at + 10ms);
        std::vector<TunnelRecord> figures{record};
        for (const TunnelRecord& one : now)
            if (one.id != 0) figures.push_back(one);
        script.figures(figures, at + 20ms);
        record.stage = TunnelStage::Established;
        record.established = Instant{at + 50ms};
        script.tell(record, TunnelEventKind::Established, at + 50ms);
        record.keepalive = keepalive;
        now[who] = record;
        last_server[who] = at + 50ms;
        if (script.count("verdict") != before) verdicts.push_back(script.verdict());
    }
    std::array<Duration, 2> last_server{};
    std::array<Duration, 2> keepalive{4s, 4s};
};

TEST(TunnelTrials, two_devices_that_displace_each_other_in_turn_share_an_identity) {
    SharedIdentity lab;
    lab.begin(0, 0s);
    lab.begin(1, 20s);
    lab.begin(0, 34s);
    ASSERT_EQ(lab.verdicts.size(), 1U);
    EXPECT_EQ(lab.verdicts[0], "server_lost_client");
    lab.begin(1, 48s);
    lab.begin(0, 62s);
    lab.begin(1, 76s);
    ASSERT_EQ(lab.verdicts.size(), 4U);
    EXPECT_EQ(lab.verdicts[1], "duplicate_identity");
    EXPECT_EQ(lab.verdicts[3], "duplicate_identity");
    const std::string sentence = lab.script.last("verdict").sentence;
    EXPECT_NE(sentence.find("198.51.100.3:"), std::string::npos) << sentence;
    EXPECT_NE(sentence.find("198.51.100.2:"), std::string::npos) << sentence;
    EXPECT_NE(sentence.find("about every 14.0 s"), std::string::npos) << sentence;
    EXPECT_EQ(lab.script.count("flap"), 0U);
    lab.begin(0, 90s);
    EXPECT_EQ(lab.script.count("flap"), 1U);
}

/// As soon as one side's keepalive is known, silence is told; the server's, which is known later,
/// must not be taken for so long that what happened one round earlier seems to be at once.
TEST(TunnelTrials, two_that_displace_each_other_quickly_are_no_frozen_server) {
    SharedIdentity lab;
    lab.keepalive = {1s, 0s};
    for (uint32_t i = 0; i < 6; ++i)
        lab.begin(i % 2, 4500ms * i);
    EXPECT_EQ(lab.verdicts, (std::vector<std::string>{"server_lost_client", "duplicate_identity",
                                                      "duplicate_identity", "duplicate_identity"}));
}

TEST(TunnelTrials, on_a_busy_server_sessions_that_begin_just_then_are_no_duplicate) {
    TunnelScript script;
    TunnelRecord mine = of_client(0, 0);
    script.establish(mine, 0s);
    std::vector<TunnelRecord> all;
    // Client 0 is lost every 40 s; each time somebody else's session happens to begin.
    for (uint32_t i = 1; i <= 5; ++i) {
        const Duration lost = 40s * i;
        TunnelRecord passer_by = of_client(i, 50 + i);
        script.establish(passer_by, lost);
        TunnelScript::heard(passer_by, lost + 29s, lost + 29s);
        all.push_back(passer_by);
        TunnelScript::heard(mine, lost + 29s, lost);
        std::vector<TunnelRecord> figures = all;
        figures.push_back(mine);
        TunnelRecord fresh = of_client(0, i);
        script.start(fresh, lost + 30s);
        script.answer(fresh, lost + 30010ms);
        script.figures(figures, lost + 30020ms);
        EXPECT_EQ(script.verdict(), "server_lost_client") << i;
        fresh.stage = TunnelStage::Established;
        fresh.established = Instant{lost + 30050ms};
        fresh.keepalive = {8s, 8s};
        script.tell(fresh, TunnelEventKind::Established, lost + 30050ms);
        mine = fresh;
    }
    EXPECT_EQ(resets(script, TunnelVerdict::DuplicateIdentity), 0U);
}

TEST(TunnelTrials, three_returns_within_ten_minutes_are_told_as_flapping_once) {
    TunnelScript script;
    TunnelRecord last = openvpn_record(0);
    script.establish(last, 0s);
    for (uint32_t i = 1; i <= 5; ++i) {
        const Duration at = 120s * i;
        TunnelScript::heard(last, at - 1s, at - 60s);
        TunnelRecord fresh = openvpn_record(i);
        script.start(fresh, at);
        script.answer(fresh, at + 10ms);
        script.figures({last, fresh}, at + 20ms);
        fresh.stage = TunnelStage::Established;
        fresh.established = Instant{at + 50ms};
        script.tell(fresh, TunnelEventKind::Established, at + 50ms);
        fresh.keepalive = {8s, 8s};
        last = fresh;
        EXPECT_EQ(script.count("flap"), i < 3 ? 0U : 1U) << i;
    }
    EXPECT_NE(script.last("flap").sentence.find(
                  "came back 3 times within ten minutes, about every 2m00s"),
              std::string::npos)
        << script.last("flap").sentence;
    const TunnelStory& story = *script.registry.of_record(last.id);
    EXPECT_EQ(script.registry.flap_score(story, Instant{600s}), 5U);
    EXPECT_EQ(script.registry.flap_score(story, Instant{2000s}), 0U);
    EXPECT_EQ(script.counters.flaps.load(), 1U);
}

TEST(TunnelTrials, a_silence_right_after_a_renegotiation_is_counted) {
    TunnelScript script;
    TunnelRecord old = openvpn_record(0);
    script.establish(old, 0s);
    script.tell(old, TunnelEventKind::Renegotiating, 90s, Side::Server, 1);
    TunnelScript::heard(old, 129s, 100s);
    TunnelRecord fresh = openvpn_record(1);
    script.start(fresh, 130s);
    script.answer(fresh, 130010ms);
    script.figures({old, fresh}, 130020ms);
    EXPECT_EQ(script.counters.resets_after_renegotiation.load(), 1U);
}

}  // namespace
}  // namespace ravelin
