// SPDX-License-Identifier: BSD-3-Clause
#pragma once

#include "support/bytes.h"
#include "vpn/observer.h"

#include <string>
#include <vector>

namespace ravelin::testing {

/// Keeps what an observer tells, in words: "clock server 1700000000".
class WatchingDesk final : public TunnelDesk {
  public:
    void tell(const Tunnel&, TunnelEventKind kind, Side from, Instant,
              uint64_t value) noexcept override {
        told.push_back(std::string{keyword(kind)} + " " + keyword(from) + " " +
                       std::to_string(value));
    }
    std::vector<std::string> take() { return std::exchange(told, {}); }

    std::vector<std::string> told;
};

/// One observer, one tunnel, a clock that the test moves.
class Watched {
  public:
    using Begins = bool (*)(const Seen&, Tunnel&);
    using Observe = Seeing (*)(Tunnel&, const Seen&, TunnelDesk&);
    Watched(Begins begins, Observe observe) : begins_{begins}, observe_{observe} {}

    bool begin(const Bytes& payload) {
        tunnel.started = tunnel.changed = now;
        return begins_(seen(Side::Client, payload), tunnel);
    }
    Seeing see(Side from, const Bytes& payload) {
        return observe_(tunnel, seen(from, payload), desk);
    }
    Seeing client(const Bytes& payload) { return see(Side::Client, payload); }
    Seeing server(const Bytes& payload) { return see(Side::Server, payload); }

    Tunnel tunnel;
    WatchingDesk desk;
    Instant now{1000s};

  private:
    [[nodiscard]] Seen seen(Side from, const Bytes& payload) const {
        return {.payload = payload, .from = from, .now = now, .port = {40000, 1194}};
    }
    Begins begins_;
    Observe observe_;
};

}  // namespace ravelin::testing
