// SPDX-License-Identifier: BSD-3-Clause
#include "mgmt/tunnel_registry.h"
#include "vpn/tunnels.h"

#include <algorithm>
#include <utility>

namespace ravelin {

namespace {

/// A handshake that nobody answered for so long counts as unanswered.
constexpr Duration kAnswerPatience = 10s;
/// So long an old tunnel has to fall silent when a new one of its client begins beside it.
constexpr Duration kDoubt = 15s;
/// Clients that come back within this time of each other do so at once.
constexpr Duration kAtOnce = 10s;
/// What begins and what falls silent within this time of each other may be cause and effect.
constexpr Duration kJustThen = 1s;
constexpr size_t kMostReturns = 64;
constexpr Duration kRivalry = 1h;
constexpr Duration kUsualKeepalive = 10s;

/// How far apart two tunnels of one server may have been heard last, when both went on until the
/// same moment.
Duration tolerance(Duration keepalive) {
    return (keepalive == 0s ? kUsualKeepalive : keepalive) * 5 / 4 + 1s;
}

/// How well an old tunnel explains a new handshake, best first.
enum class Fit : uint8_t { ServerSilent, Over, ClientSilent, BothAlive };

/// Whether one side took it for a tunnel: the client sent data, though nothing may have come back,
/// or the server went on when its connection had ended here.
bool was_tunnel(const TunnelStory& story) {
    return story.was_established() ||
           (story.confirmed && (story.record.data_packets[kClient] != 0 || story.late != 0));
}

/// How long both sides had not been heard at `at`.
void note_silence(ResetEvidence& e, const TunnelStory& old, Instant at) {
    e.at = at;
    e.keepalive = old.record.keepalive;
    e.both_ping = old.record.protocol == VpnProtocol::OpenVpn;
    e.told_silent = old.silent;
    for (size_t side = 0; side < 2; ++side)
        e.last_seen[side] = std::min(old.record.last_seen[side], at);
}

Fit fit(const TunnelStory& old, Instant at) {
    ResetEvidence evidence;
    note_silence(evidence, old, at);
    const bool gone =
        old.good_bye || old.ended || old.port_unreachable[kClient] > old.last_seen(Side::Client);
    if (!gone && !evidence.client_silent() && evidence.server_silent()) return Fit::ServerSilent;
    if (gone) return Fit::Over;
    return evidence.client_silent() ? Fit::ClientSilent : Fit::BothAlive;
}

void prune(std::deque<Instant>& times, Instant now, Duration window) {
    while (!times.empty() && now - times.front() > window)
        times.pop_front();
}

}  // namespace

void TunnelRegistry::begin_trial(TunnelStory& fresh, uint32_t old, Instant at) {
    if (trials_.size() >= kMostTrials) return;
    const auto client = clients_.find(client_key(fresh.record));
    if (client == clients_.end()) return;
    const auto& stories = client->second.stories;
    const bool had_another = std::any_of(stories.begin(), stories.end(), [&](uint32_t key) {
        const TunnelStory* other = story(key);
        return key != fresh.key && other != nullptr && was_tunnel(*other);
    });
    if (!had_another) return;
    Trial& trial = trials_.emplace_back();
    trial.fresh = fresh.key;
    trial.at = at;
    trial.deadline = at + kAnswerPatience;
    trial.same_ports = old != 0;
    TunnelStory* known = mutable_story(old);
    if (known == nullptr) return;
    if (was_tunnel(*known))
        choose(trial, *known);
    else
        trials_.pop_back();
}

void TunnelRegistry::answer_trials(const TunnelStory& fresh, bool answered) {
    for (Trial& trial : trials_)
        if (trial.fresh == fresh.key) (answered ? trial.answered : trial.unanswered) = true;
}

uint32_t TunnelRegistry::best_predecessor(const Trial& trial) const {
    const TunnelStory* fresh = story(trial.fresh);
    const auto client =
        fresh == nullptr ? clients_.end() : clients_.find(client_key(fresh->record));
    if (client == clients_.end()) return 0;
    const TunnelStory* best = nullptr;
    for (const uint32_t key : client->second.stories) {
        const TunnelStory* other = story(key);
        if (other == nullptr || key == trial.fresh || other->successor != 0 ||
            !was_tunnel(*other) || other->record.started > trial.at)
            continue;
        // A tunnel that goes on beside the new one is another device's.
        if (trial.doubtful && other->last_seen(Side::Client) > trial.at + 1s) continue;
        if (best == nullptr) {
            best = other;
            continue;
        }
        const Fit mine = fit(*other, trial.at);
        const Fit theirs = fit(*best, trial.at);
        const bool later = other->last_seen(Side::Client) > best->last_seen(Side::Client);
        if (mine < theirs || (mine == theirs && later)) best = other;
    }
    return best == nullptr ? 0 : best->key;
}

void TunnelRegistry::choose_predecessors(Instant now) {
    std::erase_if(trials_, [&](Trial& trial) {
        const bool late = trial.doubtful && now >= trial.deadline;
        if (trial.old != 0 && !late) return false;
        TunnelStory* old = mutable_story(best_predecessor(trial));
        if (old == nullptr) return true;
        if (late) {
            trial.old = old->key;
            trial.doubtful = false;
            gather(trial, *old);
        } else {
            choose(trial, *old);
        }
        return false;
    });
}

void TunnelRegistry::choose(Trial& trial, TunnelStory& old) {
    trial.old = old.key;
    gather(trial, old);
    const ResetEvidence& evidence = trial.evidence;
    const bool alive = !trial.same_ports && fit(old, trial.at) == Fit::BothAlive;
    if (alive) {
        trial.doubtful = true;
        trial.deadline = trial.at + std::max(kDoubt, silence_limit(evidence.keepalive[kClient]));
    } else if (TunnelStory* fresh = mutable_story(trial.fresh); fresh != nullptr) {
        fresh->lineage = old.lineage;
    }
    if (!evidence.server_silent() && !evidence.client_silent()) {
        alive_returns_.emplace_back(trial.at, client_key(old.record));
        if (alive_returns_.size() > kMostReturns) alive_returns_.pop_front();
    }
    if (evidence.server_silent() && !evidence.client_silent()) look_for_rival(trial, old);
}

void TunnelRegistry::gather(Trial& trial, const TunnelStory& old) const {
    ResetEvidence& e = trial.evidence;
    note_silence(e, old, trial.at);
    for (size_t side = 0; side < 2; ++side) {
        e.port_unreachable[side] = old.port_unreachable[side] != Instant{} &&
                                   old.port_unreachable[side] >= e.last_seen[side] &&
                                   old.port_unreachable[side] <= trial.at;
    }
    const Instant refused = old.port_unreachable[kClient];
    e.last_refused = refused != Instant{} && refused <= trial.at &&
                     refused + TunnelTable::kRound >= e.last_seen[kServer];
    if (old.nat.times() >= NatMemory::kConvincing) e.nat_forgets = old.nat.at_most();
    if (old.good_bye) e.good_bye[static_cast<size_t>(*old.good_bye)] = true;
    e.flushed = old.ended && old.close_reason == CloseReason::Operator;
    if (old.late != 0 && old.last_late > e.last_seen[kServer]) {
        e.dropped = old.late;
        e.drop = old.last_drop;
    }
    // Without adaptive timeouts nothing was granted: how long it took is what tells.
    const Instant heard = std::max(e.last_seen[kClient], e.last_seen[kServer]);
    e.ended_early = old.ended && old.close_reason == CloseReason::Idle && heard != Instant{} &&
                    old.ended_at - heard < silence_limit(e.keepalive[kClient]);
    e.answers_old = old.answers_old != Instant{} && trial.at - old.answers_old <= kFlapWindow;
    if (old.renegotiated != Instant{} && e.last_seen[kServer] > old.renegotiated)
        e.since_renegotiation = e.last_seen[kServer] - old.renegotiated;
    e.client = endpoint_text(endpoint(old.record, Side::Client));
    if (e.server_silent()) count_witnesses(trial, old);
}

void TunnelRegistry::count_witnesses(Trial& trial, const TunnelStory& old) const {
    ResetEvidence& e = trial.evidence;
    e.silent_too = e.alive = 0;
    const Instant silent_since = e.last_seen[kServer];
    for (const auto& [key, other] : stories_) {
        if (key == old.key || key == trial.fresh || other.lineage == old.lineage ||
            !other.was_established() || server_key(other.record) != server_key(old.record))
            continue;
        // One that began later only proves that handshakes are answered.
        if (other.record.established > silent_since + kJustThen) continue;
        const Duration reach = tolerance(std::max(server_keepalive(old.record.keepalive),
                                                  server_keepalive(other.record.keepalive)));
        const Duration after = other.last_seen(Side::Server) - silent_since;
        if (after > reach) {
            ++e.alive;
            continue;
        }
        // What began just then may have been what silenced this one, and what its client had
        // already replaced was silent for reasons of its own.
        const TunnelStory* next = story(other.successor);
        const bool replaced = next != nullptr && next->record.started <= silent_since + kJustThen;
        const bool began_just_then = other.record.established >= silent_since - kJustThen;
        if (after >= -reach && !other.good_bye && !replaced && !began_just_then) ++e.silent_too;
    }
}

void TunnelRegistry::look_for_rival(Trial& trial, const TunnelStory& old) {
    ResetEvidence& e = trial.evidence;
    const Instant silent_since = e.last_seen[kServer];
    const Duration reach = tolerance(server_keepalive(old.record.keepalive));
    const TunnelStory* rival = nullptr;
    const auto distance = [&](const TunnelStory& other) {
        return std::chrono::abs(other.record.established - silent_since);
    };
    for (const auto& [key, other] : stories_) {
        if (other.lineage == old.lineage || key == trial.fresh || !other.was_established() ||
            other.record.established == Instant{} ||
            server_key(other.record) != server_key(old.record))
            continue;
        const Duration after = other.record.established - silent_since;
        if (after < -kJustThen || after > reach) continue;
        if (rival == nullptr || distance(other) < distance(*rival)) rival = &other;
    }
    if (rival == nullptr) return;
    e.rival = endpoint_text(endpoint(rival->record, Side::Client));

    std::erase_if(rivalries_,
                  [&](const auto& entry) { return trial.at - entry.second.last > kRivalry; });
    const auto pair = std::minmax(old.lineage, rival->lineage);
    if (!rivalries_.contains(pair) && rivalries_.size() >= kMostRivals) return;
    // On a busy server some session always begins just then; the same two in turn is no chance.
    Rivalry& rivalry = rivalries_[pair];
    if (rivalry.count == 0) rivalry.first = silent_since;
    if (rivalry.last_loser != old.lineage) ++rivalry.count;
    rivalry.last_loser = old.lineage;
    rivalry.last = silent_since;
    e.alternations = rivalry.count;
    if (rivalry.count > 1) e.period = (rivalry.last - rivalry.first) / (rivalry.count - 1);
}

bool TunnelRegistry::settled(Trial& trial, Instant now) const {
    if (trial.old == 0) return false;
    if (trial.doubtful) {
        const TunnelStory* old = story(trial.old);
        const bool gone = old == nullptr || old->ended || old->silent[kClient] ||
                          old->port_unreachable[kClient] >= trial.at;
        if (!gone) return false;
        trial.doubtful = false;
    }
    return trial.answered || trial.unanswered || now - trial.at >= kAnswerPatience;
}

void TunnelRegistry::decide(Instant now) {
    // What is pronounced may not be looked at again while it is.
    std::vector<Trial> ripe;
    std::erase_if(trials_, [&](Trial& trial) {
        const bool done = settled(trial, now);
        if (done) ripe.push_back(trial);
        return done;
    });
    for (Trial& trial : ripe) {
        TunnelStory* fresh = mutable_story(trial.fresh);
        TunnelStory* old = mutable_story(trial.old);
        if (fresh != nullptr && old != nullptr) pronounce(trial, *fresh, *old);
    }
}

void TunnelRegistry::pronounce(Trial& trial, TunnelStory& fresh, TunnelStory& old) {
    ResetEvidence& e = trial.evidence;
    e.answered = trial.answered;
    if (const auto server = servers_.find(server_key(old.record)); server != servers_.end()) {
        const Instant stepped = server->second.stepped_back;
        e.clock_stepped_back = stepped != Instant{} && stepped >= e.last_seen[kServer] - 5s;
    }
    const ClientKey own = client_key(old.record);
    if (const auto client = clients_.find(client_key(fresh.record)); client != clients_.end()) {
        prune(client->second.unexplained, trial.at, kFlapWindow);
        e.unexplained = static_cast<uint32_t>(client->second.unexplained.size());
    }
    e.at_once = static_cast<uint32_t>(
        std::count_if(alive_returns_.begin(), alive_returns_.end(), [&](const auto& entry) {
            return std::chrono::abs(entry.first - trial.at) <= kAtOnce &&
                   std::get<0>(entry.second) != std::get<0>(own) &&
                   std::get<1>(entry.second) == std::get<1>(own);
        }));
    const TunnelJudgement judgement = judge(e);

    old.successor = fresh.key;
    fresh.predecessor = old.key;
    fresh.lineage = old.lineage;
    fresh.verdict = judgement.verdict;
    const TunnelVerdictInfo& info = kTunnelVerdicts[static_cast<size_t>(judgement.verdict)];
    fresh.verdict_text = std::string{info.meaning} + ": " + judgement.sentence;
    const std::string sentence =
        "its client had another tunnel until now and came back because " + fresh.verdict_text;
    old.tell(trial.at, "verdict", "its client began another tunnel: " + fresh.verdict_text);
    fresh.tell(trial.at, "verdict", sentence);
    TunnelTally::add(counters_.resets[static_cast<size_t>(judgement.verdict)]);
    if (e.after_renegotiation()) TunnelTally::add(counters_.resets_after_renegotiation);
    TunnelNews& news = add_news(fresh, std::max(trial.at, now_), "verdict", sentence);
    news.verdict = judgement.verdict;
    news.log = true;
    news.warning = judgement.verdict != TunnelVerdict::Graceful &&
                   judgement.verdict != TunnelVerdict::ClientOffline;
    score(fresh, judgement, trial.at);
}

void TunnelRegistry::score(TunnelStory& fresh, const TunnelJudgement& judgement, Instant at) {
    if (judgement.verdict == TunnelVerdict::Graceful) return;
    Client& client = clients_[client_key(fresh.record)];
    if (judgement.verdict == TunnelVerdict::ClientRestart ||
        judgement.verdict == TunnelVerdict::NatBeyond)
        client.unexplained.push_back(at);
    client.resets.push_back(at);
    prune(client.resets, at, kFlapWindow);
    while (client.resets.size() > 64)
        client.resets.pop_front();
    while (client.unexplained.size() > 64)
        client.unexplained.pop_front();
    const bool flaps = client.resets.size() >= kFlapAlert;
    if (!flaps) client.alerted = false;
    if (!flaps || std::exchange(client.alerted, true)) return;
    TunnelTally::add(counters_.flaps);
    const Duration span = client.resets.back() - client.resets.front();
    std::string sentence = "the client came back " + std::to_string(client.resets.size()) +
                           " times within ten minutes, about every " +
                           seconds_text(span / static_cast<int64_t>(client.resets.size() - 1)) +
                           "; the last time because " + fresh.verdict_text;
    fresh.tell(at, "flap", sentence);
    TunnelNews& news = add_news(fresh, at, "flap", std::move(sentence));
    news.verdict = judgement.verdict;
    news.warning = news.log = true;
}

}  // namespace ravelin
