// SPDX-License-Identifier: BSD-3-Clause
#pragma once

#include "core_probe.h"
#include "generator.h"
#include "options.h"
#include "ports.h"
#include "report.h"

#include <atomic>
#include <cstdint>

namespace ravelin::load {

/// A run from the first connection to the last answer: opens all, measures, lets what is on its
/// way arrive, closes.
class Run {
  public:
    /// `stop`: set by anybody to end early; what is on its way still counts.
    /// `probe`: nullptr, or what tells about the CPUs.
    Run(const Options& options, Ports& ports, uint64_t tsc_hertz, CoreProbe* probe,
        const std::atomic<bool>& stop);

    Report go();

  private:
    struct Turn {
        uint64_t now = 0;
        bool busy = false;
    };

    void open_all();
    void measure();
    Slice measure_slice(double seconds, uint64_t& missed);
    [[nodiscard]] std::optional<Condition> condition();
    void drain();
    void close_all();
    /// Takes a burst from each port, and lets `speak(now)` send; it returns how much it sent.
    template <class Speak>
    Turn turn(const Speak& speak);
    uint32_t speak(Generator::Plan plan, uint32_t most, uint64_t now);

    [[nodiscard]] Stretch since(const Stretch& begin, uint64_t begun) const;
    [[nodiscard]] Stretch state() const;
    void second_has_passed(const char* what, uint64_t now);
    void take_latency();
    [[nodiscard]] uint64_t ticks(double seconds) const noexcept {
        return static_cast<uint64_t>(seconds * hertz_);
    }

    const Options& options_;
    Ports& ports_;
    double hertz_;
    CoreProbe* probe_;
    const std::atomic<bool>& stop_;
    Generator generator_;
    std::array<Histogram, 2> latency_;  ///< of the measured time
    Report report_;
    uint64_t begun_ = 0;
    uint64_t next_expiry_ = 0;
    uint64_t next_second_ = 0;
    Stretch last_second_;
};

}  // namespace ravelin::load
