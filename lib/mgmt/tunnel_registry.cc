// SPDX-License-Identifier: BSD-3-Clause
#include "mgmt/tunnel_registry.h"

#include <algorithm>
#include <cstdio>
#include <cstring>
#include <utility>

namespace ravelin {

namespace {

/// Of what nobody answered: while it may go on, and after its end.
constexpr Duration kAwaitUnconfirmed = 2min;
constexpr Duration kRememberUnconfirmed = 10min;
/// Worker's tunnels that one story remembers to have been.
constexpr size_t kMostRecords = 16;

__m128i block(uint64_t high, uint64_t low) {
    return _mm_set_epi64x(static_cast<int64_t>(high), static_cast<int64_t>(low));
}

__m128i block(const Address& address) {
    return _mm_loadu_si128(reinterpret_cast<const __m128i*>(address.bytes.data()));
}

std::string short_hex(uint64_t value) {
    std::array<char, 12> text{};
    std::snprintf(text.data(), text.size(), "%08llx",
                  static_cast<unsigned long long>(value & UINT32_MAX));
    return text.data();
}

bool begins(TunnelEventKind kind) {
    return kind == TunnelEventKind::Started || kind == TunnelEventKind::PickedUp;
}

}  // namespace

TunnelRegistry::TunnelRegistry(TunnelTally& counters, const HashSecret& secret)
    : counters_{counters}, hash_{secret} {}

TunnelRegistry::ServerKey TunnelRegistry::server_key(const TunnelRecord& record) {
    return {endpoint(record, Side::Server), record.protocol};
}

TunnelRegistry::ClientKey TunnelRegistry::client_key(const TunnelRecord& record) {
    return {record.address[0], endpoint(record, Side::Server), record.protocol};
}

TunnelStory* TunnelRegistry::mutable_story(uint32_t key) {
    const auto found = stories_.find(key);
    return found == stories_.end() ? nullptr : &found->second;
}

const TunnelStory* TunnelRegistry::story(uint32_t key) const {
    const auto found = stories_.find(key);
    return found == stories_.end() ? nullptr : &found->second;
}

const TunnelStory* TunnelRegistry::of_record(uint64_t id) const {
    const auto found = by_record_.find(id);
    return found == by_record_.end() ? nullptr : story(found->second);
}

void TunnelRegistry::feed(const TunnelEvent& event) {
    if (event.kind >= TunnelEventKind::Count || event.tunnel.protocol >= VpnProtocol::Count) return;
    now_ = std::max(now_, event.at);
    TunnelTally::add(counters_.events[static_cast<size_t>(event.kind)]);
    TunnelStory* story = story_of(event);
    if (story == nullptr) return;
    if (story->record.id != event.tunnel.id) {
        // Another connection of the client's: only its end and what is late for it matter.
        if (event.kind == TunnelEventKind::Late) note_late(*story, event);
        if (event.kind == TunnelEventKind::Ended)
            tell(*story, event, event_words(event) + " (where the client was before)");
        return;
    }
    take_record(*story, event.tunnel, event.at);
    apply(*story, event);
    recount(*story);
    make_room(true);
}

TunnelStory* TunnelRegistry::story_of(const TunnelEvent& event) {
    const TunnelRecord& record = event.tunnel;
    if (const auto found = by_record_.find(record.id); found != by_record_.end()) {
        TunnelStory* known = mutable_story(found->second);
        if (event.kind == TunnelEventKind::Restarted) return begin_anew(*known, event);
        // A worker's slot is used again.
        const bool other =
            begins(event.kind) && (known->ended || known->record.started != record.started);
        if (!other) return known;
    }
    const auto same =
        by_session_.find({endpoint(record, Side::Server), record.protocol, record.session[0]});
    if (record.session[0] != 0 && same != by_session_.end()) {
        TunnelStory* known = mutable_story(same->second);
        go_on_as(*known, event);
        return known;
    }
    if (event.kind == TunnelEventKind::Late) return same_ends(record);
    if (record.stage == TunnelStage::Closed) return nullptr;
    return create(record, event.at);
}

/// A new session on the addresses and ports of `known`, which it ends; nullptr: there is no room.
TunnelStory* TunnelRegistry::begin_anew(TunnelStory& known, const TunnelEvent& event) {
    const TunnelRecord& record = event.tunnel;
    const uint32_t old = known.key;
    // Nobody but the new session's first packet tells when the old one was last heard.
    known.record.last_seen[1] = std::max(known.record.last_seen[1], record.last_seen[1]);
    const bool refused = known.port_unreachable[0] > known.record.last_seen[0];
    if (!known.silent[0] && !refused) known.record.last_seen[0] = event.at;
    const auto silent = known.silent;
    end(known, CloseReason::Replaced, event.at);
    TunnelStory* const fresh = create(record, event.at);
    if (fresh == nullptr) return nullptr;
    // Its end is the end of its silence, but for the question why the client came back.
    TunnelStory* const left = mutable_story(old);
    if (left != nullptr) left->silent = silent;
    begin_trial(*fresh, old, event.at);
    if (left != nullptr) left->silent = {};
    if (fresh->confirmed) answer_trials(*fresh, true);
    return fresh;
}

/// The session of `known` on another connection, or on another worker.
void TunnelRegistry::go_on_as(TunnelStory& known, const TunnelEvent& event) {
    const TunnelRecord& record = event.tunnel;
    if (known.records.size() == kMostRecords) {
        by_record_.erase(known.records.front());
        known.records.erase(known.records.begin());
    }
    known.records.push_back(record.id);
    by_record_[record.id] = known.key;
    const TunnelEndpoint before = endpoint(known.record, Side::Client);
    take_record(known, record, event.at);
    if (before == endpoint(record, Side::Client)) return;
    TunnelEvent moved = event;
    moved.kind = TunnelEventKind::Moved;
    moved.address = before.address;
    moved.port = before.port;
    apply(known, moved);
}

/// A connection that idled out may be followed by others of the same client, which are no tunnels
/// of their own as long as nobody answers.
TunnelStory* TunnelRegistry::same_ends(const TunnelRecord& record) {
    const auto client = clients_.find(client_key(record));
    if (client == clients_.end()) return nullptr;
    TunnelStory* newest = nullptr;
    for (const uint32_t key : client->second.stories) {
        TunnelStory* story = mutable_story(key);
        if (story != nullptr && story->record.port[0] == record.port[0] &&
            (newest == nullptr || story->key > newest->key))
            newest = story;
    }
    return newest;
}

TunnelStory* TunnelRegistry::create(const TunnelRecord& record, Instant at) {
    if (record.stage != TunnelStage::Candidate && confirmed_ >= kMostTunnels) {
        TunnelTally::add(counters_.unregistered);
        return nullptr;
    }
    make_room(false);
    const uint32_t key = next_key_++;
    TunnelStory& story = stories_[key];
    story.key = story.lineage = key;
    story.identity = record.session[0] != 0 ? record.session[0] : record.session[1];
    if (story.identity == 0)
        story.identity = hash_(block(record.address[0]), block(record.port[0], record.id));
    story.records = {record.id};
    by_record_[record.id] = key;
    if (record.session[0] != 0)
        by_session_[{endpoint(record, Side::Server), record.protocol, record.session[0]}] = key;
    clients_[client_key(record)].stories.push_back(key);
    story.record = record;
    story.figures = at;
    story.nat.look(record, at);
    story.confirmed = record.stage != TunnelStage::Candidate;
    if (story.unconfirmed()) unconfirmed_.push_back(key);
    recount(story);
    return &story;
}

void TunnelRegistry::take_record(TunnelStory& story, const TunnelRecord& record, Instant at) {
    const ClientKey before = client_key(story.record);
    const ClientKey after = client_key(record);
    if (before != after) {
        Client& left = clients_[before];
        std::erase(left.stories, story.key);
        if (left.stories.empty()) clients_.erase(before);
        clients_[after].stories.push_back(story.key);
    }
    const TunnelRecord known = story.record;
    story.record = record;
    story.figures = std::max(story.figures, at);
    story.nat.look(record, at);
    story.confirmed |=
        record.stage != TunnelStage::Candidate && record.stage != TunnelStage::Closed;
    if (!record.picked_up || known.picked_up) return;
    // Another worker took it up in mid-stream: what that one couldn't see is known from before.
    story.record.picked_up = false;
    story.record.started = known.started;
    story.record.established = known.established;
    story.record.session = known.session;
    story.record.wrap = known.wrap;
}

void TunnelRegistry::end(TunnelStory& story, CloseReason reason, Instant at) {
    if (story.ended) return;
    story.ended = true;
    story.ended_at = at;
    story.close_reason = reason;
    story.silent = {};
    const auto session = by_session_.find(
        {endpoint(story.record, Side::Server), story.record.protocol, story.identity});
    if (session != by_session_.end() && session->second == story.key) by_session_.erase(session);
    if (story.confirmed) ended_.push_back(story.key);
    recount(story);
}

void TunnelRegistry::revive(TunnelStory& story) {
    if (!story.ended) return;
    story.ended = false;
    story.ended_at = Instant{};
    story.close_reason = CloseReason::None;
    std::erase(ended_, story.key);
    if (story.identity != 0)
        by_session_[{endpoint(story.record, Side::Server), story.record.protocol, story.identity}] =
            story.key;
    recount(story);
}

void TunnelRegistry::forget(uint32_t key) {
    TunnelStory* story = mutable_story(key);
    if (story == nullptr) return;
    story->ended = true;
    recount(*story);
    for (const uint64_t record : story->records) {
        const auto found = by_record_.find(record);
        if (found != by_record_.end() && found->second == key) by_record_.erase(found);
    }
    const auto session = by_session_.find(
        {endpoint(story->record, Side::Server), story->record.protocol, story->identity});
    if (session != by_session_.end() && session->second == key) by_session_.erase(session);
    if (const auto client = clients_.find(client_key(story->record)); client != clients_.end()) {
        std::erase(client->second.stories, key);
        if (client->second.stories.empty()) clients_.erase(client);
    }
    stories_.erase(key);
}

void TunnelRegistry::make_room(bool confirmed) {
    if (confirmed) {
        while (ended_.size() > kMostEnded) {
            forget(ended_.front());
            ended_.pop_front();
        }
        return;
    }
    while (!unconfirmed_.empty()) {
        const TunnelStory* oldest = story(unconfirmed_.front());
        const bool still = oldest != nullptr && oldest->unconfirmed();
        if (still && unconfirmed_.size() < kMostUnconfirmed) break;
        if (still) forget(unconfirmed_.front());
        unconfirmed_.pop_front();
    }
}

void TunnelRegistry::forget_old(Instant now) {
    while (!ended_.empty()) {
        const TunnelStory* oldest = story(ended_.front());
        if (oldest != nullptr && now - oldest->ended_at <= kRememberEnded) break;
        if (oldest != nullptr) forget(ended_.front());
        ended_.pop_front();
    }
    while (!unconfirmed_.empty()) {
        const TunnelStory* oldest = story(unconfirmed_.front());
        const bool still = oldest != nullptr && oldest->unconfirmed();
        if (still &&
            now - oldest->figures <= (oldest->ended ? kRememberUnconfirmed : kAwaitUnconfirmed))
            break;
        if (still) forget(unconfirmed_.front());
        unconfirmed_.pop_front();
    }
}

void TunnelRegistry::recount(TunnelStory& story) {
    std::optional<TunnelStage> stage;
    if (!story.ended) stage = story.record.stage;
    if (stage != story.counted || story.record.protocol != story.counted_protocol) {
        if (story.counted) {
            const auto protocol = static_cast<size_t>(story.counted_protocol);
            TunnelTally::take(counters_.tunnels[protocol][static_cast<size_t>(*story.counted)]);
            if (*story.counted != TunnelStage::Candidate) --confirmed_;
        }
        if (stage) {
            const auto protocol = static_cast<size_t>(story.record.protocol);
            TunnelTally::add(counters_.tunnels[protocol][static_cast<size_t>(*stage)]);
            if (*stage != TunnelStage::Candidate) ++confirmed_;
        }
        story.counted = stage;
        story.counted_protocol = story.record.protocol;
    }
    for (size_t side = 0; side < 2; ++side) {
        const bool silent = story.silent[side] && !story.ended;
        if (silent == story.counted_silent[side]) continue;
        story.counted_silent[side] = silent;
        if (silent)
            TunnelTally::add(counters_.silent[side]);
        else
            TunnelTally::take(counters_.silent[side]);
    }
}

TunnelNews& TunnelRegistry::add_news(const TunnelStory& story, Instant at, std::string_view kind,
                                     std::string sentence) {
    if (news_.size() == kMostNews) {
        news_.pop_front();
        TunnelTally::add(counters_.news_lost);
    }
    TunnelNews& news = news_.emplace_back();
    news.at = at;
    news.story = story.key;
    news.id = export_id(story);
    news.kind = kind;
    news.sentence = std::move(sentence);
    news.record = story.record;
    return news;
}

void TunnelRegistry::tell(TunnelStory& story, const TunnelEvent& event, std::string sentence) {
    story.tell(event.at, keyword(event.kind), sentence);
    TunnelNews& news = add_news(story, event.at, keyword(event.kind), std::move(sentence));
    news.warning = news.log =
        event.kind == TunnelEventKind::Stuck || event.kind == TunnelEventKind::AnswersOld;
}

std::vector<TunnelNews> TunnelRegistry::take_news() {
    std::vector<TunnelNews> all{std::make_move_iterator(news_.begin()),
                                std::make_move_iterator(news_.end())};
    news_.clear();
    return all;
}

std::string TunnelRegistry::export_id(const TunnelStory& story) const {
    return short_hex(hash_(block(story.identity, static_cast<uint64_t>(story.record.protocol))));
}

TunnelRegistry::Found TunnelRegistry::find(std::string_view id) const {
    Found found;
    for (const auto& [key, story] : stories_) {
        if (!story.session_id().starts_with(id) && !export_id(story).starts_with(id)) continue;
        const TunnelStory* other = std::exchange(found.story, &story);
        if (other == nullptr) continue;
        // IKE and the ESP that it has agreed on have one session id, which is all that can be said:
        // the one that lives, or began last, is meant.
        const auto rank = [](const TunnelStory& one) { return std::pair{!one.ended, one.key}; };
        if (other->identity != story.identity) found.many = true;
        if (rank(*other) > rank(story)) found.story = other;
    }
    return found;
}

std::vector<const TunnelStory*> TunnelRegistry::list() const {
    std::vector<const TunnelStory*> all;
    all.reserve(stories_.size());
    for (const auto& [key, story] : stories_)
        all.push_back(&story);
    std::sort(all.begin(), all.end(), [](const TunnelStory* a, const TunnelStory* b) {
        if (a->ended != b->ended) return b->ended;
        return a->ended ? a->ended_at > b->ended_at : a->key < b->key;
    });
    return all;
}

const PeerClock* TunnelRegistry::server_clock(const TunnelStory& story) const {
    const auto found = servers_.find(server_key(story.record));
    return found == servers_.end() ? nullptr : &found->second.clock;
}

uint32_t TunnelRegistry::flap_score(const TunnelStory& story, Instant now) const {
    const auto found = clients_.find(client_key(story.record));
    if (found == clients_.end()) return 0;
    const auto& resets = found->second.resets;
    return static_cast<uint32_t>(std::count_if(
        resets.begin(), resets.end(), [now](Instant at) { return now - at <= kFlapWindow; }));
}

}  // namespace ravelin
