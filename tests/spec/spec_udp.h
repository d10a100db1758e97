// SPDX-License-Identifier: BSD-3-Clause
#pragma once

#include "spec/spec.h"

namespace ravelin::spec {

/// UDP between two ports: one connection, or none yet.
///
///            unreplied   replied                        assured
///   strict   30 s        180 s from the first reply on  from the third packet, one each way
///   linux    30 s        30 s, later than 2 s after     by the packet that gets the 120 s
///                        the start 120 s
///
/// With `linux` the first reply, however late it comes, is judged as if nobody had replied yet.
class UdpSpec {
  public:
    explicit UdpSpec(Profile profile) : strict_{profile == Profile::Strict} {}

    Seen datagram(Side from, Time now) {
        if (!alive(now)) {
            *this = UdpSpec{strict_ ? Profile::Strict : Profile::Linux};
            exists_ = true;
            opener_ = from;
            began_ = now;
        }
        ++packets_;
        const bool replied_before = replied_;
        if (from != opener_) replied_ = true;
        ends_ = now + lifetime(replied_before, now);
        Seen seen = look(now);
        seen.ct_class = replied_ ? Class::Established : Class::New;
        return seen;
    }

    /// An ICMP error comes to `to` and quotes a datagram that `to` has sent.
    Seen error(Side to, Time now) {
        static_cast<void>(to);  // who is told makes no difference
        const bool matches = alive(now);
        // Nobody has answered, and now it is known that nobody will.
        if (strict_ && matches && !replied_) exists_ = false;
        Seen seen = look(now);
        seen.ct_class = matches ? Class::Related : Class::Invalid;
        return seen;
    }

    [[nodiscard]] Seen look(Time now) const {
        Seen seen;
        if (alive(now)) {
            seen.add({.opener = opener_,
                      .query = 0,
                      .state = {},
                      .seen_reply = replied_,
                      .assured = assured_,
                      .left = ends_ - now});
        }
        return seen;
    }

  private:
    Time lifetime(bool replied_before, Time now) {
        if (strict_) {
            if (replied_ && packets_ >= 3) assured_ = true;
            return replied_ ? 180s : 30s;
        }
        if (!replied_before || now <= began_ + 2s) return 30s;
        assured_ = true;
        return 120s;
    }
    [[nodiscard]] bool alive(Time now) const { return exists_ && now < ends_; }

    bool strict_;
    bool exists_ = false;
    Side opener_ = Side::Client;
    bool replied_ = false;
    bool assured_ = false;
    unsigned packets_ = 0;
    Time began_{};
    Time ends_{};
};

}  // namespace ravelin::spec
