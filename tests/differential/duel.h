// SPDX-License-Identifier: BSD-3-Clause
#pragma once

#include "appliance.h"
#include "differences.h"
#include "kernel.h"
#include "script.h"

#include <chrono>
#include <span>
#include <vector>

namespace ravelin::differential {

/// One place where the two did not say the same.
struct Finding {
    uint32_t script = 0;              ///< index into the batch
    const Difference* why = nullptr;  ///< nullptr: nobody knows
    std::string kind;                 ///< only when nobody knows: what the two say ...
    std::string what;                 ///< ... and about which packet or entry
};

/// Whether real time passes between two phases: the kernel's two seconds until UDP counts as a
/// stream can't be stepped over.
enum class Waiting : uint8_t { Yes, No };

/// Runs scripts through the kernel and through Ravelin, interleaved, and compares them packet by
/// packet and, at the end of each phase, entry by entry.
class Duel {
  public:
    Duel(Kernel& kernel, Appliances& appliances, Coverage& coverage);

    /// The scripts' numbers follow each other. Steps may be made a little longer, so that nothing
    /// ends while a phase runs; what was used is returned in `steps`.
    std::vector<Finding> run(const Campaign& campaign, std::span<Script> scripts, Steps& steps,
                             Waiting waiting = Waiting::Yes);

    [[nodiscard]] uint64_t packets() const noexcept { return packets_; }
    /// Whether the last run's findings say nothing: it was held up for so long that the kernel's
    /// own timers, of fragments first of all, may have ended what lives on here, or the kernel put
    /// its fragments together with those of an earlier run.
    [[nodiscard]] bool spoiled() const noexcept { return held_up_ || kernel_.mixed(); }

  private:
    struct Progress {
        uint32_t first_passage = 0;
        uint32_t next = 0;  ///< event
        bool had_reset = false;
        bool retagged = false;
        uint32_t atomic = 0;   ///< IPv6 datagrams of one fragment
        uint16_t tag = 0;      ///< of the last frame
        bool settled = false;  ///< a difference was found: what follows says nothing more
    };

    [[nodiscard]] Instant now() const;
    void begin(const Campaign& campaign);
    void lay_out();
    void run_phase(uint8_t phase);
    void exchange(std::vector<uint32_t>& chosen);
    void judge(uint32_t script, uint32_t event);
    [[nodiscard]] PacketCase packet_case(const Passage& passage, const Progress& progress) const;
    /// With the last fragment of a datagram all of them are judged.
    void judge_fragment(uint32_t script, uint32_t event);
    /// Fragments, from `first` up to `end`.
    void judge_datagram(uint32_t script, uint32_t first, uint32_t end);
    void judge_entries();
    void judge_entry(const Entry* theirs, const Entry* ours);
    void report(Finding finding);
    void pass_time(uint32_t& seconds);

    Kernel& kernel_;
    Appliances& appliances_;
    Coverage& coverage_;
    const Campaign* campaign_ = nullptr;
    std::span<Script> scripts_;
    std::vector<Progress> progress_;
    std::vector<Passage> passages_;
    std::vector<uint32_t> owner_;  ///< of a passage: script
    std::vector<Entry> theirs_;
    std::vector<Entry> ours_;
    std::vector<Finding> findings_;
    std::chrono::steady_clock::time_point origin_;
    Duration stepped_{};
    Duration unwaited_{};      ///< how much less than two seconds passed at some step
    Duration packet_delay_{};  ///< the longest that the kernel took for its packets,
    Duration step_delay_{};    ///< ... for setting remaining times,
    Duration dump_delay_{};    ///< ... and for telling its entries
    bool slow_ = false;        ///< a phase took so long that UDP may have become a stream in it
    bool held_up_ = false;
    uint64_t packets_ = 0;
};

}  // namespace ravelin::differential
