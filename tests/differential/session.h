// SPDX-License-Identifier: BSD-3-Clause
#pragma once

#include "duel.h"
#include "generator.h"

#include <array>
#include <chrono>
#include <cstdint>
#include <map>
#include <string>
#include <vector>

namespace ravelin::differential {

inline constexpr size_t kMaxDifferences = 20;
inline constexpr size_t kMostSeeds = 2;  ///< in one run

struct Outcome {
    uint32_t passed = 0;
    uint32_t failed = 0;

    void add(const Outcome& other) noexcept {
        passed += other.passed;
        failed += other.failed;
    }
};

/// What a session found. Plain values, so that processes can add theirs up.
struct Tally {
    uint64_t sequences = 0;
    std::array<uint64_t, kMostWorkers> sequences_with{};  ///< by how many workers there were
    uint64_t packets = 0;
    uint64_t unexplained = 0;
    std::array<uint64_t, kMostSeeds> unexplained_of{};  ///< by seed
    uint64_t repeated = 0;                              ///< batches that were spoiled
    std::array<uint64_t, kMaxDifferences> differences{};
    Coverage coverage{};
    Outcome tests{};  ///< of what isn't random

    void add(const Tally& other) noexcept;
};

struct Task {
    uint64_t seed = 0;
    uint64_t first = 0;             ///< index of the first sequence
    uint64_t stride = 1;            ///< processes: each takes every n-th batch
    uint64_t sequences = 0;         ///< how many at most; 0: no limit
    std::chrono::seconds limit{0};  ///< how long at most; 0: no limit
    uint32_t batch = 6000;
    uint8_t workers = 0;     ///< so many; 0: each number for an equal part of a batch
    uint32_t minimised = 5;  ///< so many kinds of failures are made small and printed
    std::string output;      ///< folder for them
};

/// Batches of sequences in a world of its own: one kernel wire, and one appliance for each number
/// of workers.
class Session {
  public:
    explicit Session(Tally& tally);

    void run(const Task& task);
    /// One script as it stands; the findings.
    std::vector<Finding> replay(const Replay& replay, Waiting waiting = Waiting::Yes);
    [[nodiscard]] const Coverage& coverage() const noexcept { return tally_.coverage; }

  private:
    void run_batch(const Task& task, uint64_t batch);
    /// False when it was spoiled: nothing is known then.
    bool try_batch(const Task& task, uint64_t batch, uint64_t attempt);
    void fail(const Task& task, const Replay& found, const Finding& finding, uint64_t index);
    void tell_kinds() const;

    Tally& tally_;
    Kernel kernel_;
    Appliances appliances_;
    Duel duel_;
    std::vector<Script> scripts_;
    uint16_t datagrams_ = 0;                 ///< identification of the last one that was replayed
    std::map<std::string, uint64_t> kinds_;  ///< of what is unexplained
};

}  // namespace ravelin::differential
