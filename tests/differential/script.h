// SPDX-License-Identifier: BSD-3-Clause
#pragma once

#include "base/time.h"
#include "verdict.h"

#include <cstdint>
#include <span>
#include <string>
#include <vector>

namespace ravelin::differential {

/// What a frame is meant to be; only the coverage tables look at it.
struct Meant {
    bool is_error = false;     ///< an ICMP error that quotes an earlier frame
    bool is_mutation = false;  ///< of an earlier frame, and not to be mutated again
    uint8_t error_kind = 0;    ///< row of error_kinds()
    uint8_t quoted = 0;        ///< QuotedProtocol
    uint8_t cut = 0;           ///< index into kCuts
};

/// One frame of a script. Frames of one phase follow each other at once; between two phases time
/// passes.
struct Event {
    uint32_t offset = 0;  ///< into Script::bytes
    uint16_t length = 0;
    Side side = Side::A;
    uint8_t phase = 0;
    uint16_t datagram = 0;   ///< fragments of one datagram share a number; 0: whole
    uint8_t arrives_at = 0;  ///< which of Ravelin's workers receives it, modulo how many there are
    Meant meant{};
};

/// Ravelin works with one worker to so many.
inline constexpr uint32_t kMostWorkers = 4;

inline constexpr size_t kPhases = 4;
/// Seconds that pass before phases 2, 3 and 4.
using Steps = std::array<uint32_t, kPhases - 1>;

/// One sequence: frames on their way through the wire, whose addresses belong to nobody else.
struct Script {
    uint32_t number = 0;  ///< which addresses it uses, see address_of()
    uint8_t workers = 1;  ///< how many Ravelin has
    std::vector<Event> events;
    std::vector<uint8_t> bytes;

    [[nodiscard]] std::span<uint8_t> frame(const Event& event) {
        return {bytes.data() + event.offset, event.length};
    }
    [[nodiscard]] std::span<const uint8_t> frame(const Event& event) const {
        return {bytes.data() + event.offset, event.length};
    }
    void clear() {
        events.clear();
        bytes.clear();
    }
    void add(Event event, std::span<const uint8_t> frame) {
        event.offset = static_cast<uint32_t>(bytes.size());
        event.length = static_cast<uint16_t>(frame.size());
        bytes.insert(bytes.end(), frame.begin(), frame.end());
        events.push_back(event);
    }
};

/// A script with everything that a run of it alone needs.
struct Replay {
    Script script;
    Steps steps{};
    std::string campaign;
};

// The text form, one line per frame or step:
//
//   campaign default
//   workers 3
//   A 0201...  # 10.0.3.1:40000 > 10.0.3.2:443 TCP S seq 100 win 65535
//   step 28
//   B:1@2 0201... # a fragment of datagram 1, which arrives at worker 2
[[nodiscard]] std::string to_text(const Replay& replay);
/// Throws std::runtime_error with the line's number.
[[nodiscard]] Replay replay_from_text(const std::string& text);

/// One line that tells a frame in tcpdump's manner.
[[nodiscard]] std::string describe(std::span<const uint8_t> frame);

/// Writes the frames with the time at which they come. Throws std::runtime_error.
void write_capture(const Replay& replay, const std::string& path);

}  // namespace ravelin::differential
