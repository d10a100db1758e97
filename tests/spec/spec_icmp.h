// SPDX-License-Identifier: BSD-3-Clause
#pragma once

#include "spec/spec.h"

#include <vector>

namespace ravelin::spec {

/// ICMP queries between two hosts (RFC 792, RFC 950): a request and its replies share type, code
/// and identifier; both hosts may ask, and their questions are different connections.
///
///            may ask             lives                ends
///   strict   echo                30 s from the last   when every request is answered, by a reply
///                                packet               or by an error about it
///   linux    echo, timestamp,    the same             by time only
///            information, mask
class IcmpSpec {
  public:
    /// `type` of a request: 8 echo, 13 timestamp, 15 information, 17 address mask.
    struct Query {
        Side asker = Side::Client;
        uint8_t type = 8;
        uint8_t identifier = 0;
        bool operator==(const Query&) const = default;
    };

    explicit IcmpSpec(Profile profile) : strict_{profile == Profile::Strict} {}

    Seen request(const Query& query, Time now) {
        forget(now);
        Open* open = find(query);
        if (open == nullptr) {
            const bool allowed = query.type == 8 || !strict_;
            if (!allowed) return see(Class::Invalid, now);
            open_.push_back({query, 0, false, {}});
            open = &open_.back();
        }
        ++open->unanswered;
        open->ends = now + kLife;
        return see(open->replied ? Class::Established : Class::New, now);
    }

    /// Goes to the asker.
    Seen reply(const Query& query, Time now) {
        forget(now);
        Open* open = find(query);
        if (open == nullptr) return see(Class::Invalid, now);
        open->replied = true;
        open->ends = now + kLife;
        answered(query);
        return see(Class::Established, now);
    }

    /// An ICMP error to the asker that quotes its request.
    Seen error_about_request(const Query& query, Time now) {
        forget(now);
        if (find(query) == nullptr) return see(Class::Invalid, now);
        answered(query);
        return see(Class::Related, now);
    }

    /// An ICMP error to the one who answered, quoting the reply. The question isn't concerned.
    Seen error_about_reply(const Query& query, Time now) {
        forget(now);
        return see(find(query) == nullptr ? Class::Invalid : Class::Related, now);
    }

    Seen wait(Time now) {
        forget(now);
        return see(Class::Invalid, now);
    }

  private:
    struct Open {
        Query query{};
        unsigned unanswered = 0;
        bool replied = false;
        Time ends{};
    };
    static constexpr Time kLife = 30s;

    void answered(const Query& query) {
        Open* open = find(query);
        if (open->unanswered > 0) --open->unanswered;
        if (strict_ && open->unanswered == 0)
            std::erase_if(open_, [&](const Open& each) { return each.query == query; });
    }
    void forget(Time now) {
        std::erase_if(open_, [&](const Open& each) { return each.ends <= now; });
    }
    Open* find(const Query& query) {
        for (Open& each : open_) {
            if (each.query == query) return &each;
        }
        return nullptr;
    }
    [[nodiscard]] Seen see(Class ct_class, Time now) const {
        Seen seen;
        seen.ct_class = ct_class;
        for (const Open& each : open_) {
            seen.add({.opener = each.query.asker,
                      .query = static_cast<uint16_t>(each.query.type << 8 | each.query.identifier),
                      .state = {},
                      .seen_reply = each.replied,
                      .assured = false,
                      .left = each.ends - now});
        }
        seen.sort();
        return seen;
    }

    bool strict_;
    std::vector<Open> open_;
};

}  // namespace ravelin::spec
