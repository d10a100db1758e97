// SPDX-License-Identifier: BSD-3-Clause
#pragma once

#include "conntrack/tcp_tracker.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <array>
#include <cctype>
#include <cstdint>
#include <sstream>
#include <string>
#include <string_view>
#include <vector>

namespace ravelin::testing {

/// Flags as tcpdump prints them; "." or "A" is ACK, "0" none.
inline uint8_t tcp_flags(std::string_view letters) {
    constexpr std::string_view kLetters = "FSRPAUEW";
    uint8_t flags = 0;
    for (const char letter : letters) {
        if (letter == '0') continue;
        flags |= static_cast<uint8_t>(1U << kLetters.find(letter == '.' ? 'A' : letter));
    }
    return flags;
}

inline std::string_view phase_name(TcpPhase phase) {
    constexpr std::array<std::string_view, kTcpPhaseCount> kNames = {
        "NONE",       "SYN_SENT", "SYN_RECV",  "ESTABLISHED", "FIN_WAIT",
        "CLOSE_WAIT", "LAST_ACK", "TIME_WAIT", "CLOSE",       "SYN_SENT2"};
    return kNames.at(static_cast<size_t>(phase));
}

/// One connection as its owner keeps it: flags, deadline, and a tracker behind.
///
/// play() takes lines of text:
///
///   > S 0 win 1000 ws 7 sackok | pass SYN_SENT 120
///   < SA 0 ack 1               | pass SYN_RECV 60
///   wait 5                     | SYN_RECV 55
///
/// `>` goes from the client. Sequence numbers count from the sender's initial one, acknowledgements
/// from the other side's; `=N` is absolute. After the bar: what happens, the phase, and the seconds
/// that are left. `pass` renews, `keep` passes without renewing, `invalid` may name the reason,
/// `end` and `reopen` are the outcomes; `assured` and `unreplied` check the flags.
class TcpLab {
  public:
    TcpLab(const TrackingOptions& options, uint32_t client_isn, uint32_t server_isn)
        : options_{options}, isn_{client_isn, server_isn} {}

    void play(const std::vector<std::string>& lines) {
        for (const std::string& line : lines) {
            SCOPED_TRACE(line);
            play_line(line);
            if (::testing::Test::HasFatalFailure()) return;
        }
    }

    TcpState state{};
    TcpPhase phase = TcpPhase::None;
    bool open = false;
    bool seen_reply = false;
    bool assured = false;
    TrackStep last{};

    [[nodiscard]] uint32_t isn(Direction side) const { return isn_[static_cast<size_t>(side)]; }
    [[nodiscard]] Duration remaining() const { return deadline_ - now_; }

    /// What the owner of the connection does with one segment.
    std::string receive(Direction direction, const TcpSegment& segment) {
        if (!open) {
            DropReason reason = DropReason::None;
            open = TcpTracker::open(segment, options_.tcp_loose, options_, state, phase, reason);
            last = {.outcome = Outcome::Pass, .reason = reason};
            if (!open) return "refused";
            seen_reply = assured = false;
            deadline_ = now_ + TcpTracker::opening_timeout(state, phase, options_);
            return "pass";
        }
        last = TcpTracker::update(state, phase, segment, direction, seen_reply, assured, options_);
        if (last.outcome == Outcome::Invalid) {
            if (last.timeout != Duration{0}) deadline_ = std::min(deadline_, now_ + last.timeout);
            return "invalid";
        }
        if (last.outcome == Outcome::Reopen) {
            open = false;  // the next segment begins anew
            return "reopen";
        }
        if (last.renew) deadline_ = now_ + last.timeout;
        if (direction == Direction::Reply) seen_reply = true;
        if (last.assured) assured = true;
        if (last.outcome == Outcome::PassAndEnd) {
            open = false;
            return "end";
        }
        return last.renew ? "pass" : "keep";
    }

  private:
    void play_line(const std::string& line) {
        const size_t bar = line.find('|');
        std::istringstream words{line.substr(0, bar)};
        std::string first;
        words >> first;
        std::string happened;
        if (first == "wait") {
            long seconds = 0;
            words >> seconds;
            now_ += std::chrono::seconds{seconds};
        } else {
            happened = send(first == "<" ? Direction::Reply : Direction::Original, words);
        }
        if (bar != std::string::npos) expect(line.substr(bar + 1), happened);
    }

    uint32_t number(std::istringstream& words, size_t whose) const {
        std::string word;
        words >> word;
        if (word.at(0) == '=') return static_cast<uint32_t>(std::stoll(word.substr(1)));
        return isn_[whose] + static_cast<uint32_t>(std::stoll(word));
    }

    std::string send(Direction direction, std::istringstream& words) {
        const auto from = static_cast<size_t>(direction);
        std::string flags;
        words >> flags;
        TcpSegment segment{.window = 1000, .flags = tcp_flags(flags)};
        segment.sequence = number(words, from);
        bytes_.clear();
        for (std::string word; words >> word;) {
            if (word == "ack") {
                segment.ack = number(words, 1 - from);
            } else if (word == "len") {
                words >> segment.payload_length;
            } else if (word == "win") {
                words >> segment.window;
            } else if (word == "ws") {
                int scale = 0;
                words >> scale;
                bytes_.insert(bytes_.end(), {3, 3, static_cast<uint8_t>(scale), 1});
            } else if (word == "sackok") {
                bytes_.insert(bytes_.end(), {4, 2, 1, 1});
            } else if (word == "nop") {
                bytes_.insert(bytes_.end(), {1, 1, 1, 1});
            } else if (word == "sack") {
                bytes_.insert(bytes_.end(), {1, 1, 5, 10});
                for (int edge = 0; edge < 2; ++edge) {
                    const uint32_t value = number(words, 1 - from);
                    for (const int shift : {24, 16, 8, 0})
                        bytes_.push_back(static_cast<uint8_t>(value >> shift));
                }
            } else {
                ADD_FAILURE() << "unknown word " << word;
            }
        }
        segment.options = bytes_;
        return receive(direction, segment);
    }

    void expect(const std::string& text, const std::string& happened) {
        std::istringstream words{text};
        for (std::string word; words >> word;) {
            if (word == "assured") {
                EXPECT_TRUE(assured);
            } else if (word == "unassured") {
                EXPECT_FALSE(assured);
            } else if (word == "unreplied") {
                EXPECT_FALSE(seen_reply);
            } else if (std::isdigit(word[0]) != 0) {
                EXPECT_EQ(remaining() / 1s, std::stol(word)) << "seconds left";
            } else if (std::isupper(word[0]) != 0) {
                EXPECT_EQ(phase_name(phase), word);
            } else {
                EXPECT_EQ(happened, word);
            }
        }
    }

    TrackingOptions options_;
    std::array<uint32_t, 2> isn_;
    std::vector<uint8_t> bytes_;
    Instant now_{};
    Instant deadline_{};
};

}  // namespace ravelin::testing
