// SPDX-License-Identifier: BSD-3-Clause
#include "mgmt/tunnel_registry.h"

#include "tunnel_script.h"

#include <gtest/gtest.h>

namespace ravelin {
namespace {

using test::openvpn_record;
using test::TunnelScript;

uint64_t value(const TunnelTally::Count& count) {
    return count.load();
}
constexpr auto kOpenVpn = static_cast<size_t>(VpnProtocol::OpenVpn);
uint64_t tunnels(const TunnelScript& script, TunnelStage stage) {
    return value(script.counters.tunnels[kOpenVpn][static_cast<size_t>(stage)]);
}

TEST(TunnelRegistry, a_handshake_becomes_an_established_tunnel) {
    TunnelScript script;
    TunnelRecord record = openvpn_record(0);
    script.start(record, 1s);
    EXPECT_EQ(tunnels(script, TunnelStage::Candidate), 1U);
    script.answer(record, 1010ms);
    EXPECT_EQ(tunnels(script, TunnelStage::Candidate), 0U);
    EXPECT_EQ(tunnels(script, TunnelStage::Handshake), 1U);
    record.stage = TunnelStage::Established;
    record.established = Instant{1048ms};
    script.tell(record, TunnelEventKind::Established, 1048ms);
    EXPECT_EQ(tunnels(script, TunnelStage::Established), 1U);
    EXPECT_EQ(script.last("established").sentence,
              "data goes both ways, 48 ms after the handshake's first packet");
    const auto stories = script.registry.list();
    ASSERT_EQ(stories.size(), 1U);
    EXPECT_EQ(stories[0]->session_id(), "43e5c0de");
    EXPECT_EQ(stories[0]->moments.size(), 3U);
    EXPECT_EQ(value(script.counters.handshakes[kOpenVpn]), 1U);
    EXPECT_EQ(value(script.counters.handshake_time[kOpenVpn].counts[2]), 1U);
}

TEST(TunnelRegistry, an_end_is_remembered_for_an_hour) {
    TunnelScript script;
    TunnelRecord record = openvpn_record(0);
    script.establish(record, 1s);
    record.stage = TunnelStage::Closing;
    script.tell(record, TunnelEventKind::Exit, 10s);
    EXPECT_EQ(tunnels(script, TunnelStage::Closing), 1U);
    script.end(record, 11s, CloseReason::Idle);
    EXPECT_EQ(tunnels(script, TunnelStage::Closing), 0U);
    script.advance(3611s);
    ASSERT_EQ(script.registry.list().size(), 1U);
    EXPECT_TRUE(script.registry.list()[0]->ended);
    EXPECT_NE(script.registry.of_record(record.id), nullptr);
    script.advance(3612s);
    EXPECT_TRUE(script.registry.list().empty());
    EXPECT_EQ(script.registry.of_record(record.id), nullptr);
}

TEST(TunnelRegistry, a_move_goes_on_in_the_same_story_and_keeps_the_old_ends) {
    TunnelScript script;
    TunnelRecord record = openvpn_record(0);
    script.establish(record, 1s);
    for (uint16_t i = 0; i < 6; ++i) {
        TunnelEvent moved = TunnelScript::make(record, TunnelEventKind::Moved, 10s * (i + 1));
        moved.address = record.address[0];
        moved.port = record.port[0];
        record.port[0] = static_cast<uint16_t>(50000 + i);
        moved.tunnel = record;
        script.feed(moved);
    }
    const auto stories = script.registry.list();
    ASSERT_EQ(stories.size(), 1U);
    EXPECT_EQ(stories[0]->moves, 6U);
    EXPECT_EQ(stories[0]->moved_from.size(), TunnelStory::kOldEndpoints);
    EXPECT_EQ(stories[0]->moved_from.back().endpoint.port, 50004);
    EXPECT_EQ(script.last("moved").sentence,
              "the client moved from 198.51.100.2:50004 to 198.51.100.2:50005");
    EXPECT_EQ(value(script.counters.moves[kOpenVpn]), 6U);
}

TEST(TunnelRegistry, a_session_on_another_connection_is_the_same_story) {
    TunnelScript script;
    TunnelRecord record = openvpn_record(0);
    script.establish(record, 1s);
    TunnelRecord elsewhere = record;
    elsewhere.id = uint64_t{1} << 32 | 9;
    elsewhere.address[0] = test::ipv4(0xcb007109);
    script.tell(elsewhere, TunnelEventKind::Keepalive, 20s, Side::Client, 8000000000);
    ASSERT_EQ(script.registry.list().size(), 1U);
    EXPECT_EQ(script.registry.of_record(record.id), script.registry.of_record(elsewhere.id));
    EXPECT_EQ(script.count("moved"), 1U);
    // What its old connection's end says is not the tunnel's.
    script.end(record, 30s, CloseReason::Idle);
    EXPECT_FALSE(script.registry.list()[0]->ended);
    EXPECT_EQ(tunnels(script, TunnelStage::Established), 1U);
}

TEST(TunnelRegistry, what_is_late_for_a_connection_that_was_no_tunnel_is_the_tunnels_of_its_ends) {
    TunnelScript script;
    TunnelRecord record = openvpn_record(0);
    script.establish(record, 1s);
    script.end(record, 2s, CloseReason::Idle);
    TunnelRecord leftover = record;
    leftover.id = 77;
    leftover.session = {};
    for (const TunnelStage stage : {TunnelStage::Candidate, TunnelStage::Closed}) {
        leftover.stage = stage;
        script.tell(leftover, TunnelEventKind::Late, 5s, Side::Server,
                    static_cast<uint64_t>(DropReason::Stale));
    }
    ASSERT_EQ(script.registry.list().size(), 1U);
    EXPECT_EQ(script.registry.list()[0]->late, 2U);
    leftover.port[0] = 9;
    script.tell(leftover, TunnelEventKind::Late, 5s, Side::Server);
    script.end(leftover, 6s, CloseReason::Idle);
    EXPECT_EQ(script.registry.list().size(), 1U);
}

/// A client that goes on from another address, whose connection another worker owns.
struct AcrossWorkers {
    TunnelScript script;
    TunnelRecord old = openvpn_record(0);
    TunnelRecord fresh = openvpn_record(7, 1);

    AcrossWorkers() {
        script.establish(old, 1s);
        fresh.address[0] = test::ipv4(0xcb007109);
        fresh.session = {};
        fresh.picked_up = true;
        fresh.stage = TunnelStage::Established;
        fresh.started = Instant{100s};
        fresh.last_seen = {Instant{100s}, Instant{100s}};
    }
    void pick_up() { script.tell(fresh, TunnelEventKind::PickedUp, 101s); }
};

TEST(TunnelRegistry, a_tunnel_that_turns_out_to_carry_esp_is_counted_as_one_of_esp) {
    TunnelScript script;
    TunnelRecord record = openvpn_record(0);
    record.protocol = VpnProtocol::Ike;
    script.start(record, 0s);
    script.answer(record, 10ms);
    record.protocol = VpnProtocol::Esp;
    record.stage = TunnelStage::Established;
    script.tell(record, TunnelEventKind::Established, 50ms);
    const auto count = [&](VpnProtocol vpn, TunnelStage stage) {
        return script.counters.tunnels[static_cast<size_t>(vpn)][static_cast<size_t>(stage)].load();
    };
    EXPECT_EQ(count(VpnProtocol::Ike, TunnelStage::Handshake), 0U);
    EXPECT_EQ(count(VpnProtocol::Esp, TunnelStage::Handshake), 0U);
    EXPECT_EQ(count(VpnProtocol::Esp, TunnelStage::Established), 1U);
    script.end(record, 60s, CloseReason::Idle);
    EXPECT_EQ(count(VpnProtocol::Esp, TunnelStage::Established), 0U);
}

TEST(TunnelRegistry, an_ipsec_client_whose_spis_were_renewed_before_it_moved_is_known_by_address) {
    for (const bool renewed : {true, false}) {
        AcrossWorkers lab;
        TunnelRecord old = openvpn_record(3);
        old.protocol = lab.fresh.protocol = VpnProtocol::Esp;
        old.session[0] = 77;
        old.peer_id = {0x62da69a7, 0xf2055ee2};
        lab.fresh.peer_id = {0x69a87cfa, 0x45768259};
        lab.fresh.address[0] = old.address[0];
        lab.script.establish(old, 1s);
        if (renewed) lab.script.tell(old, TunnelEventKind::Renegotiating, 92s, Side::Server);
        lab.pick_up();
        TunnelScript::heard(old, 95s, 96s);
        lab.script.figures({old, lab.fresh}, 101s);
        EXPECT_EQ(lab.script.count("moved"), renewed ? 1U : 0U);
    }
}

TEST(TunnelRegistry, a_tunnel_taken_up_by_another_worker_is_the_one_that_fell_silent) {
    AcrossWorkers lab;
    lab.pick_up();
    EXPECT_TRUE(lab.script.registry.wants_figures(Instant{101s}));
    TunnelScript::heard(lab.old, 95s, 96s);
    lab.script.figures({lab.old, lab.fresh}, 101s);
    EXPECT_FALSE(lab.script.registry.wants_figures(Instant{101s}));
    const auto stories = lab.script.registry.list();
    ASSERT_EQ(stories.size(), 1U);
    EXPECT_EQ(stories[0]->record.id, lab.fresh.id);
    EXPECT_EQ(stories[0]->session_id(), "43e5c0de");
    EXPECT_EQ(stories[0]->record.started, Instant{1s});
    EXPECT_FALSE(stories[0]->record.picked_up);
    EXPECT_EQ(lab.script.last("moved").sentence,
              "the client moved from 198.51.100.2:40000 to 203.0.113.9:40007");
}

TEST(TunnelRegistry, a_port_that_was_forgotten_in_a_silence_bounds_the_memory_of_a_nat) {
    for (const bool same_address : {true, false}) {
        AcrossWorkers lab;
        if (same_address) lab.fresh.address[0] = lab.old.address[0];
        lab.pick_up();
        TunnelScript::heard(lab.old, 60s, 62s);
        lab.script.figures({lab.old, lab.fresh}, 101s);
        ASSERT_EQ(lab.script.registry.list().size(), 1U);
        const NatMemory& nat = lab.script.registry.list()[0]->nat;
        EXPECT_EQ(nat.at_most(), same_address ? Duration{40250ms} : 0s);
        EXPECT_EQ(nat.at_least(), 0s);
    }
}

TEST(TunnelRegistry, peer_ids_are_used_again_so_a_tunnel_that_goes_on_is_another_one) {
    AcrossWorkers lab;
    lab.pick_up();
    TunnelScript::heard(lab.old, 102s, 102s);
    lab.script.figures({lab.old, lab.fresh}, 103s);
    EXPECT_EQ(lab.script.registry.list().size(), 2U);
}

TEST(TunnelRegistry, of_two_that_fell_silent_none_is_chosen) {
    AcrossWorkers lab;
    TunnelRecord third = openvpn_record(3);
    lab.script.establish(third, 2s);
    lab.pick_up();
    TunnelScript::heard(lab.old, 95s, 96s);
    TunnelScript::heard(third, 94s, 96s);
    lab.script.figures({lab.old, third, lab.fresh}, 101s);
    EXPECT_EQ(lab.script.registry.list().size(), 3U);
}

TEST(TunnelRegistry, silence_is_a_gauge_and_ends_when_the_side_is_heard) {
    TunnelScript script;
    TunnelRecord record = openvpn_record(0);
    script.establish(record, 1s);
    script.tell(record, TunnelEventKind::Silent, 25s, Side::Server, 20000000000);
    EXPECT_EQ(value(script.counters.silent[1]), 1U);
    EXPECT_EQ(script.last("silent").sentence,
              "nothing from the server for 20.0 s, while the client goes on");
    script.tell(record, TunnelEventKind::Heard, 30s, Side::Server, 25000000000);
    EXPECT_EQ(value(script.counters.silent[1]), 0U);
    script.tell(record, TunnelEventKind::Silent, 60s, Side::Client, 20000000000);
    script.end(record, 61s, CloseReason::Idle);
    EXPECT_EQ(value(script.counters.silent[0]), 0U);
}

TEST(TunnelRegistry, a_flood_of_handshakes_hides_nothing_that_is_established) {
    TunnelScript script;
    TunnelRecord real = openvpn_record(0);
    script.establish(real, 1s);
    for (uint32_t i = 1; i < 5000; ++i) {
        TunnelRecord spoofed = openvpn_record(i);
        spoofed.address[0] = test::ipv4(0x0a000000 + i);
        spoofed.started = Instant{2s};
        script.registry.feed(TunnelScript::make(spoofed, TunnelEventKind::Started, 2s));
    }
    EXPECT_LE(script.registry.list().size(), TunnelRegistry::kMostUnconfirmed + 1);
    EXPECT_EQ(script.registry.list()[0]->record.id, real.id);
    EXPECT_LE(tunnels(script, TunnelStage::Candidate), TunnelRegistry::kMostUnconfirmed);
    EXPECT_EQ(script.registry.take_news().size(), TunnelRegistry::kMostNews);
    EXPECT_GT(value(script.counters.news_lost), 0U);
    script.advance(2s + 11min);
    EXPECT_EQ(script.registry.list().size(), 1U);
    EXPECT_EQ(tunnels(script, TunnelStage::Candidate), 0U);
}

TEST(TunnelRegistry, a_time_line_is_bounded_and_counts_what_repeats) {
    TunnelScript script;
    TunnelRecord record = openvpn_record(0);
    script.establish(record, 1s);
    for (uint64_t i = 1; i <= 5; ++i)
        script.tell(record, TunnelEventKind::Late, 2s + Duration{1s} * i, Side::Server,
                    static_cast<uint64_t>(DropReason::Stale));
    const TunnelStory& story = *script.registry.list()[0];
    EXPECT_EQ(story.moments.back().times, 5U);
    EXPECT_EQ(story.moments.back().text,
              "a packet of the server came after its connection's end and was dropped (stale)");
    EXPECT_EQ(story.moments.back().last, Instant{7s});
    for (uint64_t i = 0; i < 100; ++i) {
        script.tell(record, TunnelEventKind::Renegotiating, 100s + Duration{1s} * i, Side::Server,
                    i % 7 + 1);
    }
    EXPECT_EQ(story.moments.size(), TunnelStory::kMoments);
    EXPECT_EQ(story.moments_dropped, 104U - TunnelStory::kMoments);
    EXPECT_EQ(value(script.counters.renegotiations[kOpenVpn][1]), 100U);
}

TEST(TunnelRegistry, the_intervals_of_renegotiations_are_a_histogram) {
    struct Case {
        const char* name;
        std::vector<Duration> at;
        bool seen_by_worker;    ///< the worker that tells has seen the one before, too
        std::vector<int> adds;  ///< expected, by bucket
    };
    const auto buckets = [](std::initializer_list<size_t> filled) {
        std::vector<int> counts(TunnelTally::kRenegotiationBounds.size() + 1);
        for (const size_t bucket : filled)
            ++counts[bucket];
        return counts;
    };
    const Case cases[] = {
        {"the first one has no interval", {3600s}, true, buckets({})},
        {"OpenVPN's hour, less up to a tenth", {3600s, 6850s, 10450s}, true, buckets({8, 8})},
        {"every 14 s", {14s, 28s}, true, buckets({0})},
        {"a bound belongs to its bucket", {300s, 600s}, true, buckets({4})},
        {"more than the last bound", {1s, 86401s}, true, buckets({11})},
        {"another worker goes on", {3600s, 7000s}, false, buckets({8})},
    };
    for (const Case& one : cases) {
        TunnelScript script;
        TunnelRecord record = openvpn_record(0);
        script.establish(record, 0s);
        Duration last{};
        for (const Duration at : one.at) {
            if (one.seen_by_worker && last != 0s) record.renegotiation_interval = at - last;
            script.tell(record, TunnelEventKind::Renegotiating, at, Side::Server, 1);
            last = at;
        }
        const auto& interval = script.counters.renegotiation_interval[kOpenVpn];
        std::vector<int> counts;
        for (const auto& count : interval.counts)
            counts.push_back(static_cast<int>(value(count)));
        EXPECT_EQ(counts, one.adds) << one.name;
        EXPECT_EQ(value(interval.nanoseconds),
                  static_cast<uint64_t>((one.at.back() - one.at.front()).count()))
            << one.name;
    }
}

TEST(TunnelRegistry, many_that_have_ended_are_bounded_too) {
    TunnelScript script;
    for (uint32_t i = 0; i < 600; ++i) {
        TunnelRecord record = openvpn_record(i);
        record.address[0] = test::ipv4(0x0a000000 + i);
        script.establish(record, 1s);
        script.end(record, 2s, CloseReason::Idle);
    }
    EXPECT_EQ(script.registry.list().size(), TunnelRegistry::kMostEnded);
}

TEST(TunnelRegistry, figures_of_workers_make_up_for_lost_events) {
    TunnelScript script;
    TunnelRecord known = openvpn_record(0);
    script.establish(known, 1s);
    TunnelRecord missed = openvpn_record(1);
    missed.stage = TunnelStage::Established;
    TunnelRecord candidate = openvpn_record(2);
    script.figures({known, missed, candidate}, 10s);
    EXPECT_EQ(script.registry.list().size(), 2U);
    EXPECT_EQ(tunnels(script, TunnelStage::Established), 2U);
    // The first one's end was lost.
    script.figures({missed}, 80s);
    EXPECT_EQ(tunnels(script, TunnelStage::Established), 1U);
}

// IKE on one port and what it has agreed on on another: nobody could be more precise.
TEST(TunnelRegistry, of_two_with_one_session_id_the_one_that_lives_or_is_newer_is_meant) {
    TunnelScript script;
    TunnelRecord ike = openvpn_record(0);
    ike.protocol = VpnProtocol::Ike;
    TunnelRecord esp = openvpn_record(0);
    esp.id = 7;
    esp.port = {4500, 4500};
    esp.protocol = VpnProtocol::Esp;
    script.establish(ike, 1s);
    script.establish(esp, 2s);
    const auto shown = [&] {
        const auto found = script.registry.find("43e5c0de");
        EXPECT_FALSE(found.many);
        return found.story->record.protocol;
    };
    EXPECT_EQ(shown(), VpnProtocol::Esp);
    script.end(esp, 3s, CloseReason::Idle);
    EXPECT_EQ(shown(), VpnProtocol::Ike);
    script.end(ike, 4s, CloseReason::Idle);
    EXPECT_EQ(shown(), VpnProtocol::Esp);
}

TEST(TunnelRegistry, ids_are_those_of_the_peers_logs_or_hashed) {
    TunnelScript script;
    TunnelRecord record = openvpn_record(0);
    script.establish(record, 1s);
    const TunnelStory& story = *script.registry.list()[0];
    const std::string hashed = script.registry.export_id(story);
    EXPECT_EQ(hashed.size(), 8U);
    EXPECT_NE(hashed, "43e5c0de");
    EXPECT_EQ(script.last("established").id, hashed);
    EXPECT_EQ(script.registry.find("43e5").story, &story);
    EXPECT_EQ(script.registry.find(hashed).story, &story);
    EXPECT_EQ(script.registry.find("43e6").story, nullptr);
    TunnelRecord twin = openvpn_record(1);
    script.establish(twin, 2s);
    EXPECT_TRUE(script.registry.find("43e5c0de").many);

    TunnelTally counters;
    HashSecret other{};
    other[0] = 1;
    EXPECT_NE(TunnelRegistry(counters, other).export_id(story), hashed);
}

TEST(TunnelRegistry, every_event_has_words) {
    for (size_t kind = 0; kind < kTunnelEventKindCount; ++kind) {
        TunnelScript script;
        TunnelRecord record = openvpn_record(0);
        script.establish(record, 1s);
        script.news.clear();
        TunnelRecord again = record;
        script.tell(again, static_cast<TunnelEventKind>(kind), 2s, Side::Server, 3);
        ASSERT_FALSE(script.news.empty()) << kind;
        EXPECT_GT(script.news[0].sentence.size(), 10U) << kind;
        EXPECT_EQ(script.news[0].kind, keyword(static_cast<TunnelEventKind>(kind)));
        EXPECT_EQ(script.news[0].sentence.find("something"), std::string::npos) << kind;
    }
}

TEST(TunnelRegistry, what_no_worker_may_say_changes_nothing) {
    TunnelScript script;
    TunnelRecord record = openvpn_record(0);
    script.tell(record, TunnelEventKind::Count, 1s);
    record.protocol = VpnProtocol::Count;
    script.tell(record, TunnelEventKind::Started, 1s);
    EXPECT_TRUE(script.registry.list().empty());
}

// Peers' clocks.

TEST(TunnelRegistry, a_servers_clock_that_is_off_is_told_once) {
    TunnelScript script;
    TunnelRecord record = openvpn_record(0);
    script.establish(record, 1s);
    script.tell(record, TunnelEventKind::Clock, 1010ms, Side::Server, 1700000008);
    EXPECT_EQ(script.last("clock").sentence, "the server's clock is 7.0 to 8.0 s ahead");
    EXPECT_EQ(script.count("clock_offset"), 1U);
    EXPECT_TRUE(script.last("clock_offset").warning);
    script.tell(record, TunnelEventKind::Clock, 3600s, Side::Server, 1700003607);
    EXPECT_EQ(script.count("clock_offset"), 1U);
    script.advance(3601s);
    EXPECT_EQ(value(script.counters.clock_suspects[1]), 1U);
    EXPECT_NEAR(script.counters.clock_low, 7, 0.1);
    // Somebody sets it right.
    script.tell(record, TunnelEventKind::Clock, 7200s, Side::Server, 1700007200);
    EXPECT_EQ(script.last("clock_step").sentence, "the server's clock was set back by about 7.0 s");
    EXPECT_EQ(script.count("clock_offset"), 2U);
    EXPECT_FALSE(script.last("clock_offset").warning);
    script.advance(7201s);
    EXPECT_EQ(value(script.counters.clock_suspects[1]), 0U);
    EXPECT_EQ(value(script.counters.clock_steps[1]), 1U);
}

TEST(TunnelRegistry, a_clock_that_is_right_is_no_news) {
    TunnelScript script;
    TunnelRecord record = openvpn_record(0);
    script.establish(record, 1s);
    script.tell(record, TunnelEventKind::Clock, 1600ms, Side::Server, 1700000001);
    script.tell(record, TunnelEventKind::Clock, 1500ms, Side::Client, 1700000001);
    EXPECT_EQ(script.count("clock_offset"), 0U);
    EXPECT_EQ(script.last("clock").sentence, "the client's clock is 0.5 s behind to 0.5 s ahead");
}

TEST(TunnelRegistry, without_a_clock_of_our_own_the_two_ends_are_compared_with_each_other) {
    TunnelScript script{false};
    TunnelRecord record = openvpn_record(0);
    script.establish(record, 1s);
    // Both far off our own wall clock, which nobody vouches for.
    script.tell(record, TunnelEventKind::Clock, 1010ms, Side::Server, 1700010001);
    EXPECT_EQ(script.count("clock_offset"), 0U);
    EXPECT_NE(script.last("clock").sentence.find("not known to be right"), std::string::npos);
    script.tell(record, TunnelEventKind::Clock, 1010ms, Side::Client, 1700009994);
    EXPECT_EQ(script.last("clock_offset").sentence,
              "relative to the server's, the client's clock is 6.0 to 8.0 s behind");
    EXPECT_TRUE(script.last("clock_offset").warning);
}

TEST(TunnelRegistry, a_step_of_our_own_clock_is_nobody_elses) {
    TunnelScript script;
    TunnelRecord record = openvpn_record(0);
    script.establish(record, 1s);
    script.tell(record, TunnelEventKind::Clock, 1010ms, Side::Server, 1700000001);
    script.registry.set_wall(test::kScriptWall + 86400s, true);
    script.tell(record, TunnelEventKind::Clock, 100s, Side::Server, 1700000100);
    EXPECT_EQ(script.count("clock_step"), 0U);
    EXPECT_NE(script.last("clock_offset").sentence.find("behind"), std::string::npos);
}

}  // namespace
}  // namespace ravelin
