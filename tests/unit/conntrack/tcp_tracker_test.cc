// SPDX-License-Identifier: BSD-3-Clause
#include "conntrack/tcp_tracker.h"

#include "conntrack/tcp_window.h"
#include "unit/conntrack/tcp_script.h"

#include <gtest/gtest.h>

#include <cstring>
#include <map>
#include <random>
#include <set>

namespace ravelin {
namespace {

using testing::phase_name;
using testing::tcp_flags;
using testing::TcpLab;

constexpr Direction kSides[] = {Direction::Original, Direction::Reply};

// ------------------------------------------------------------------------------------------
// The state table, all 2 x 256 x 10 cells of it.

// Typed from the reference page, not from the code. sIV invalid, sIG ignored.
constexpr const char* kReferenceTable = R"(
            sNO  sSS  sSR  sES  sFW  sCW  sLA  sTW  sCL  sS2
ORIG  syn   sSS  sSS  sIG  sIG  sIG  sIG  sIG  sSS  sSS  sS2
ORIG  synack sIV sIV  sSR  sIV  sIV  sIV  sIV  sIV  sIV  sSR
ORIG  fin   sIV  sIV  sFW  sFW  sLA  sLA  sLA  sTW  sCL  sIV
ORIG  ack   sES  sIV  sES  sES  sCW  sCW  sTW  sTW  sCL  sIV
ORIG  rst   sIV  sCL  sCL  sCL  sCL  sCL  sCL  sCL  sCL  sCL
REPLY syn   sIV  sS2  sIV  sIV  sIV  sIV  sIV  sSS  sIV  sS2
REPLY synack sIV sSR  sIG  sIG  sIG  sIG  sIG  sIG  sIG  sSR
REPLY fin   sIV  sIV  sFW  sFW  sLA  sLA  sLA  sTW  sCL  sIV
REPLY ack   sIV  sIG  sSR  sES  sCW  sCW  sTW  sTW  sCL  sIG
REPLY rst   sIV  sCL  sCL  sCL  sCL  sCL  sCL  sCL  sCL  sCL
)";

using ReferenceTable = std::map<std::pair<std::string, std::string>, std::vector<std::string>>;

ReferenceTable reference_table() {
    ReferenceTable table;
    std::istringstream lines{kReferenceTable};
    for (std::string line; std::getline(lines, line);) {
        std::istringstream words{line};
        std::string direction;
        std::string packet;
        words >> direction >> packet;
        if (direction != "ORIG" && direction != "REPLY") continue;
        for (std::string cell; words >> cell;)
            table[{direction, packet}].push_back(cell);
    }
    return table;
}

/// "syn", "rst", ... or "" for a combination that no TCP sends.
std::string packet_kind(unsigned flags) {
    const std::map<std::set<char>, std::string> kinds = {
        {{'S'}, "syn"},      {{'S', 'U'}, "syn"}, {{'S', 'A'}, "synack"},
        {{'F', 'A'}, "fin"}, {{'A'}, "ack"},      {{'F', 'A', 'U'}, "fin"},
        {{'A', 'U'}, "ack"}, {{'R'}, "rst"},      {{'R', 'A'}, "rst"}};
    std::set<char> judged;
    const std::string letters = "FSRPAUEW";
    for (size_t bit = 0; bit < 8; ++bit) {
        const bool says_something =
            letters[bit] != 'P' && letters[bit] != 'E' && letters[bit] != 'W';
        if ((flags >> bit & 1) != 0 && says_something) judged.insert(letters[bit]);
    }
    const auto found = kinds.find(judged);
    return found == kinds.end() ? "" : found->second;
}

TcpPhase phase_of(const std::string& cell) {
    const std::vector<std::string> order = {"sNO", "sSS", "sSR", "sES", "sFW",
                                            "sCW", "sLA", "sTW", "sCL", "sS2"};
    const auto at = std::find(order.begin(), order.end(), cell) - order.begin();
    return static_cast<TcpPhase>(at);
}

/// Both windows wide open around sequence number 1000, nothing remembered of earlier packets.
TcpState roomy_state() {
    TcpState state;
    for (TcpWindow& window : state.window)
        window = {.end = 1000, .max_end = 51000, .max_window = 50000, .max_ack = 1000};
    state.last_index = static_cast<uint8_t>(TcpPacketIndex::None) & 7;
    return state;
}

struct Cell {
    Direction direction;
    unsigned flags;
    TcpPhase phase;
    std::string kind;
    std::string expected;  ///< of the reference table
};

template <class Check>
void for_every_cell(Check check) {
    const ReferenceTable table = reference_table();
    for (const Direction direction : kSides) {
        for (unsigned flags = 0; flags < 256; ++flags) {
            for (size_t phase = 0; phase < kTcpPhaseCount; ++phase) {
                Cell cell{direction, flags, static_cast<TcpPhase>(phase), packet_kind(flags), ""};
                if (!cell.kind.empty()) {
                    cell.expected =
                        table.at({direction == Direction::Original ? "ORIG" : "REPLY", cell.kind})
                            .at(phase);
                }
                SCOPED_TRACE(::testing::Message() << static_cast<int>(direction) << " flags "
                                                  << flags << " in " << phase_name(cell.phase));
                check(cell);
            }
        }
    }
}

TcpSegment segment_of(const Cell& cell) {
    return {
        .sequence = 1000, .ack = 1000, .window = 500, .flags = static_cast<uint8_t>(cell.flags)};
}

TEST(TcpTable, the_reference_has_ten_rows_of_ten_cells) {
    const ReferenceTable table = reference_table();
    EXPECT_EQ(table.size(), 10U);
    for (const auto& [row, cells] : table)
        EXPECT_EQ(cells.size(), kTcpPhaseCount);
}

TEST(TcpTable, nine_flag_combinations_are_valid_whatever_psh_ece_and_cwr_say) {
    size_t valid = 0;
    for (unsigned flags = 0; flags < 256; ++flags)
        valid += packet_kind(flags).empty() ? 0 : 1;
    EXPECT_EQ(valid, 9U * 8U);
}

TEST(TcpTable, every_cell_of_the_linux_profile_is_the_kernels) {
    const TrackingOptions options = TrackingOptions::linux_profile();
    for_every_cell([&](const Cell& cell) {
        TcpState state = roomy_state();
        TcpPhase phase = cell.phase;
        const TrackStep step =
            TcpTracker::update(state, phase, segment_of(cell), cell.direction, true, true, options);
        const bool on_ended = cell.phase == TcpPhase::TimeWait || cell.phase == TcpPhase::Close;
        if (cell.kind.empty()) {
            EXPECT_EQ(step.outcome, Outcome::Invalid);
            EXPECT_EQ(step.reason, DropReason::TcpFlags);
            EXPECT_EQ(phase, cell.phase);
        } else if (cell.expected == "sIV") {
            EXPECT_EQ(step.outcome, Outcome::Invalid);
            EXPECT_EQ(step.reason, DropReason::TcpState);
            EXPECT_EQ(phase, cell.phase);
        } else if (cell.expected == "sIG" || (cell.expected == "sSS" && on_ended)) {
            // Nobody had said that the old connection is over: see the next test.
            EXPECT_EQ(step.outcome, Outcome::Pass);
            EXPECT_FALSE(step.renew);
            EXPECT_FALSE(step.changed);
            EXPECT_EQ(phase, cell.phase);
        } else {
            EXPECT_EQ(step.outcome, Outcome::Pass);
            EXPECT_TRUE(step.renew);
            EXPECT_EQ(phase_name(phase), phase_name(phase_of(cell.expected)));
            EXPECT_EQ(step.changed, phase != cell.phase);
        }
    });
}

TEST(TcpTable, a_syn_on_a_connection_that_was_closed_opens_a_new_one) {
    for (const TrackingOptions& options :
         {TrackingOptions::linux_profile(), TrackingOptions::strict()}) {
        for_every_cell([&](const Cell& cell) {
            const bool on_ended = cell.phase == TcpPhase::TimeWait || cell.phase == TcpPhase::Close;
            for (const Direction closer : kSides) {
                TcpState state = roomy_state();
                state.flags[static_cast<size_t>(closer)] |= tcp_side_flag::kCloseInit;
                TcpPhase phase = cell.phase;
                const TrackStep step = TcpTracker::update(state, phase, segment_of(cell),
                                                          cell.direction, true, true, options);
                EXPECT_EQ(step.outcome == Outcome::Reopen, cell.expected == "sSS" && on_ended);
                EXPECT_TRUE(step.outcome != Outcome::Reopen || phase == cell.phase);
            }
        });
    }
}

TEST(TcpTable, the_strict_profile_differs_in_the_split_handshake_and_in_resets_only) {
    for_every_cell([&](const Cell& cell) {
        std::array<TcpPhase, 2> phase{cell.phase, cell.phase};
        std::array<TrackStep, 2> step;
        const std::array<TrackingOptions, 2> options{TrackingOptions::linux_profile(),
                                                     TrackingOptions::strict()};
        for (size_t profile = 0; profile < 2; ++profile) {
            TcpState state = roomy_state();
            step[profile] = TcpTracker::update(state, phase[profile], segment_of(cell),
                                               cell.direction, true, true, options[profile]);
        }
        const bool reply = cell.direction == Direction::Reply;
        const bool unanswered = reply && cell.phase == TcpPhase::SynSent;
        const bool acknowledges = (cell.flags & tcp_flag::kAck) != 0;
        if (unanswered && cell.kind == "syn") {
            EXPECT_EQ(step[1].outcome, Outcome::Invalid);
            EXPECT_EQ(step[1].reason, DropReason::TcpState);
            EXPECT_EQ(phase[1], TcpPhase::SynSent);
        } else if (unanswered && cell.kind == "rst" && !acknowledges) {
            EXPECT_EQ(step[1].outcome, Outcome::Invalid);
            EXPECT_EQ(step[1].reason, DropReason::TcpWindow);
            EXPECT_EQ(phase[1], TcpPhase::SynSent);
        } else {
            EXPECT_EQ(step[0].outcome, step[1].outcome);
            EXPECT_EQ(step[0].reason, step[1].reason);
            EXPECT_EQ(phase[0], phase[1]);
            EXPECT_EQ(step[0].renew, step[1].renew);
            EXPECT_EQ(step[0].timeout, step[1].timeout);
        }
    });
}

TEST(TcpTable, an_invalid_segment_never_changes_the_phase_wherever_it_lies) {
    std::mt19937 random{20260101};
    for (const TrackingOptions& options :
         {TrackingOptions::linux_profile(), TrackingOptions::strict()}) {
        for_every_cell([&](const Cell& cell) {
            for (const bool seen_reply : {false, true}) {
                TcpState state = roomy_state();
                const TcpState before = state;
                TcpPhase phase = cell.phase;
                TcpSegment segment = segment_of(cell);
                segment.sequence = static_cast<uint32_t>(random());
                segment.ack = static_cast<uint32_t>(random());
                const TrackStep step = TcpTracker::update(state, phase, segment, cell.direction,
                                                          seen_reply, seen_reply, options);
                if (step.outcome != Outcome::Invalid) continue;
                EXPECT_EQ(phase, cell.phase);
                EXPECT_FALSE(step.renew);
                EXPECT_NE(step.reason, DropReason::None);
                if (options.tcp_invalid_inert) {
                    EXPECT_EQ(std::memcmp(&state, &before, sizeof state), 0);
                    EXPECT_EQ(step.timeout, Duration{0});
                }
            }
        });
    }
}

TEST(TcpTable, only_a_syn_opens_and_a_bare_ack_if_mid_stream_pick_up_is_on) {
    for (const bool loose : {false, true}) {
        TrackingOptions options = TrackingOptions::strict();
        options.tcp_loose = loose;
        for (unsigned flags = 0; flags < 256; ++flags) {
            SCOPED_TRACE(::testing::Message() << "flags " << flags << " loose " << loose);
            const std::string kind = packet_kind(flags);
            TcpState state;
            TcpPhase phase = TcpPhase::None;
            DropReason reason = DropReason::None;
            const bool opened = TcpTracker::open(
                {.sequence = 7, .ack = 9, .window = 100, .flags = static_cast<uint8_t>(flags)},
                loose, options, state, phase, reason);
            if (kind == "syn" || (kind == "ack" && loose)) {
                EXPECT_TRUE(opened);
                EXPECT_EQ(phase, kind == "syn" ? TcpPhase::SynSent : TcpPhase::Established);
                EXPECT_EQ(reason, DropReason::None);
                EXPECT_EQ(TcpTracker::opening_timeout(state, phase, options),
                          kind == "syn" ? 120s : 300s);
            } else {
                EXPECT_FALSE(opened);
                EXPECT_EQ(reason,
                          kind.empty() ? DropReason::TcpFlags : DropReason::TcpNoConnection);
            }
        }
    }
}

// ------------------------------------------------------------------------------------------
// Scripts.

enum class Profile : uint8_t { Both, Linux, Strict };

struct Script {
    const char* name;
    Profile profile;
    std::vector<std::string> lines;
};

// The prefix of most scripts; 1000 bytes of window on both sides, no options.
#define HANDSHAKE                                                   \
    "> S 0                | pass SYN_SENT 120 unreplied unassured", \
        "< SA 0 ack 1     | pass SYN_RECV 60 unassured",            \
        "> . 1 ack 1      | pass ESTABLISHED 432000 assured"

const std::vector<Script> kScripts = {
    {"the_trace_that_was_observed_on_the_kernel",
     Profile::Both,
     {HANDSHAKE, "> P. 1 ack 1 len 100 | pass ESTABLISHED 300",
      "< . 1 ack 101        | pass ESTABLISHED 432000", "> F. 101 ack 1       | pass FIN_WAIT 120",
      "< . 1 ack 102        | pass CLOSE_WAIT 60", "< F. 1 ack 102       | pass LAST_ACK 30",
      "> . 102 ack 2        | pass TIME_WAIT 120", "> S 100000           | reopen TIME_WAIT"}},
    {"the_server_closes_first",
     Profile::Both,
     {HANDSHAKE, "< F. 1 ack 1 | pass FIN_WAIT 120", "> . 1 ack 2 | pass CLOSE_WAIT 60",
      "> F. 1 ack 2 | pass LAST_ACK 30", "< . 2 ack 2 | pass TIME_WAIT 120"}},
    {"both_close_at_once",
     Profile::Both,
     {HANDSHAKE, "> F. 1 ack 1 | pass FIN_WAIT 120", "< F. 1 ack 1 | pass LAST_ACK 30",
      "> . 2 ack 2 | pass TIME_WAIT 120", "< . 2 ack 2 | pass TIME_WAIT 120"}},
    {"fin_with_data_and_a_retransmitted_fin",
     Profile::Both,
     {HANDSHAKE, "> FP. 1 ack 1 len 10 | pass FIN_WAIT 120",
      "> FP. 1 ack 1 len 10 | pass LAST_ACK 30", "< . 1 ack 12 | pass TIME_WAIT 120"}},
    {"a_reply_may_reopen_a_connection_in_time_wait",
     Profile::Both,
     {HANDSHAKE, "> F. 1 ack 1 | pass FIN_WAIT 120", "< F. 1 ack 2 | pass LAST_ACK 30",
      "> . 2 ack 2 | pass TIME_WAIT 120", "< S 9999 | reopen TIME_WAIT"}},
    {"after_an_rst_its_sender_may_reopen",
     Profile::Both,
     {HANDSHAKE, "> R. 1 ack 1 | pass CLOSE 10", "wait 3 | CLOSE 7", "> S 70000 | reopen CLOSE"}},
    {"after_the_servers_rst_a_syn_is_followed_until_the_answer_comes",
     Profile::Both,
     {HANDSHAKE, "< R. 1 ack 1 | pass CLOSE 10", "> S 70000 | keep CLOSE 10",
      "< SA 80000 ack 70001 | pass SYN_RECV 60", "> . 70001 ack 80001 | pass ESTABLISHED 432000"}},
    {"a_syn_that_is_sent_again_does_not_renew",
     Profile::Both,
     {"> S 0 | pass SYN_SENT 120", "wait 50 | SYN_SENT 70", "> S 0 | keep SYN_SENT 70",
      "< SA 0 ack 1 | pass SYN_RECV 60"}},
    {"a_second_syn_with_a_higher_initial_sequence_number_is_the_one_that_counts",
     Profile::Both,
     {"> S 0 | pass SYN_SENT 120", "> S 500000 | keep SYN_SENT 120",
      "< SA 0 ack 500001 | pass SYN_RECV 60", "> . 500001 ack 1 | pass ESTABLISHED 432000"}},
    {"a_syn_ack_that_is_sent_again_is_ignored",
     Profile::Both,
     {"> S 0 | pass SYN_SENT 120", "< SA 0 ack 1 | pass SYN_RECV 60", "wait 10 | SYN_RECV 50",
      "< SA 0 ack 1 | keep SYN_RECV 50", "> . 1 ack 1 | pass ESTABLISHED 432000"}},
    {"an_rst_that_answers_a_syn_ends_the_connection",
     Profile::Both,
     {"> S 0 | pass SYN_SENT 120 unreplied", "< R. =0 ack 1 | end CLOSE"}},
    {"an_rst_that_answers_a_syn_with_data_ends_the_connection",
     Profile::Both,
     {"> S 0 len 100 | pass SYN_SENT 120", "< R. =0 ack 101 | end CLOSE"}},
    {"the_opener_may_take_its_syn_back",
     Profile::Both,
     {"> S 0 | pass SYN_SENT 120", "> R 1 | end CLOSE"}},
    {"an_rst_with_an_acknowledgement_of_nothing_is_invalid",
     Profile::Both,
     {"> S 0 | pass SYN_SENT 120", "< R. =0 ack 3 | invalid SYN_SENT 120"}},
    {"an_rst_with_an_acknowledgement_of_nothing_does_not_spoil_the_handshake",
     Profile::Strict,
     {"> S 0 | pass SYN_SENT 120", "< R. =0 ack 2 | invalid SYN_SENT 120",
      "< SA 0 ack 1 | pass SYN_RECV 60"}},
    {"an_rst_that_acknowledges_too_little_closes_only_for_the_kernel",
     Profile::Linux,
     {"> S 0 | pass SYN_SENT 120", "< R. =0 ack -60000 | end CLOSE"}},
    {"an_rst_that_acknowledges_too_little_is_invalid",
     Profile::Strict,
     {"> S 0 | pass SYN_SENT 120", "< R. =0 ack 0 | invalid SYN_SENT 120",
      "< R. =0 ack -60000 | invalid SYN_SENT 120", "< R =0 | invalid SYN_SENT 120",
      "< SA 0 ack 1 | pass SYN_RECV 60"}},
    {"a_client_that_port_scans_resets_after_the_syn_ack",
     Profile::Both,
     {"> S 0 | pass SYN_SENT 120", "< SA 0 ack 1 | pass SYN_RECV 60", "> R 1 | pass CLOSE 10"}},
    {"a_server_that_gives_up_resets_in_syn_recv",
     Profile::Both,
     {"> S 0 | pass SYN_SENT 120", "< SA 0 ack 1 | pass SYN_RECV 60",
      "< R. 1 ack 1 | pass CLOSE 10"}},
    {"data_on_the_syn_is_counted_into_the_window",
     Profile::Both,
     {"> S 0 len 500 | pass SYN_SENT 120", "< SA 0 ack 501 | pass SYN_RECV 60",
      "> . 501 ack 1 | pass ESTABLISHED 432000"}},
    {"a_fast_open_server_may_acknowledge_the_syn_alone",
     Profile::Both,
     {"> S 0 len 500 | pass SYN_SENT 120", "< SA 0 ack 1 | pass SYN_RECV 60",
      "> . 1 ack 1 len 500 | pass ESTABLISHED assured", "< . 1 ack 501 | pass ESTABLISHED 432000"}},
    {"ecn_setup_and_psh_change_nothing",
     Profile::Both,
     {"> SEW 0 | pass SYN_SENT 120", "< SAE 0 ack 1 | pass SYN_RECV 60",
      "> PAW 1 ack 1 len 5 | pass ESTABLISHED 300"}},
    {"simultaneous_open",
     Profile::Linux,
     {"> S 0 | pass SYN_SENT 120", "< S 0 | keep SYN_SENT2 120", "> SA 0 ack 1 | pass SYN_RECV 60",
      "< SA 0 ack 1 | keep SYN_RECV 60", "> . 1 ack 1 | pass ESTABLISHED 432000"}},
    {"simultaneous_open_completed_by_the_other_side",
     Profile::Linux,
     {"> S 0 | pass SYN_SENT 120", "< S 0 | keep SYN_SENT2 120", "< SA 0 ack 1 | pass SYN_RECV 60",
      "> SA 0 ack 1 | pass SYN_RECV 60", "< . 1 ack 1 | pass ESTABLISHED 432000"}},
    {"a_split_handshake_with_four_segments_is_established_by_the_kernel",
     Profile::Linux,
     {"> S 0 | pass SYN_SENT 120", "< S 0 | keep SYN_SENT2 120", "> SA 0 ack 1 | pass SYN_RECV 60",
      "< . 1 ack 1 | pass ESTABLISHED 432000"}},
    {"a_split_handshake_with_four_segments_gets_nowhere",
     Profile::Strict,
     {"> S 0 | pass SYN_SENT 120", "< S 0 | invalid SYN_SENT 120",
      "> SA 0 ack 1 | invalid SYN_SENT", "< . 1 ack 1 | keep SYN_SENT 120",
      "> . 1 ack 1 | invalid SYN_SENT 120"}},
    {"a_split_handshake_with_five_segments_gets_nowhere",
     Profile::Strict,
     {"> S 0 | pass SYN_SENT 120", "< . 300 ack 1 | keep SYN_SENT 120", "< S 0 | invalid SYN_SENT",
      "> SA 0 ack 1 | invalid SYN_SENT", "< . 1 ack 1 | keep SYN_SENT"}},
    {"a_half_open_server_challenges_and_is_reset",
     Profile::Both,
     // The server still has an older connection: its ACK passes, the client's RST takes that
     // number.
     {"> S 0 | pass SYN_SENT 120", "< . 4000 ack 900000 | keep SYN_SENT 120",
      "> R 900000 | pass CLOSE 10", "> S 0 | reopen CLOSE"}},
    {"a_syn_on_an_established_connection_passes_and_changes_nothing",
     Profile::Both,
     {HANDSHAKE, "wait 10 | ESTABLISHED 431990", "> S 400000 | keep ESTABLISHED 431990",
      "< . 1 ack 1 | pass ESTABLISHED 432000", "> R 1 | pass CLOSE 10"}},
    {"a_syn_from_the_server_on_an_established_connection_is_invalid",
     Profile::Both,
     {HANDSHAKE, "< S 400000 | invalid ESTABLISHED 432000"}},
    {"a_syn_ack_from_the_client_is_invalid",
     Profile::Both,
     {"> S 0 | pass SYN_SENT 120", "> SA 0 ack 1 | invalid SYN_SENT 120",
      "< SA 0 ack 1 | pass SYN_RECV 60", "> . 1 ack 1 | pass ESTABLISHED 432000",
      "> SA 0 ack 1 | invalid ESTABLISHED"}},
    {"a_client_that_restarted_is_followed_once_the_server_answers",
     Profile::Both,
     {HANDSHAKE, "> S 400000 win 2000 ws 3 sackok | keep ESTABLISHED",
      "< SA 700000 ack 400001 win 3000 ws 2 sackok | pass SYN_RECV 60",
      "> . 400001 ack 700001 len 700 | pass ESTABLISHED",
      "< . 700001 ack 400701 | pass ESTABLISHED 432000"}},
    {"a_syn_ack_that_answers_another_syn_is_ignored",
     Profile::Both,
     {HANDSHAKE, "> S 400000 | keep ESTABLISHED", "< SA 700000 ack 400002 | keep ESTABLISHED",
      "> . 1 ack 1 len 5 | pass ESTABLISHED 300"}},
    {"a_challenge_ack_in_last_ack_is_not_the_last_ack",
     Profile::Both,
     {HANDSHAKE, "> F. 1 ack 1 | pass FIN_WAIT 120", "< F. 1 ack 2 | pass LAST_ACK 30",
      "> S 400000 | keep LAST_ACK", "< . 2 ack 2 | keep LAST_ACK", "< . 2 ack 2 | pass TIME_WAIT"}},
    {"an_rst_beyond_the_window_is_invalid",
     Profile::Both,
     {HANDSHAKE, "< R 1000000 | invalid ESTABLISHED 432000",
      "> R -2000000 | invalid ESTABLISHED 432000"}},
    {"an_inexact_rst_in_the_window_shortens_the_kernels_timer",
     Profile::Linux,
     {HANDSHAKE, "< R 500 | pass ESTABLISHED 10", "> . 1 ack 1 | pass ESTABLISHED 300"}},
    {"an_inexact_rst_in_the_window_passes_and_changes_nothing",
     Profile::Strict,
     {HANDSHAKE, "wait 100 | ESTABLISHED 431900", "< R 500 | keep ESTABLISHED 431900",
      "> R 2 | keep ESTABLISHED 431900", "> . 1 ack 1 | pass ESTABLISHED 432000",
      "< R. 1 ack 1 | pass CLOSE 10"}},
    {"an_inexact_rst_changes_nothing_in_closing_phases_either",
     Profile::Strict,
     {HANDSHAKE, "> F. 1 ack 1 | pass FIN_WAIT 120", "< R 500 | keep FIN_WAIT 120",
      "< R 9999999 | invalid FIN_WAIT 120", "< . 1 ack 2 | pass CLOSE_WAIT 60",
      "< R 500 | keep CLOSE_WAIT 60", "< R 1 | pass CLOSE 10"}},
    {"the_kernel_believes_every_rst_in_a_closing_phase",
     Profile::Linux,
     {HANDSHAKE, "> F. 1 ack 1 | pass FIN_WAIT 120", "< R 9999999 | pass CLOSE 10"}},
    {"an_rst_right_after_its_own_data_is_exact",
     Profile::Both,
     {HANDSHAKE, "< P. 1 ack 1 len 19 | pass ESTABLISHED 300", "< R. 20 ack 1 | pass CLOSE 10"}},
    {"an_rst_at_what_was_acknowledged_is_exact_though_more_was_sent",
     Profile::Both,
     {HANDSHAKE, "< P. 1 ack 1 len 19 | pass ESTABLISHED", "< R. 1 ack 1 | pass CLOSE 10"}},
    {"an_rst_for_an_ignored_syn_closes_for_the_kernel",
     Profile::Linux,
     {HANDSHAKE, "> S 400000 | keep ESTABLISHED", "< R. =0 ack 400001 | pass CLOSE 10"}},
    {"an_rst_for_an_ignored_syn_does_not_close",
     Profile::Strict,
     {HANDSHAKE, "> S 400000 | keep ESTABLISHED",
      "< R. =0 ack 400001 | invalid ESTABLISHED 432000"}},
    {"an_acknowledgement_of_what_was_never_sent_is_invalid",
     Profile::Both,
     {HANDSHAKE, "< . 1 ack 2 | invalid ESTABLISHED 432000", "> . 1 ack 2 | invalid ESTABLISHED"}},
    {"data_beyond_the_window_is_invalid",
     Profile::Both,
     {HANDSHAKE, "> P. 5000 ack 1 len 10 | invalid ESTABLISHED 432000"}},
    {"data_a_little_beyond_the_window_passes_and_may_be_acknowledged",
     Profile::Both,
     {HANDSHAKE, "> P. 1 ack 1 len 1000 | pass ESTABLISHED 300",
      "> P. 1002 ack 1 len 100 | keep ESTABLISHED", "< . 1 ack 1102 | pass ESTABLISHED 432000"}},
    {"data_that_was_acknowledged_long_ago_passes_and_changes_nothing",
     Profile::Both,
     {HANDSHAKE, "> P. 1 ack 1 len 1000 | pass ESTABLISHED 300", "< . 1 ack 1001 | pass",
      "> P. 1001 ack 1 len 1000 | pass", "< . 1 ack 2001 | pass ESTABLISHED 432000",
      "wait 9 | ESTABLISHED 431991", "> P. 1 ack 1 len 999 | keep ESTABLISHED 431991"}},
    {"the_window_grows_by_the_scale_that_both_sides_offered",
     Profile::Both,
     {"> S 0 win 1000 ws 7 | pass SYN_SENT", "< SA 0 ack 1 win 1000 ws 2 | pass SYN_RECV",
      "> . 1 ack 1 win 1000 | pass ESTABLISHED 432000",
      // 1000 << 7 bytes are offered to the server, 1000 only to the client: its SYN/ACK's.
      "< P. 1 ack 1 len 1400 win 1000 | pass", "< P. 120001 ack 1 len 1400 | pass",
      "> P. 4001 ack 1 len 10 | pass ESTABLISHED", "> P. 9000 ack 1 len 10 | invalid",
      "< P. 128002 ack 1 len 1400 | keep"}},
    {"no_scale_when_only_one_side_offers_it",
     Profile::Both,
     {"> S 0 win 1000 ws 7 | pass SYN_SENT", "< SA 0 ack 1 win 1000 | pass SYN_RECV",
      "> . 1 ack 1 win 1000 | pass ESTABLISHED 432000", "< P. 1 ack 1 len 500 | pass",
      "< P. 2500 ack 1 len 500 | invalid ESTABLISHED"}},
    {"no_scale_when_both_offer_sack_and_only_one_a_scale",
     Profile::Both,
     {"> S 0 win 1000 sackok ws 7 | pass SYN_SENT", "< SA 0 ack 1 win 1000 sackok | pass SYN_RECV",
      "> . 1 ack 1 win 1000 | pass ESTABLISHED 432000", "< P. 1 ack 1 len 500 | pass",
      "< P. 2500 ack 1 len 500 | invalid ESTABLISHED"}},
    {"no_scale_when_only_the_server_offers_it",
     Profile::Both,
     {"> S 0 win 1000 nop | pass SYN_SENT", "< SA 0 ack 1 win 1000 ws 7 | pass SYN_RECV",
      "> . 1 ack 1 win 1000 | pass ESTABLISHED 432000", "< . 1 ack 1 win 1000 | pass",
      "> P. 2500 ack 1 len 500 | invalid ESTABLISHED"}},
    {"a_scale_above_14_counts_as_14",
     Profile::Both,
     {"> S 0 win 1 ws 15 | pass SYN_SENT", "< SA 0 ack 1 win 1 ws 255 | pass SYN_RECV",
      "> . 1 ack 1 win 1 | pass ESTABLISHED 432000", "< P. 16385 ack 1 len 1 | pass",
      "< P. 40000 ack 1 len 1 | invalid"}},
    {"sack_blocks_move_the_window_where_they_were_permitted",
     Profile::Both,
     {"> S 0 sackok | pass", "< SA 0 ack 1 sackok | pass", "> . 1 ack 1 | pass ESTABLISHED",
      "< P. 1 ack 1 len 100 | pass", "< P. 101 ack 1 len 100 | pass",
      "< P. 201 ack 1 len 300 | pass", "> . 1 ack 1 sack 101 501 | pass ESTABLISHED 300",
      "< P. 1501 ack 1 len 1 | pass", "> . 1 ack 1 sack 101 2000 | invalid"}},
    {"sack_blocks_say_nothing_where_they_were_not_permitted",
     Profile::Both,
     {HANDSHAKE, "< P. 1 ack 1 len 100 | pass", "> . 1 ack 1 sack 50 90000 | pass ESTABLISHED"}},
    {"four_equal_acks_count_as_retransmissions",
     Profile::Both,
     {HANDSHAKE, "> . 1 ack 1 | pass ESTABLISHED 432000", "> . 1 ack 1 | pass ESTABLISHED 432000",
      "> . 1 ack 1 | pass ESTABLISHED 300", "< . 1 ack 1 | pass ESTABLISHED 432000"}},
    {"data_that_is_sent_again_counts_as_retransmission",
     Profile::Both,
     {HANDSHAKE, "> P. 1 ack 1 len 10 | pass ESTABLISHED 300", "> P. 1 ack 1 len 10 | pass",
      "> P. 1 ack 1 len 10 | pass", "> P. 1 ack 1 len 10 | pass ESTABLISHED 300",
      "< . 1 ack 11 | pass ESTABLISHED 432000"}},
    {"a_zero_window_shortens_the_timer",
     Profile::Both,
     {HANDSHAKE, "< . 1 ack 1 win 0 | pass ESTABLISHED 300",
      "< . 1 ack 1 win 5 | pass ESTABLISHED 432000"}},
    {"a_connection_is_picked_up_in_mid_stream",
     Profile::Linux,
     {"> . 1 ack 1 | pass ESTABLISHED 300 unreplied", "> P. 1 ack 1 len 9 | pass ESTABLISHED 300",
      "< . 1 ack 10 | pass ESTABLISHED 300 unassured", "> . 10 ack 1 | pass ESTABLISHED assured",
      "> P. 99999999 ack 7777 len 5 | pass", "< . 1 ack 99 | pass ESTABLISHED assured"}},
    {"the_first_rst_closes_what_the_kernel_picked_up",
     Profile::Linux,
     {"> . 1 ack 1 | pass ESTABLISHED 300", "< R =4242 | end CLOSE"}},
    {"no_connection_is_picked_up_in_mid_stream",
     Profile::Strict,
     {"> . 1 ack 1 | refused", "> P. 1 ack 1 len 5 | refused", "> F. 1 ack 1 | refused",
      "> R 1 | refused", "> SA 1 ack 1 | refused", "> S 0 | pass SYN_SENT 120"}},
    {"an_fin_and_rst_exchange_out_of_the_window_cuts_the_kernels_timer",
     Profile::Linux,
     {HANDSHAKE, "> F. 9999999 ack 1 | invalid ESTABLISHED 432000",
      "< R -5 | invalid ESTABLISHED 432000", "< R 9999999 | invalid ESTABLISHED 300"}},
    {"an_fin_and_rst_exchange_out_of_the_window_changes_nothing",
     Profile::Strict,
     {HANDSHAKE, "> F. 9999999 ack 1 | invalid ESTABLISHED 432000",
      "< F. 9999999 ack 1 | invalid ESTABLISHED 432000",
      "< R 9999999 | invalid ESTABLISHED 432000"}},
    {"a_forged_syn_ack_does_not_spoil_the_handshake",
     Profile::Strict,
     {"> S 0 | pass SYN_SENT 120", "< SA 900000 ack 2 | invalid SYN_SENT 120",
      "< SA 900000 ack -100000 | keep SYN_SENT 120", "< SA 0 ack 1 | pass SYN_RECV 60",
      "> . 1 ack 1 | pass ESTABLISHED 432000"}},
    {"a_forged_syn_ack_spoils_the_kernels_handshake",
     Profile::Linux,
     {"> S 0 | pass SYN_SENT 120", "< SA 900000 ack 2 | invalid SYN_SENT 120",
      "< SA 0 ack 1 | keep SYN_SENT 120", "> . 1 ack 1 | invalid SYN_SENT"}},
};

// Wrapping at 2^32, and at 2^31 where signed arithmetic would; within handshake, data and beyond.
constexpr std::array<std::pair<uint32_t, uint32_t>, 7> kInitialNumbers = {{
    {1000000, 5000000},
    {0xffffffff, 0x7fffffff},
    {0x7fffffff, 0xffffffff},
    {0xfffffff8, 0xfffffe00},
    {0x80000000, 0x80000000},
    {0x7ffffc00, 0xffff0000},
    {0xfffe0000, 0x7ffff000},
}};

class TcpScript : public ::testing::TestWithParam<size_t> {};

TEST_P(TcpScript, plays) {
    const Script& script = kScripts[GetParam()];
    for (const auto& [client, server] : kInitialNumbers) {
        for (const Profile profile : {Profile::Linux, Profile::Strict}) {
            if (script.profile != Profile::Both && script.profile != profile) continue;
            SCOPED_TRACE(::testing::Message()
                         << script.name << (profile == Profile::Linux ? " linux" : " strict")
                         << " from " << client << " and " << server);
            TcpLab lab{profile == Profile::Linux ? TrackingOptions::linux_profile()
                                                 : TrackingOptions::strict(),
                       client, server};
            lab.play(script.lines);
        }
    }
}

INSTANTIATE_TEST_SUITE_P(All, TcpScript, ::testing::Range<size_t>(0, kScripts.size()),
                         [](const auto& param) { return std::string{kScripts[param.param].name}; });

// ------------------------------------------------------------------------------------------
// Resets: threats T20 to T23.

/// Connections in every phase that has seen both sides, with what each side expects next.
struct Stage {
    const char* name;
    std::vector<std::string> lines;
};

const std::vector<Stage> kStages = {
    {"SYN_RECV", {"> S 0", "< SA 0 ack 1"}},
    {"ESTABLISHED", {HANDSHAKE}},
    {"ESTABLISHED", {HANDSHAKE, "> P. 1 ack 1 len 300", "< . 1 ack 301"}},
    {"ESTABLISHED", {HANDSHAKE, "> P. 1 ack 1 len 300"}},
    {"FIN_WAIT", {HANDSHAKE, "> F. 1 ack 1"}},
    {"CLOSE_WAIT", {HANDSHAKE, "< F. 1 ack 1", "> . 1 ack 2"}},
    {"LAST_ACK", {HANDSHAKE, "> F. 1 ack 1", "< F. 1 ack 1"}},
    {"TIME_WAIT", {HANDSHAKE, "> F. 1 ack 1", "< F. 1 ack 2", "> . 2 ack 2"}},
};

std::vector<int64_t> offsets_around(uint32_t window) {
    std::vector<int64_t> offsets;
    for (const int64_t edge :
         {int64_t{0}, int64_t{window}, int64_t{66000}, int64_t{1} << 30, int64_t{1} << 31}) {
        for (const int64_t delta : {-2, -1, 0, 1, 2}) {
            offsets.push_back(edge + delta);
            offsets.push_back(-edge + delta);
        }
    }
    return offsets;
}

TEST(TcpReset, no_single_reset_that_is_not_exact_shortens_a_connections_life) {
    for (const auto& [client, server] : kInitialNumbers) {
        for (const Stage& stage : kStages) {
            for (const Direction direction : kSides) {
                for (const int64_t offset : offsets_around(1000)) {
                    for (const char* flags : {"R", "R.", "PR."}) {
                        for (const int64_t ack_offset : {0, -1, 1, 100000}) {
                            SCOPED_TRACE(::testing::Message()
                                         << stage.name << ' ' << static_cast<int>(direction) << ' '
                                         << flags << ' ' << offset << ' ' << ack_offset);
                            TcpLab lab{TrackingOptions::strict(), client, server};
                            lab.play(stage.lines);
                            ASSERT_EQ(phase_name(lab.phase), stage.name);
                            lab.play({"wait 1"});
                            const auto from = static_cast<size_t>(direction);
                            const TcpState before = lab.state;
                            const TcpPhase phase = lab.phase;
                            const Duration left = lab.remaining();
                            const TcpWindow& sender = before.window[from];
                            const TcpWindow& receiver = before.window[1 - from];
                            const TcpSegment rst{
                                .sequence = sender.end + static_cast<uint32_t>(offset),
                                .ack = receiver.end + static_cast<uint32_t>(ack_offset),
                                .window = 0,
                                .flags = tcp_flags(flags)};
                            const bool heard =
                                (before.flags[1 - from] & tcp_side_flag::kMaxAckSet) != 0;
                            if (offset == 0 || (heard && rst.sequence == receiver.max_ack))
                                continue;
                            lab.receive(direction, rst);
                            EXPECT_EQ(lab.phase, phase);
                            EXPECT_EQ(lab.remaining(), left);
                            EXPECT_TRUE(lab.open);
                            EXPECT_EQ(std::memcmp(&lab.state, &before, sizeof before), 0);
                        }
                    }
                }
            }
        }
    }
}

TEST(TcpReset, an_exact_reset_closes_in_every_phase_and_direction) {
    for (const TrackingOptions& options :
         {TrackingOptions::strict(), TrackingOptions::linux_profile()}) {
        for (const auto& [client, server] : kInitialNumbers) {
            for (const Stage& stage : kStages) {
                for (const Direction direction : kSides) {
                    for (const char* flags : {"R", "R."}) {
                        SCOPED_TRACE(::testing::Message() << stage.name << ' ' << flags);
                        TcpLab lab{options, client, server};
                        lab.play(stage.lines);
                        const auto from = static_cast<size_t>(direction);
                        const bool heard =
                            (lab.state.flags[1 - from] & tcp_side_flag::kMaxAckSet) != 0;
                        const TcpWindow& sender = lab.state.window[from];
                        const TcpWindow& receiver = lab.state.window[1 - from];
                        EXPECT_EQ(lab.receive(direction,
                                              {.sequence = heard ? receiver.max_ack : sender.end,
                                               .ack = receiver.end,
                                               .flags = tcp_flags(flags)}),
                                  "pass");
                        EXPECT_EQ(lab.phase, TcpPhase::Close);
                        EXPECT_EQ(lab.remaining(), 10s);
                    }
                }
            }
        }
    }
}

TEST(TcpReset, a_picked_up_connection_is_not_closed_before_both_sides_are_in_step) {
    TrackingOptions options = TrackingOptions::strict();
    options.tcp_loose = true;
    TcpLab lab{options, 1000, 2000};
    lab.play({"> P. 1 ack 1 len 10 | pass ESTABLISHED 300", "wait 5 | ESTABLISHED 295",
              "> R 11 | keep ESTABLISHED 295", "< R 1 | keep ESTABLISHED 295",
              "< R =4242 | keep ESTABLISHED 295", "< . 1 ack 11 | pass ESTABLISHED 432000",
              "< R 1 | keep ESTABLISHED 432000", "> . 11 ack 1 | pass ESTABLISHED 432000",
              "< R 5000 | keep ESTABLISHED 432000", "< R 1 | pass CLOSE 10"});
}

TEST(TcpReset, be_liberal_lets_everything_out_of_the_window_pass_but_a_reset) {
    for (TrackingOptions options : {TrackingOptions::strict(), TrackingOptions::linux_profile()}) {
        options.tcp_be_liberal = true;
        TcpLab lab{options, 1000, 2000};
        lab.play({HANDSHAKE, "> P. 900000 ack 1 len 5 | pass ESTABLISHED",
                  "< . 1 ack 900005 | pass ESTABLISHED", "> . 1 ack 77777 | pass ESTABLISHED",
                  "< R 900000 | invalid ESTABLISHED"});
    }
}

TEST(TcpReset, as_the_kernel_a_number_of_zero_is_believed_before_the_connection_is_assured) {
    // RFC 9293 3.10.7.1: whoever answers without a connection has no number to give. It still has
    // to lie in the window.
    const auto options = TrackingOptions::linux_profile();
    TcpLab fresh{options, 5, 2000};
    fresh.play({"> S 0", "< SA 0 ack 1", "> R =0 | pass CLOSE 10"});
    TcpLab one_below{options, 5, 2000};
    one_below.play({"> S 0", "< SA 0 ack 1", "> R 0 | invalid SYN_RECV", "> R 1 | pass CLOSE 10"});
    TcpLab assured{options, 5, 2000};
    assured.play({HANDSHAKE, "> R =0 | invalid ESTABLISHED"});
}

TEST(TcpReset, ignore_invalid_rst_leaves_an_old_reset_to_the_window_check) {
    TrackingOptions options = TrackingOptions::linux_profile();
    TcpLab lab{options, 1000, 2000};
    lab.play({HANDSHAKE, "< R. 0 ack 1 | invalid ESTABLISHED 432000"});
    options.tcp_ignore_invalid_rst = true;
    TcpLab ignoring{options, 1000, 2000};
    ignoring.play({HANDSHAKE, "< R. 0 ack 1 | pass ESTABLISHED 10"});
}

// ------------------------------------------------------------------------------------------
// Timers.

TEST(TcpTimeout, every_timeout_can_be_set_alone) {
    TrackingOptions options = TrackingOptions::strict();
    options.timeouts.tcp_syn_sent = 11s;
    options.timeouts.tcp_syn_recv = 12s;
    options.timeouts.tcp_established = 1000s;
    options.timeouts.tcp_unacknowledged = 100s;
    options.timeouts.tcp_fin_wait = 13s;
    options.timeouts.tcp_close_wait = 16s;
    options.timeouts.tcp_last_ack = 17s;
    options.timeouts.tcp_time_wait = 18s;
    options.timeouts.tcp_close = 19s;
    options.timeouts.tcp_retransmission = 20s;
    TcpLab lab{options, 1000, 2000};
    lab.play({"> S 0 | pass 11", "< SA 0 ack 1 | pass 12", "> . 1 ack 1 | pass 1000",
              "> . 1 ack 1 len 5 | pass 100", "< . 1 ack 6 | pass 1000",
              "< . 1 ack 6 win 0 | pass 20", "< . 1 ack 6 | pass 1000", "> F. 6 ack 1 | pass 13",
              "< . 1 ack 7 | pass 16", "< F. 1 ack 7 | pass 17", "> . 7 ack 2 | pass 18",
              "< R. 2 ack 7 | pass 19"});
}

TEST(TcpTimeout, the_retransmission_limit_can_be_set_and_the_count_saturates) {
    TrackingOptions options = TrackingOptions::strict();
    options.tcp_max_retransmissions = 200;  // counted to 15 only, so that is the limit
    TcpLab lab{options, 1000, 2000};
    lab.play({HANDSHAKE});
    for (int copy = 0; copy < 14; ++copy)
        lab.play({"> . 1 ack 1 | pass ESTABLISHED 432000"});
    for (int copy = 0; copy < 300; ++copy)
        lab.play({"> . 1 ack 1 | pass ESTABLISHED 300"});
}

TEST(TcpTimeout, no_random_conversation_outlives_the_longest_timeout_or_breaks_a_promise) {
    std::mt19937 random{42};
    const auto pick = [&](auto... values) {
        const std::array all{static_cast<int64_t>(values)...};
        return all[random() % all.size()];
    };
    for (const TrackingOptions& options :
         {TrackingOptions::strict(), TrackingOptions::linux_profile()}) {
        std::set<TcpPhase> reached;
        for (int run = 0; run < 3000; ++run) {
            TcpLab lab{options, static_cast<uint32_t>(random()), static_cast<uint32_t>(random())};
            std::array<uint32_t, 2> next{lab.isn(Direction::Original), lab.isn(Direction::Reply)};
            for (int step = 0; step < 40; ++step) {
                const Direction direction = kSides[random() % 2];
                const auto from = static_cast<size_t>(direction);
                TcpSegment segment{
                    .sequence = next[from] + static_cast<uint32_t>(
                                                 pick(0, 0, 0, 0, 0, -1, 1, 1000, -1000, 70000)),
                    .ack = next[1 - from] + static_cast<uint32_t>(pick(0, 0, 0, 0, -1, 1, 1000)),
                    .window = static_cast<uint16_t>(pick(0, 1, 1000, 65535)),
                    .flags = tcp_flags(
                        std::array{"S", "SA", "A", "A", "PA", "PA", "FA", "R", "RA"}[random() % 9]),
                    .payload_length = static_cast<uint32_t>(pick(0, 0, 1, 100, 1400))};
                const TcpPhase before = lab.phase;
                const TcpState state = lab.state;
                const Duration left = lab.remaining();
                const std::string happened = lab.receive(direction, segment);
                if (!lab.open) break;
                reached.insert(lab.phase);
                ASSERT_LE(lab.remaining(), options.timeouts.tcp_established);
                if (happened == "invalid" || happened == "keep") {
                    // A SYN that crosses another in SYN_SENT isn't renewed either.
                    ASSERT_TRUE(lab.phase == before ||
                                (before == TcpPhase::SynSent && lab.phase == TcpPhase::SynSent2));
                    ASSERT_TRUE(!options.tcp_invalid_inert || lab.remaining() == left);
                }
                if (happened == "invalid" && options.tcp_invalid_inert) {
                    ASSERT_EQ(std::memcmp(&lab.state, &state, sizeof state), 0);
                }
                if (happened == "pass" && segment.sequence == next[from])
                    next[from] = sequence_end(segment);
            }
        }
        // Simultaneous open is off in profile strict.
        EXPECT_EQ(reached.size(), options.tcp_simultaneous_open ? 9U : 8U);
    }
}

TEST(TcpSituation, an_answered_syn_that_was_let_through_brings_its_own_offer) {
    TcpLab lab{TrackingOptions::linux_profile(), 1000, 2000};
    lab.play({"> S 0 win 1000 ws 1", "< SA 0 ack 1 win 1000 ws 1", "> . 1 ack 1",
              "> S 400000 win 2000 ws 7 sackok | keep ESTABLISHED",
              "< SA 700000 ack 400001 win 3000 ws 5 sackok | pass SYN_RECV 60"});
    EXPECT_EQ(lab.state.scale[0], 7);
    EXPECT_EQ(lab.state.scale[1], 5);
    EXPECT_EQ(lab.state.window[0].end, 401001U);
    EXPECT_EQ(lab.state.window[0].max_ack, 401000U);
    constexpr uint8_t kOffer = tcp_side_flag::kWindowScale | tcp_side_flag::kSackPermitted;
    for (const uint8_t flags : lab.state.flags)
        EXPECT_EQ(flags & kOffer, kOffer);
}

TEST(TcpSituation, such_a_syn_forgets_what_was_allowed_to_the_old_connection) {
    TcpLab lab{TrackingOptions::linux_profile(), 1'000'000, 2000};
    lab.play({"> S 0 win 1000", "< SA 0 ack 1 win 1000", "> . 1 ack 1",
              "> S -400000 win 2000 | keep ESTABLISHED",
              "< SA 700000 ack -399999 win 3000 | pass SYN_RECV 60"});
    EXPECT_EQ(lab.state.window[0].max_end, 600'001U + 3000);
}

TEST(TcpSituation, the_last_packet_is_the_last_one_however_it_was_judged) {
    const auto last = [](const TcpLab& lab) {
        return static_cast<TcpPacketIndex>(lab.state.last_index);
    };
    TcpLab lab{TrackingOptions::linux_profile(), 1000, 2000};
    lab.play({HANDSHAKE, "< . 1 ack 1", "> S 400000 | keep ESTABLISHED"});
    EXPECT_EQ(last(lab), TcpPacketIndex::Syn);
    lab.play({"> P. 1 ack 1 len 10 | pass ESTABLISHED"});
    EXPECT_EQ(last(lab), TcpPacketIndex::Ack);
    // A challenge ACK answers a SYN; in a simultaneous open nobody has asked.
    TcpLab both{TrackingOptions::linux_profile(), 1000, 2000};
    both.play({"> S 0", "< S 0"});
    const uint32_t before = both.state.last_ack;
    both.play({"< . 77 ack 5 | keep"});
    EXPECT_EQ(both.state.last_ack, before);
}

// ------------------------------------------------------------------------------------------
// What an ICMP error may quote: threats T01.

TEST(TcpQuote, an_unanswered_syn_is_quoted_by_its_own_number_or_its_data_only) {
    for (const auto& [client, server] : kInitialNumbers) {
        TcpLab lab{TrackingOptions::strict(), client, server};
        lab.play({"> S 0 len 20"});
        // C++20 lets a lambda capture a structured binding; clang 14 doesn't.
        const auto quotes = [&lab, first = client](int64_t offset,
                                                   Direction side = Direction::Original) {
            return TcpTracker::quotes_window(lab.state, side,
                                             first + static_cast<uint32_t>(offset));
        };
        EXPECT_FALSE(quotes(-1));
        EXPECT_TRUE(quotes(0));
        EXPECT_TRUE(quotes(21));
        EXPECT_FALSE(quotes(22));
        EXPECT_FALSE(quotes(0, Direction::Reply)) << "it has sent nothing";
        // An ignored segment in between must not change that.
        lab.play({"< . 77 ack 1 | keep SYN_SENT"});
        EXPECT_FALSE(quotes(-1));
        EXPECT_TRUE(quotes(0));
        EXPECT_FALSE(quotes(22));
    }
}

TEST(TcpQuote, what_may_be_in_flight_may_be_quoted_and_nothing_else) {
    for (const auto& [client, server] : kInitialNumbers) {
        TcpLab lab{TrackingOptions::strict(), client, server};
        lab.play({HANDSHAKE, "> P. 1 ack 1 len 400", "< . 1 ack 201", "< P. 1 ack 201 len 50"});
        const auto quotes = [&](Direction side, int64_t offset) {
            return TcpTracker::quotes_window(lab.state, side,
                                             lab.isn(side) + static_cast<uint32_t>(offset));
        };
        // From one window (1000) below what is acknowledged (201 and 1) up to all that was sent.
        EXPECT_FALSE(quotes(Direction::Original, 201 - 1000 - 1));
        EXPECT_TRUE(quotes(Direction::Original, 201 - 1000));
        EXPECT_TRUE(quotes(Direction::Original, 401));
        EXPECT_FALSE(quotes(Direction::Original, 402));
        EXPECT_FALSE(quotes(Direction::Reply, 1 - 1000 - 1));
        EXPECT_TRUE(quotes(Direction::Reply, 1 - 1000));
        EXPECT_TRUE(quotes(Direction::Reply, 51));
        EXPECT_FALSE(quotes(Direction::Reply, 52));
    }
}

// Whose acknowledgement isn't known yet: one window of the receiver's below what was sent.
TEST(TcpQuote, without_an_acknowledgement_the_receivers_window_is_what_counts) {
    TcpState state;
    const auto quotes = [&](uint32_t sequence) {
        return TcpTracker::quotes_window(state, Direction::Original, sequence);
    };
    state.window[0] = {.end = 1000, .max_end = 1000, .max_window = 50, .max_ack = 5};
    state.window[1].max_window = 200;
    EXPECT_FALSE(quotes(799));
    EXPECT_TRUE(quotes(800));
    EXPECT_TRUE(quotes(1000));
    EXPECT_FALSE(quotes(1001));
    EXPECT_FALSE(quotes(5));
    // Nothing is known of the receiver but that it exists: its window counts as 1.
    state.window[1].max_window = 0;
    state.flags[0] = tcp_side_flag::kMaxAckSet;
    EXPECT_FALSE(quotes(998));
    EXPECT_TRUE(quotes(999));
    EXPECT_TRUE(quotes(1000));
    EXPECT_FALSE(quotes(1001));
    // An unanswered SYN: from its own number on.
    state.flags[0] = 0;
    EXPECT_FALSE(quotes(4));
    EXPECT_TRUE(quotes(5));
    EXPECT_TRUE(quotes(1000));
    EXPECT_FALSE(quotes(1001));
}

TEST(TcpQuote, a_syn_ack_that_nobody_has_answered_can_be_quoted) {
    TcpLab lab{TrackingOptions::strict(), 1000, 0xffffffff};
    lab.play({"> S 0", "< SA 0 ack 1"});
    EXPECT_TRUE(TcpTracker::quotes_window(lab.state, Direction::Reply, 0xffffffff));
    EXPECT_FALSE(TcpTracker::quotes_window(lab.state, Direction::Reply, 1));
    EXPECT_TRUE(TcpTracker::quotes_window(lab.state, Direction::Original, 1000));
}

TEST(TcpQuote, a_guess_hits_an_established_connection_as_rarely_as_its_window_is_small) {
    TcpLab lab{TrackingOptions::strict(), 12345, 67890};
    lab.play({HANDSHAKE});
    std::mt19937 random{7};
    int hits = 0;
    for (int guess = 0; guess < 1'000'000; ++guess) {
        hits += TcpTracker::quotes_window(lab.state, Direction::Original,
                                          static_cast<uint32_t>(random()))
                    ? 1
                    : 0;
    }
    EXPECT_LE(hits, 5);  // 1001 of 2^32 numbers
}

TEST(TcpQuote, the_unknown_scale_of_a_picked_up_connection_widens_the_range) {
    TrackingOptions options = TrackingOptions::strict();
    options.tcp_loose = true;
    TcpLab lab{options, 1000, 2000};
    lab.play({"> P. 1 ack 1 len 10"});
    constexpr uint32_t kEnd = 1011;
    constexpr uint32_t kFurthest = 1U << 30;
    for (const uint32_t inside : {kEnd, kEnd + kFurthest, kEnd - kFurthest})
        EXPECT_TRUE(TcpTracker::quotes_window(lab.state, Direction::Original, inside)) << inside;
    for (const uint32_t outside : {kEnd + kFurthest + 1, kEnd - kFurthest - 1, kEnd + (1U << 31)})
        EXPECT_FALSE(TcpTracker::quotes_window(lab.state, Direction::Original, outside)) << outside;
}

// ------------------------------------------------------------------------------------------
// Reading a header.

TEST(TcpSegmentRead, takes_every_field_from_the_bytes_that_parsing_proved) {
    for (unsigned words = 5; words <= 15; ++words) {
        std::vector<uint8_t> header(words * 4, 0);
        for (size_t i = 0; i < header.size(); ++i)
            header[i] = static_cast<uint8_t>(i + 1);
        Headers headers;
        headers.l4_header_length = static_cast<uint16_t>(header.size());
        headers.l4_length = static_cast<uint32_t>(header.size()) + 77;
        // The vector ends where the header ends: the address sanitizer guards the rest.
        const TcpSegment segment = TcpSegment::read(headers, header.data());
        EXPECT_EQ(segment.sequence, 0x05060708U);
        EXPECT_EQ(segment.ack, 0x090a0b0cU);
        EXPECT_EQ(segment.flags, 14);
        EXPECT_EQ(segment.window, 0x0f10);
        EXPECT_EQ(segment.payload_length, 77U);
        EXPECT_EQ(segment.options.size(), words * 4 - 20);
        EXPECT_TRUE(segment.options.empty() || segment.options.back() == header.back());
    }
}

}  // namespace
}  // namespace ravelin
