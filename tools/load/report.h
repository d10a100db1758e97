// SPDX-License-Identifier: BSD-3-Clause
#pragma once

#include "core_probe.h"
#include "generator.h"

#include <array>
#include <cstdint>
#include <optional>
#include <string>
#include <vector>

namespace ravelin::load {

/// Nanoseconds from the sender's queue to the receiver's burst.
struct Latency {
    double p50 = 0;
    double p99 = 0;
    double p999 = 0;
    double largest = 0;
};

/// One stretch of a run.
struct Stretch {
    double seconds = 0;
    std::array<Counts, 2> counts;  ///< by the side that sends
    uint64_t opened = 0;           ///< connections

    /// Takes another stretch in.
    Stretch& operator+=(const Stretch& other) noexcept;
    [[nodiscard]] double per_second(uint64_t count) const noexcept {
        return seconds > 0 ? static_cast<double>(count) / seconds : 0;
    }
    /// Frames that arrived, both directions.
    [[nodiscard]] uint64_t arrived() const noexcept {
        return counts[0].arrived + counts[1].arrived;
    }
};

/// A part of the measured time.
struct Slice {
    Stretch measured;
    double idle = 0;
    std::optional<Condition> before;  ///< with Options::probe_cpu
    std::optional<Condition> after;
};

/// What a run found out.
struct Report {
    uint32_t connections = 0;
    bool all_opened = true;
    Stretch opening;
    Stretch measured;
    std::vector<Slice> slices;
    std::array<Latency, 2> latency;  ///< while measured, by the side that sends
    std::array<Counts, 2> total;     ///< of the whole run, the drain at its end included
    uint64_t rate_missed = 0;        ///< clients' packets that the wanted rate would have had too
    double idle = 0;                 ///< share of the measured time with nothing to do
    std::string first_damage;

    /// Less idle than that, and faster peers can't be told from this one.
    static constexpr double kIdleEnough = 0.05;
    [[nodiscard]] bool generator_was_limit() const noexcept { return idle < kIdleEnough; }
    /// All opened, nothing lost, nothing changed, nothing twice.
    [[nodiscard]] bool flawless() const noexcept;
};

[[nodiscard]] std::string text_of(const Report& report);
/// One object, indented, with a newline at its end.
[[nodiscard]] std::string json_of(const Report& report);

}  // namespace ravelin::load
