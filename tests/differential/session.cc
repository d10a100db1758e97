// SPDX-License-Identifier: BSD-3-Clause
#include "session.h"

#include "base/byteorder.h"
#include "minimise.h"

#include <algorithm>
#include <cstdio>
#include <filesystem>
#include <fstream>
#include <stdexcept>

namespace ravelin::differential {

namespace {

constexpr uint32_t kCapacity = 1U << 13;
constexpr std::array<uint32_t, 10> kSteps{1, 5, 20, 28, 40, 70, 118, 130, 305, 3600};

/// Only UDP asks how much real time has passed.
bool has_udp(const Script& script) {
    return std::any_of(script.events.begin(), script.events.end(), [&](const Event& event) {
        const std::span<const uint8_t> frame = script.frame(event);
        return frame.size() > 40 && place_of(frame).protocol == ip_protocol::kUdp;
    });
}

/// Other identifications, since the kernel may still hold fragments of the last run: those that
/// follow `last`, which none of the last 65,535 datagrams had.
void renumber_datagrams(Script& script, uint16_t& last) {
    uint16_t datagram = 0;
    for (const Event& event : script.events) {
        if (event.datagram != datagram && event.datagram != 0) ++last;
        datagram = event.datagram;
        if (datagram == 0) continue;
        const std::span<uint8_t> frame = script.frame(event);
        const Place at = place_of(frame);
        const bool v6 = at.family == Family::Ipv6;
        uint8_t* const id = &frame[v6 ? at.l4 + 6 : at.l3 + 4];
        store_be16(id, last);
        if (!v6) seal_ipv4_header(frame.subspan(at.l3, 20));
    }
}

}  // namespace

void Tally::add(const Tally& other) noexcept {
    sequences += other.sequences;
    for (size_t i = 0; i < sequences_with.size(); ++i)
        sequences_with[i] += other.sequences_with[i];
    packets += other.packets;
    unexplained += other.unexplained;
    for (size_t i = 0; i < unexplained_of.size(); ++i)
        unexplained_of[i] += other.unexplained_of[i];
    repeated += other.repeated;
    for (size_t i = 0; i < differences.size(); ++i)
        differences[i] += other.differences[i];
    coverage.add(other.coverage);
    tests.add(other.tests);
}

Session::Session(Tally& tally)
    : tally_{tally}, appliances_{kCapacity}, duel_{kernel_, appliances_, tally_.coverage} {}

void Session::run(const Task& task) {
    const auto begun = std::chrono::steady_clock::now();
    for (uint64_t batch = task.first; task.sequences == 0 || batch * task.batch < task.sequences;
         batch += task.stride) {
        if (task.limit.count() != 0 && std::chrono::steady_clock::now() - begun > task.limit) break;
        run_batch(task, batch);
    }
    tell_kinds();
}

void Session::run_batch(const Task& task, uint64_t batch) {
    constexpr uint64_t kAttempts = 5;
    for (uint64_t attempt = 0; attempt < kAttempts; ++attempt) {
        if (try_batch(task, batch, attempt)) return;
        ++tally_.repeated;
    }
    throw std::runtime_error{
        "a batch was spoiled five times: the machine is too busy, or fragments mix"};
}

bool Session::try_batch(const Task& task, uint64_t batch, uint64_t attempt) {
    const std::span<const Campaign> all = campaigns();
    // The first takes every other batch.
    const Campaign& campaign = batch % 2 == 0 ? all[0] : all[1 + batch / 2 % (all.size() - 1)];
    Random random{task.seed ^ (batch * 0x2545f4914f6cdd1d + 7)};
    Steps steps;
    for (uint32_t& step : steps)
        step = random.pick(kSteps);
    const uint64_t first = batch * task.batch;
    const uint64_t count =
        task.sequences == 0 ? task.batch : std::min<uint64_t>(task.batch, task.sequences - first);
    // The kernel may still hold fragments of the addresses' last use.
    const auto block = static_cast<uint32_t>(((batch + attempt * 13) % 64) << 16);
    Generator generator{task.seed};
    scripts_.resize(count);
    for (uint32_t i = 0; i < count; ++i) {
        generator.generate(first + i, block + i, campaign, scripts_[i]);
        // Neighbours meet the same appliance: so its bursts are full ones.
        scripts_[i].workers =
            task.workers != 0 ? task.workers : static_cast<uint8_t>(1 + i * kMostWorkers / count);
    }

    const uint64_t before = duel_.packets();
    const std::vector<Finding> findings = duel_.run(campaign, scripts_, steps);
    if (duel_.spoiled()) return false;
    tally_.packets += duel_.packets() - before;
    tally_.sequences += count;
    for (const Script& script : scripts_)
        ++tally_.sequences_with[script.workers - 1U];
    std::vector<std::pair<Finding, Replay>> failures;
    for (const Finding& finding : findings) {
        if (finding.why != nullptr) {
            ++tally_.differences[index_of(*finding.why)];
            continue;
        }
        ++tally_.unexplained;
        if (++kinds_[finding.kind] == 1)
            failures.emplace_back(
                finding, Replay{scripts_[finding.script], steps, std::string{campaign.name}});
    }
    // Only now: looking at them reuses what the batch used.
    for (const auto& [finding, replay] : failures)
        fail(task, replay, finding, first + finding.script);
    return true;
}

std::vector<Finding> Session::replay(const Replay& replay, Waiting waiting) {
    constexpr int kAttempts = 3;
    std::vector<Finding> findings;
    for (int attempt = 0; attempt < kAttempts; ++attempt) {
        scripts_.assign(1, replay.script);
        renumber_datagrams(scripts_.front(), datagrams_);
        Steps steps = replay.steps;
        findings = duel_.run(campaign_named(replay.campaign), scripts_, steps, waiting);
        if (!duel_.spoiled()) break;
    }
    return findings;
}

void Session::fail(const Task& task, const Replay& found, const Finding& finding, uint64_t index) {
    std::string text = "UNEXPLAINED in sequence " + std::to_string(index) + " of seed " +
                       std::to_string(task.seed) +
                       ", workers: " + std::to_string(found.script.workers) + ": " + finding.kind +
                       "\n  " + finding.what + "\n";
    // At once: making it small takes its time and may be what fails next.
    std::fwrite(text.data(), 1, text.size(), stdout);
    std::fflush(stdout);
    text.clear();
    if (kinds_.size() <= task.minimised) {
        const Minimised small = minimise(found, [this](const Replay& candidate) {
            const Waiting waiting = has_udp(candidate.script) ? Waiting::Yes : Waiting::No;
            for (const Finding& each : replay(candidate, waiting))
                if (each.why == nullptr) return each.kind + "\n  " + each.what;
            return std::string{};
        });
        std::filesystem::create_directories(task.output);
        const std::string name = task.output + "/seed-" + std::to_string(task.seed) + "-sequence-" +
                                 std::to_string(index);
        std::ofstream{name + ".script"} << to_text(small.replay);
        write_capture(small.replay, name + ".pcap");
        text += small.reproduced ? "alone and made small: " + small.what + "\n"
                                 : "alone it doesn't come back; the whole sequence:\n";
        text += to_text(small.replay);
        text += "  " + name + ".script (differential --replay), " + name + ".pcap\n";
    }
    std::fwrite(text.data(), 1, text.size(), stdout);
    std::fflush(stdout);
}

void Session::tell_kinds() const {
    for (const auto& [kind, count] : kinds_)
        std::printf("%8llu x %s\n", static_cast<unsigned long long>(count), kind.c_str());
    std::fflush(stdout);
}

}  // namespace ravelin::differential
