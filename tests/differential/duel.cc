// SPDX-License-Identifier: BSD-3-Clause
#include "duel.h"

#include "frame.h"

#include <algorithm>
#include <cstdio>
#include <poll.h>
#include <stdexcept>

namespace ravelin::differential {

namespace {

constexpr Duration kStreamAfter = 2s;  // netfilter nf_conntrack_udp_packet()
constexpr Duration kWait = kStreamAfter + 100ms;
/// An entry that would end this soon after a step might end while the next phase runs.
constexpr Duration kMargin = 6s;
constexpr uint32_t kMaxLengthening = 12;

std::string describe_verdict(const Verdict& verdict) {
    static constexpr std::array<const char*, 7> kNames{
        "none", "NEW", "ESTABLISHED", "RELATED", "INVALID", "UNTRACKED", "STALE"};
    std::string text = kNames[static_cast<size_t>(verdict.ct_class)];
    text += verdict.direction == Direction::Reply ? " reply" : "";
    text += verdict.came_out ? "" : " (nothing came out)";
    text += verdict.altered ? " (altered)" : "";
    if (verdict.reason != DropReason::None) text += " " + std::string{keyword(verdict.reason)};
    return text;
}

std::string describe_entry(const Entry* entry) {
    if (entry == nullptr) return "no entry";
    std::array<char, 300> text{};
    std::snprintf(text.data(), text.size(),
                  "IPv%d protocol %u ports %u %u state %u%s%s packets %llu/%llu bytes %llu/%llu "
                  "remaining %.2f s",
                  entry->original.family == Family::Ipv6 ? 6 : 4, entry->original.protocol,
                  entry->original.source_port, entry->original.destination_port, entry->state,
                  entry->seen_reply ? " SEEN_REPLY" : "", entry->assured ? " ASSURED" : "",
                  static_cast<unsigned long long>(entry->packets[0]),
                  static_cast<unsigned long long>(entry->packets[1]),
                  static_cast<unsigned long long>(entry->bytes[0]),
                  static_cast<unsigned long long>(entry->bytes[1]),
                  std::chrono::duration<double>(entry->remaining).count());
    return text.data();
}

bool entry_order(const Entry& a, const Entry& b) {
    return a.original < b.original;
}

void sort_entries(std::vector<Entry>& entries) {
    for (Entry& entry : entries)
        entry.sequence = owner_of(entry.original);
    std::sort(entries.begin(), entries.end(), entry_order);
}

}  // namespace

Duel::Duel(Kernel& kernel, Appliance& appliance, Coverage& coverage)
    : kernel_{kernel},
      appliance_{appliance},
      coverage_{coverage},
      origin_{std::chrono::steady_clock::now()} {}

Instant Duel::now() const {
    const auto passed = std::chrono::steady_clock::now() - origin_;
    return Instant{std::chrono::duration_cast<Duration>(passed) + stepped_};
}

std::vector<Finding> Duel::run(const Campaign& campaign, std::span<Script> scripts, Steps& steps,
                               Waiting waiting) {
    scripts_ = scripts;
    findings_.clear();
    unwaited_ = Duration{};
    slow_ = false;
    begin(campaign);
    lay_out();
    for (uint8_t phase = 0; phase < kPhases; ++phase) {
        const Instant started = now();
        run_phase(phase);
        judge_datagrams(phase);
        slow_ |= now() - started > kStreamAfter - 200ms;
        judge_entries();
        if (phase + 1 == kPhases) break;
        if (waiting == Waiting::Yes)
            poll(nullptr, 0, static_cast<int>(kWait / 1ms));
        else
            unwaited_ = kWait;
        pass_time(steps[phase]);
    }
    return std::move(findings_);
}

void Duel::begin(const Campaign& campaign) {
    kernel_.table().flush();
    appliance_.flush();
    if (campaign_ != &campaign) {
        kernel_.configure(campaign);
        appliance_.configure(campaign);
        campaign_ = &campaign;
    }
}

void Duel::lay_out() {
    passages_.clear();
    owner_.clear();
    progress_.assign(scripts_.size(), Progress{});
    for (uint32_t i = 0; i < scripts_.size(); ++i) {
        progress_[i].first_passage = static_cast<uint32_t>(passages_.size());
        for (const Event& event : scripts_[i].events) {
            passages_.push_back({.bytes = scripts_[i].frame(event),
                                 .side = event.side,
                                 .is_fragment = event.datagram != 0});
            owner_.push_back(i);
        }
    }
}

void Duel::run_phase(uint8_t phase) {
    // Round by round: a round has no two packets of one sequence, so that within it only the
    // order on each side matters.
    std::array<std::vector<uint32_t>, 2> round;
    for (bool more = true; more;) {
        more = false;
        for (uint32_t i = 0; i < scripts_.size(); ++i) {
            Progress& at = progress_[i];
            const std::vector<Event>& events = scripts_[i].events;
            if (at.next >= events.size() || events[at.next].phase != phase) continue;
            more = true;
            const auto side = static_cast<size_t>(events[at.next].side);
            round[side].push_back(at.first_passage + at.next++);
            if (round[side].size() == Kernel::kWindow) exchange(round[side]);
        }
        for (std::vector<uint32_t>& left : round)
            if (!left.empty()) exchange(left);
    }
}

void Duel::exchange(std::vector<uint32_t>& chosen) {
    const Instant moment = now();
    kernel_.exchange(passages_, chosen);
    appliance_.exchange(passages_, chosen, moment, coverage_);
    packets_ += chosen.size();
    for (const uint32_t passage : chosen) {
        const uint32_t script = owner_[passage];
        judge(script, passage - progress_[script].first_passage);
    }
    chosen.clear();
}

void Duel::judge(uint32_t script, uint32_t event) {
    const Event& sent = scripts_[script].events[event];
    const Passage& passage = passages_[progress_[script].first_passage + event];
    if (sent.datagram != 0) return;
    Progress& progress = progress_[script];
    progress.had_reset |= is_tcp_reset(passage.bytes);
    const uint16_t tag = tag_of(passage.bytes);
    progress.retagged |= event > 0 && tag != progress.tag;
    progress.tag = tag;
    if (sent.meant.is_error) coverage_.count_error(sent.meant);
    const bool nothing = !passage.kernel.came_out;
    ++coverage_.classes[nothing ? 7 : static_cast<size_t>(passage.kernel.ct_class)];
    const PacketCase both{.frame = passage.bytes,
                          .kernel = passage.kernel,
                          .ravelin = passage.ravelin,
                          .campaign = *campaign_,
                          .after_reset = progress_[script].had_reset,
                          .retagged = progress_[script].retagged};
    if (progress_[script].settled || agree(both)) return;
    const Difference* const why = explain(both);
    Finding finding{.script = script, .why = why, .kind = {}, .what = {}};
    if (why == nullptr) {
        finding.kind = "the kernel says " + describe_verdict(passage.kernel) + ", Ravelin " +
                       describe_verdict(passage.ravelin);
        finding.what = "event " + std::to_string(event + 1) + ": " + describe(passage.bytes);
    }
    report(std::move(finding));
}

void Duel::judge_datagrams(uint8_t phase) {
    for (uint32_t script = 0; script < scripts_.size(); ++script) {
        const std::vector<Event>& events = scripts_[script].events;
        for (uint32_t event = 0; event < progress_[script].next;) {
            const uint32_t first = event++;
            if (events[first].phase != phase || events[first].datagram == 0) continue;
            while (event < progress_[script].next &&
                   events[event].datagram == events[first].datagram)
                ++event;
            judge_datagram(script, first, event);
        }
    }
}

void Duel::judge_datagram(uint32_t script, uint32_t first, uint32_t end) {
    const std::span<const Passage> fragments{&passages_[progress_[script].first_passage + first],
                                             end - first};
    Verdict theirs;
    Verdict ours;
    for (const Passage& fragment : fragments) {
        if (fragment.kernel.came_out) theirs = fragment.kernel;
        // A copy that is dropped says nothing about the others.
        if (!ours.came_out) ours = fragment.ravelin;
    }
    ++coverage_.classes[!theirs.came_out ? 7 : static_cast<size_t>(theirs.ct_class)];
    const PacketCase both{.frame = fragments.front().bytes,
                          .kernel = theirs,
                          .ravelin = ours,
                          .campaign = *campaign_,
                          .after_reset = progress_[script].had_reset,
                          .retagged = progress_[script].retagged};
    if (progress_[script].settled || (!theirs.came_out && !ours.came_out) || agree(both)) return;
    const Difference* const why = explain(both);
    Finding finding{.script = script, .why = why, .kind = {}, .what = {}};
    if (why == nullptr) {
        finding.kind = "of a datagram the kernel says " + describe_verdict(theirs) + ", Ravelin " +
                       describe_verdict(ours);
        finding.what = "events " + std::to_string(first + 1) + " to " + std::to_string(end);
    }
    report(std::move(finding));
}

void Duel::judge_entries() {
    kernel_.table().dump(theirs_);
    appliance_.dump(ours_, now());
    sort_entries(theirs_);
    sort_entries(ours_);
    auto mine = ours_.begin();
    for (const Entry& entry : theirs_) {
        for (; mine != ours_.end() && entry_order(*mine, entry); ++mine)
            judge_entry(nullptr, &*mine);
        const bool same = mine != ours_.end() && mine->original == entry.original;
        judge_entry(&entry, same ? &*mine : nullptr);
        if (same) ++mine;
    }
    for (; mine != ours_.end(); ++mine)
        judge_entry(nullptr, &*mine);
}

void Duel::judge_entry(const Entry* theirs, const Entry* ours) {
    const uint32_t number = (theirs != nullptr ? theirs : ours)->sequence;
    const uint32_t script = number - scripts_.front().number;
    if (script >= scripts_.size()) throw std::runtime_error{"an entry of no sequence"};
    if (progress_[script].settled) return;
    const EntryCase both{.kernel = theirs,
                         .ravelin = ours,
                         .campaign = *campaign_,
                         .after_reset = progress_[script].had_reset,
                         .retagged = progress_[script].retagged,
                         .real_time_is_short = slow_ || unwaited_ > Duration{}};
    if (agree(both)) return;
    const Difference* const why = explain(both);
    Finding finding{.script = script, .why = why, .kind = {}, .what = {}};
    if (why == nullptr) {
        finding.kind = "entries differ in " + differing_fields(both);
        finding.what = "after event " + std::to_string(progress_[script].next) +
                       ": the kernel has " + describe_entry(theirs) + ", Ravelin " +
                       describe_entry(ours);
    }
    report(std::move(finding));
}

void Duel::report(Finding finding) {
    if (finding.why == nullptr || !finding.why->harmless) progress_[finding.script].settled = true;
    findings_.push_back(std::move(finding));
}

void Duel::pass_time(uint32_t& seconds) {
    const Instant moment = now();
    appliance_.dump(ours_, moment);
    sort_entries(ours_);
    // Long enough that nothing is about to end: then both agree on what is left.
    const auto unsettled = [this](uint32_t step) {
        return std::count_if(ours_.begin(), ours_.end(), [&](const Entry& entry) {
            const Duration left = entry.remaining - std::chrono::seconds{step};
            return left > Duration{} && left < kMargin;
        });
    };
    uint32_t best = seconds;
    for (uint32_t step = seconds; step <= seconds + kMaxLengthening; ++step) {
        if (unsettled(step) < unsettled(best)) best = step;
        if (unsettled(best) == 0) break;
    }
    seconds = best;
    const Duration step = std::chrono::seconds{seconds};
    for (const Entry& entry : theirs_) {
        const auto mine = std::lower_bound(ours_.begin(), ours_.end(), entry, entry_order);
        const bool same = mine != ours_.end() && mine->original == entry.original;
        const Duration left = (same ? mine->remaining : entry.remaining) - step;
        if (left <= Duration{}) {
            kernel_.table().remove(entry.original);
            continue;
        }
        const auto rounded = static_cast<uint32_t>((left + 500ms) / 1s);
        kernel_.table().set_remaining(entry.original, std::max(1U, rounded));
        const uint32_t script = entry.sequence - scripts_.front().number;
        if (left < kMargin && !progress_[script].settled)
            report({.script = script, .why = &near_its_end(), .kind = {}, .what = {}});
    }
    static_cast<void>(kernel_.table().apply());
    stepped_ += step;
    appliance_.settle(now());
}

}  // namespace ravelin::differential
