// SPDX-License-Identifier: BSD-3-Clause
#include "duel.h"

#include "base/byteorder.h"
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
/// A phase takes one to four. Nothing that one side only waits for may end within it: fragments are
/// held for longer (Namespaces), connections live for longer (campaigns()).
constexpr Duration kHeldUp = 10s;

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

/// What only the whole of it tells, such as what an ICMP error quotes.
const Difference* explain_datagram(std::span<const Passage> fragments, PacketCase both) {
    std::vector<std::span<const uint8_t>> frames;
    for (const Passage& fragment : fragments)
        frames.emplace_back(fragment.bytes);
    const Bytes datagram = datagram_of(frames);
    both.frame = datagram;
    return datagram.empty() ? nullptr : explain(both);
}

bool entry_order(const Entry& a, const Entry& b) {
    return a.original < b.original;
}

/// What only all fragments of a datagram tell.
void note_neighbours(std::span<const Passage> fragments, PacketCase& both) {
    for (const Passage& one : fragments) {
        both.atomic_among_others |= fragments.size() > 1 && is_atomic_fragment(one.bytes);
        both.odd_among_others |= one.ravelin.reason == DropReason::FragmentMalformed;
        const Extent a = extent_of(one.bytes);
        for (const Passage& other : fragments) {
            const Extent b = extent_of(other.bytes);
            both.differing_copy |= a == b && !std::ranges::equal(one.bytes.last(a.to - a.from),
                                                                 other.bytes.last(a.to - a.from));
            both.overlaps |= a != b && a.from < b.to && b.from < a.to;
        }
    }
}

void sort_entries(std::vector<Entry>& entries) {
    for (Entry& entry : entries)
        entry.sequence = owner_of(entry.original);
    std::sort(entries.begin(), entries.end(), entry_order);
}

}  // namespace

Duel::Duel(Kernel& kernel, Appliances& appliances, Coverage& coverage)
    : kernel_{kernel},
      appliances_{appliances},
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
    slow_ = held_up_ = false;
    packet_delay_ = step_delay_ = dump_delay_ = Duration{};
    begin(campaign);
    lay_out();
    kernel_.begin(passages_.size());
    for (uint8_t phase = 0; phase < kPhases; ++phase) {
        const Instant started = now();
        run_phase(phase);
        slow_ |= now() - started > kStreamAfter - 200ms;
        judge_entries();
        held_up_ |= now() - started > kHeldUp;
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
    appliances_.flush();
    if (campaign_ != &campaign) {
        kernel_.configure(campaign);
        appliances_.configure(campaign);
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
                                 .is_fragment = event.datagram != 0,
                                 .workers = scripts_[i].workers,
                                 .arrives_at = event.arrives_at});
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
    packet_delay_ = std::max(packet_delay_, now() - moment);
    appliances_.exchange(passages_, chosen, moment, coverage_);
    packets_ += chosen.size();
    for (const uint32_t passage : chosen) {
        const uint32_t script = owner_[passage];
        judge(script, passage - progress_[script].first_passage);
    }
    chosen.clear();
}

PacketCase Duel::packet_case(const Passage& passage, const Progress& progress) const {
    return {.frame = passage.bytes,
            .kernel = passage.kernel,
            .ravelin = passage.ravelin,
            .campaign = *campaign_,
            .after_reset = progress.had_reset,
            .retagged = progress.retagged,
            .is_fragment = passage.is_fragment,
            .overlaps = false,
            .differing_copy = false,
            .atomic_among_others = false,
            .odd_among_others = false};
}

void Duel::judge(uint32_t script, uint32_t event) {
    const Event& sent = scripts_[script].events[event];
    const Passage& passage = passages_[progress_[script].first_passage + event];
    Progress& progress = progress_[script];
    progress.had_reset |= is_tcp_reset(passage.bytes);
    const uint16_t tag = tag_of(passage.bytes);
    progress.retagged |= event > 0 && tag != progress.tag;
    progress.tag = tag;
    if (sent.datagram != 0) return judge_fragment(script, event);
    if (sent.meant.is_error) coverage_.count_error(sent.meant);
    const bool nothing = !passage.kernel.came_out;
    ++coverage_.classes[nothing ? 7 : static_cast<size_t>(passage.kernel.ct_class)];
    const PacketCase both = packet_case(passage, progress);
    if (progress.settled || agree(both)) return;
    const Difference* const why = explain(both);
    Finding finding{.script = script, .why = why, .kind = {}, .what = {}};
    if (why == nullptr) {
        finding.kind = "the kernel says " + describe_verdict(passage.kernel) + ", Ravelin " +
                       describe_verdict(passage.ravelin);
        finding.what = "event " + std::to_string(event + 1) + ": " + describe(passage.bytes);
    }
    report(std::move(finding));
}

void Duel::judge_fragment(uint32_t script, uint32_t event) {
    const std::vector<Event>& events = scripts_[script].events;
    const uint16_t datagram = events[event].datagram;
    Progress& progress = progress_[script];
    progress.atomic += is_atomic_fragment(passages_[progress.first_passage + event].bytes) ? 1 : 0;
    if (event + 1 < events.size() && events[event + 1].datagram == datagram) return;
    uint32_t first = event;
    while (first > 0 && events[first - 1].datagram == datagram)
        --first;
    judge_datagram(script, first, event + 1);
}

void Duel::judge_datagram(uint32_t script, uint32_t first, uint32_t end) {
    const Progress& progress = progress_[script];
    const std::span<const Passage> fragments{&passages_[progress.first_passage + first],
                                             end - first};
    const auto case_of = [&](const Passage& passage) {
        PacketCase both = packet_case(passage, progress);
        note_neighbours(fragments, both);
        return both;
    };
    // What the kernel puts together and cuts again comes out under its first fragment's number.
    const Passage* theirs = nullptr;
    const Passage* ours = nullptr;
    const Passage* differs = nullptr;
    for (const Passage& fragment : fragments) {
        if (ours == nullptr && fragment.ravelin.came_out) ours = &fragment;
        if (theirs == nullptr && fragment.kernel.came_out) theirs = &fragment;
        if (differs == nullptr && fragment.kernel.came_out && !agree(case_of(fragment)))
            differs = &fragment;
    }
    ++coverage_.classes[theirs == nullptr ? 7 : static_cast<size_t>(theirs->kernel.ct_class)];
    if (theirs == nullptr) differs = ours;
    const PacketCase all = case_of(fragments.front());
    if (all.atomic_among_others || all.odd_among_others || all.differing_copy)
        differs = &fragments.front();
    const Difference* why = nullptr;
    for (const Passage& fragment : fragments)
        if (why == nullptr) why = explain(case_of(fragment));
    if (why == nullptr && differs != nullptr) why = explain_datagram(fragments, case_of(*differs));
    // One of them may have put together what the other has let go, refused it, and learned from it.
    if (ours == nullptr && theirs == nullptr && why != nullptr && why->unseen)
        differs = &fragments.front();
    if (progress.settled || differs == nullptr) return;
    Finding finding{.script = script, .why = why, .kind = {}, .what = {}};
    if (why == nullptr) {
        finding.kind = "of a datagram the kernel says " + describe_verdict(differs->kernel) +
                       ", Ravelin " + describe_verdict(differs->ravelin);
        finding.what = "events " + std::to_string(first + 1) + " to " + std::to_string(end);
    }
    report(std::move(finding));
}

void Duel::judge_entries() {
    const Instant moment = now();
    kernel_.table().dump(theirs_);
    appliances_.dump(ours_, moment);
    dump_delay_ = now() - moment;
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
    if (script >= scripts_.size())
        throw std::runtime_error{"an entry of no sequence: the kernel has " +
                                 describe_entry(theirs) + ", Ravelin " + describe_entry(ours)};
    if (progress_[script].settled) return;
    const EntryCase both{.kernel = theirs,
                         .ravelin = ours,
                         .campaign = *campaign_,
                         .after_reset = progress_[script].had_reset,
                         .retagged = progress_[script].retagged,
                         .atomic_fragments = progress_[script].atomic,
                         .delay = packet_delay_ + step_delay_ + dump_delay_,
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
    appliances_.dump(ours_, moment);
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
    step_delay_ = std::max(step_delay_, now() - moment);
    stepped_ += step;
    appliances_.settle(now());
}

}  // namespace ravelin::differential
