// SPDX-License-Identifier: BSD-3-Clause
#include "mgmt/tunnel_registry.h"

#include <algorithm>
#include <utility>

namespace ravelin {

namespace {

/// A tunnel goes on elsewhere when it was last heard so long ago at most.
constexpr Duration kMoveWindow = 60s;
/// A live tunnel that no worker has and nobody spoke of for so long has ended unnoticed.
constexpr Duration kUnnoticedEnd = 60s;
/// Unanswered attempts that count as no answer.
constexpr uint64_t kEnoughRetries = 2;

bool port_unreachable(const TunnelEvent& event) {
    const bool ipv4 = event.tunnel.address[0].is_ipv4();
    return event.value == (ipv4 ? 0x0303 : 0x0104);
}

/// Whether both could be one tunnel, by what its packets carry: peer ids and SPIs stay when a
/// client moves, but for IPsec's after a renewal whose SPIs no packet has shown before the move.
bool same_peer(const TunnelStory& old, const TunnelStory& fresh) {
    if (old.record.peer_id == fresh.record.peer_id) return true;
    return old.record.protocol == VpnProtocol::Esp && !old.record.picked_up &&
           old.renegotiated != Instant{} && old.record.address[0] == fresh.record.address[0];
}

}  // namespace

void TunnelRegistry::apply(TunnelStory& story, const TunnelEvent& event) {
    const auto side = static_cast<size_t>(event.from);
    switch (event.kind) {
        case TunnelEventKind::Started:
        case TunnelEventKind::Restarted:
            return note_started(story, event);
        case TunnelEventKind::Retried:
            note_retried(story, event);
            break;
        case TunnelEventKind::Answered:
            story.answered = event.at;
            answer_trials(story, true);
            break;
        case TunnelEventKind::Established:
            note_established(story, event);
            break;
        case TunnelEventKind::PickedUp:
            if (pickups_.size() < kMostTrials) pickups_.push_back(story.key);
            break;
        case TunnelEventKind::Failed:
            return note_failed(story, event);
        case TunnelEventKind::Renegotiating:
            note_renegotiating(story, event);
            break;
        case TunnelEventKind::Clock:
            return note_clock(story, event);
        case TunnelEventKind::Silent:
        case TunnelEventKind::Heard:
            story.silent[side] = event.kind == TunnelEventKind::Silent;
            break;
        case TunnelEventKind::Exit:
        case TunnelEventKind::Restart:
            story.good_bye = event.from;
            story.good_bye_at = event.at;
            break;
        case TunnelEventKind::Stuck:
            story.stuck = true;
            break;
        case TunnelEventKind::Moved:
            return note_moved(story, event);
        case TunnelEventKind::AnswersOld:
            return note_answers_old(story, event);
        case TunnelEventKind::IcmpError:
            if (port_unreachable(event)) story.port_unreachable[side] = event.at;
            break;
        case TunnelEventKind::Late:
            return note_late(story, event);
        case TunnelEventKind::Ended:
            return note_ended(story, event);
        case TunnelEventKind::Resumed:
            revive(story);
            break;
        case TunnelEventKind::Keepalive:
        case TunnelEventKind::UnderLoad:
        case TunnelEventKind::PathMtu:
        case TunnelEventKind::Count:
            break;
    }
    tell(story, event, event_words(event));
}

void TunnelRegistry::note_started(TunnelStory& story, const TunnelEvent& event) {
    TunnelTally::add(counters_.handshakes[static_cast<size_t>(event.tunnel.protocol)]);
    tell(story, event, event_words(event));
    if (event.kind == TunnelEventKind::Started) begin_trial(story, 0, event.at);
}

void TunnelRegistry::note_retried(TunnelStory& story, const TunnelEvent& event) {
    story.retries = static_cast<uint32_t>(event.value);
    TunnelTally::add(counters_.retries[static_cast<size_t>(event.tunnel.protocol)]);
    if (event.from == Side::Client && event.value >= kEnoughRetries) answer_trials(story, false);
}

void TunnelRegistry::note_renegotiating(TunnelStory& story, const TunnelEvent& event) {
    const auto vpn = static_cast<size_t>(event.tunnel.protocol);
    TunnelTally::add(counters_.renegotiations[vpn][static_cast<size_t>(event.from)]);
    // A worker that took the tunnel up in mid-stream has not seen the one before.
    Duration interval = event.tunnel.renegotiation_interval;
    if (interval == 0s && story.renegotiated != Instant{}) interval = event.at - story.renegotiated;
    if (interval > 0s)
        counters_.renegotiation_interval[vpn].add(TunnelTally::kRenegotiationBounds, interval);
    story.renegotiated = event.at;
}

void TunnelRegistry::note_established(TunnelStory& story, const TunnelEvent& event) {
    if (story.record.established == Instant{}) story.record.established = event.at;
    const auto vpn = static_cast<size_t>(event.tunnel.protocol);
    counters_.handshake_time[vpn].add(TunnelTally::kHandshakeBounds,
                                      event.at - event.tunnel.started);
    answer_trials(story, true);
}

void TunnelRegistry::note_failed(TunnelStory& story, const TunnelEvent& event) {
    const bool unanswered = event.value == static_cast<uint64_t>(TunnelStage::Candidate);
    const TunnelStage stage = unanswered ? TunnelStage::Candidate : TunnelStage::Handshake;
    TunnelTally::add(
        counters_.failures[static_cast<size_t>(event.tunnel.protocol)][static_cast<size_t>(stage)]);
    if (unanswered) answer_trials(story, false);
    tell(story, event, event_words(event));
    // Nobody tells the end of what was never confirmed.
    if (story.unconfirmed()) end(story, CloseReason::Idle, event.at);
}

void TunnelRegistry::note_answers_old(TunnelStory& story, const TunnelEvent& event) {
    story.answers_old = event.at;
    TunnelEvent whole = event;
    if (!story.moved_from.empty() && event.port == 0 && event.address == Address{}) {
        whole.address = story.moved_from.back().endpoint.address;
        whole.port = story.moved_from.back().endpoint.port;
    }
    tell(story, whole, event_words(whole));
}

void TunnelRegistry::note_moved(TunnelStory& story, const TunnelEvent& event) {
    ++story.moves;
    story.moved_from.push_back({event.at, {event.address, event.port}});
    if (story.moved_from.size() > TunnelStory::kOldEndpoints) story.moved_from.pop_front();
    story.nat.move(story.moved_from.back().endpoint, event.tunnel, event.at);
    TunnelTally::add(counters_.moves[static_cast<size_t>(event.tunnel.protocol)]);
    tell(story, event, event_words(event));
}

void TunnelRegistry::note_late(TunnelStory& story, const TunnelEvent& event) {
    if (event.from == Side::Server) {
        ++story.late;
        story.last_late = event.at;
        if (event.value < kDropReasonCount) story.last_drop = static_cast<DropReason>(event.value);
    }
    tell(story, event, event_words(event));
}

void TunnelRegistry::note_ended(TunnelStory& story, const TunnelEvent& event) {
    std::string sentence = event_words(event);
    if (story.stuck) sentence += ", so that the next handshake begins afresh";
    tell(story, event, std::move(sentence));
    end(story, event.reason, event.at);
}

void TunnelRegistry::set_wall(Duration unix_offset, bool synchronised) {
    constexpr Duration kOurStep = 250ms;
    const Duration by = unix_offset - unix_offset_;
    // What our own clock was set by, peers' clocks are off by less; it is no news about them.
    if (wall_known_ && std::chrono::abs(by) > kOurStep) {
        for (auto& [key, server] : servers_)
            server.clock.shift(by);
        for (auto& [key, story] : stories_)
            for (PeerClock& clock : story.clock)
                clock.shift(by);
    }
    unix_offset_ = unix_offset;
    wall_known_ = true;
    if (synchronised != synchronised_) clocks_changed_ = true;
    synchronised_ = synchronised;
}

void TunnelRegistry::update(std::span<const TunnelRecord> records, Instant now) {
    now_ = std::max(now_, now);
    for (const TunnelRecord& record : records) {
        if (record.protocol >= VpnProtocol::Count) continue;
        const auto found = by_record_.find(record.id);
        TunnelStory* known = found == by_record_.end() ? nullptr : mutable_story(found->second);
        if (known == nullptr || known->ended) {
            // What began it was lost with a full ring, or is still under way.
            if (record.stage == TunnelStage::Candidate || record.stage == TunnelStage::Closed)
                continue;
            if (known == nullptr) known = create(record, now);
            if (known == nullptr || known->ended) continue;
        }
        if (known->record.id != record.id) continue;
        // It may be older than the last event, which came meanwhile.
        if (known->figures > now) continue;
        take_record(*known, record, now);
        recount(*known);
    }
    if (!records.empty()) end_missing(now);
    resolve_pickups();
    choose_predecessors(now);
    decide(now);
}

void TunnelRegistry::end_missing(Instant now) {
    for (auto& [key, story] : stories_)
        if (!story.ended && story.confirmed && now - story.figures > kUnnoticedEnd)
            end(story, CloseReason::None, now);
    make_room(true);
}

void TunnelRegistry::advance(Instant now) {
    now_ = std::max(now_, now);
    decide(now);
    forget_old(now);
    if (std::exchange(clocks_changed_, false)) publish_clocks();
}

bool TunnelRegistry::wants_figures(Instant now) const {
    return !pickups_.empty() ||
           std::any_of(trials_.begin(), trials_.end(), [now](const Trial& trial) {
               return trial.old == 0 || (trial.doubtful && now >= trial.deadline);
           });
}

void TunnelRegistry::resolve_pickups() {
    for (const uint32_t key : std::exchange(pickups_, {})) {
        TunnelStory* fresh = mutable_story(key);
        if (fresh == nullptr || fresh->ended) continue;
        TunnelStory* found = nullptr;
        bool unique = true;
        for (auto& [other_key, other] : stories_) {
            if (other_key == key || other.ended || !other.was_established() || other.good_bye)
                continue;
            // Peer ids are used again soon, so they are a hint only, within a short time.
            if (server_key(other.record) != server_key(fresh->record) ||
                !same_peer(other, *fresh) ||
                endpoint(other.record, Side::Client) == endpoint(fresh->record, Side::Client))
                continue;
            const Duration window = std::max(kMoveWindow, 3 * other.keepalive(Side::Client));
            const Duration gap = fresh->record.started - other.last_seen(Side::Client);
            if (gap < -1s || gap > window) continue;
            unique = found == nullptr;
            found = &other;
        }
        if (found != nullptr && unique) adopt(*found, *fresh);
    }
}

void TunnelRegistry::adopt(TunnelStory& old, TunnelStory& fresh) {
    TunnelEvent moved;
    moved.kind = TunnelEventKind::Moved;
    moved.at = fresh.record.started;
    moved.address = endpoint(old.record, Side::Client).address;
    moved.port = endpoint(old.record, Side::Client).port;
    moved.tunnel = fresh.record;
    for (const uint64_t record : fresh.records) {
        by_record_[record] = old.key;
        old.records.push_back(record);
    }
    take_record(old, fresh.record, fresh.figures);
    recount(old);
    const auto moments = std::move(fresh.moments);
    forget(fresh.key);
    apply(old, moved);
    for (const TunnelMoment& moment : moments)
        if (moment.keyword != keyword(TunnelEventKind::PickedUp))
            old.tell(moment.at, moment.keyword, moment.text);
}

}  // namespace ravelin
