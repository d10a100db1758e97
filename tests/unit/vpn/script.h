// SPDX-License-Identifier: BSD-3-Clause
#pragma once

#include "support/tunnel_packets.h"
#include "support/tunnel_watch.h"

#include <gtest/gtest.h>

#include <array>
#include <memory>
#include <string>
#include <vector>

namespace ravelin::testing {

inline const TunnelObserver& observer_of(VpnProtocol protocol) {
    for (const TunnelObserver& observer : kTunnelObservers)
        if (observer.protocol == protocol) return observer;
    std::abort();
}

/// A tunnel's packets with the time at which they come; events as text.
class Script {
  public:
    Script(VpnProtocol protocol, uint16_t client_port, uint16_t server_port)
        : watch_{std::make_unique<TunnelWatch>(observer_of(protocol),
                                               std::array{client_port, server_port})} {}

    Script& at(Duration time) {
        now_ = Instant{} + time;
        return *this;
    }
    Script& client(const Bytes& payload) { return packet(Side::Client, payload); }
    Script& server(const Bytes& payload) { return packet(Side::Server, payload); }

    [[nodiscard]] const TunnelWatch& watch() const { return *watch_; }
    [[nodiscard]] const Tunnel& tunnel() const { return watch_->tunnel(); }
    [[nodiscard]] TunnelStage stage() const { return watch_->tunnel().stage; }
    [[nodiscard]] Seeing last() const { return last_; }

    /// "answered/server established/client=1000000 ...": each event since the last call, with the
    /// side that it came from, and its value where there is one.
    std::string events() {
        std::string text;
        for (; told_ < watch_->told().size(); ++told_) {
            const Told& told = watch_->told()[told_];
            if (!text.empty()) text += ' ';
            text += std::string{keyword(told.kind)} + '/' + keyword(told.from);
            if (told.value != 0) text += '=' + std::to_string(told.value);
        }
        return text;
    }

  private:
    Script& packet(Side from, const Bytes& payload) {
        // A buffer of exactly this size, so that the sanitizer sees one byte too many.
        const std::vector<uint8_t> bytes(payload);
        last_ = watch_->packet(from, bytes, now_);
        return *this;
    }

    std::unique_ptr<TunnelWatch> watch_;
    Instant now_{};
    Seeing last_ = Seeing::Fits;
    size_t told_ = 0;
};

}  // namespace ravelin::testing
