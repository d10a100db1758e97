// SPDX-License-Identifier: BSD-3-Clause
#pragma once

#include "vpn/observer.h"

#include <array>
#include <cstdint>
#include <cstring>
#include <span>
#include <vector>

namespace ravelin::testing {

/// One protocol's pair of functions.
struct TunnelObserver {
    VpnProtocol protocol = VpnProtocol::None;
    bool (*begins)(const Seen&, Tunnel&) noexcept = nullptr;
    Seeing (*observe)(Tunnel&, const Seen&, TunnelDesk&) noexcept = nullptr;
};

inline constexpr std::array kTunnelObservers = {
    TunnelObserver{VpnProtocol::OpenVpn, openvpn::begins, openvpn::observe},
    TunnelObserver{VpnProtocol::WireGuard, wireguard::begins, wireguard::observe},
    TunnelObserver{VpnProtocol::Ike, ipsec::begins, ipsec::observe},
    TunnelObserver{VpnProtocol::Dtls, dtls::begins, dtls::observe},
};

/// What an observer told.
struct Told {
    TunnelEventKind kind{};
    Side from{};
    Instant at{};
    uint64_t value = 0;
};

/// One connection before one observer, in the way that the contract says: its first packet decides
/// whether it may be a tunnel, at most sixteen are looked at before it is confirmed, and plain data
/// passes the observer by.
class TunnelWatch final : public TunnelDesk {
  public:
    static constexpr uint8_t kMaxInspected = 16;

    TunnelWatch(const TunnelObserver& observer, std::array<uint16_t, 2> ports)
        : observer_{observer}, ports_{ports} {}

    /// What the observer said; Reject also when it was given up.
    Seeing packet(Side from, std::span<const uint8_t> payload, Instant now) {
        const Seen seen{payload, from, now, ports_};
        if (!asked_) {
            asked_ = true;
            if (payload.empty()) return Seeing::Reject;
            tunnel_.started = tunnel_.changed = now;
            watched_ = observer_.begins(seen, tunnel_);
            tunnel_.inspected = 1;
            return watched_ ? Seeing::Fits : Seeing::Reject;
        }
        if (!watched_) return Seeing::Reject;
        if (payload.empty()) return Seeing::Fits;  // there is nothing to observe
        const auto side = static_cast<size_t>(from);
        if (payload.size() > tunnel_.small[side] && payload[0] == tunnel_.data_byte[side]) {
            ++passed_;
            ++tunnel_.data_packets[side];
            tunnel_.disturbed[side] = true;
            std::memcpy(&tunnel_.counter[side], payload.data() + tunnel_.counter_at, 4);
            return Seeing::Fits;
        }
        const bool confirmed = tunnel_.confirmed();
        if (!confirmed && tunnel_.inspected == kMaxInspected) {
            watched_ = false;
            return Seeing::Reject;
        }
        if (!confirmed) ++tunnel_.inspected;
        ++observed_;
        const Seeing seeing = observer_.observe(tunnel_, seen, *this);
        if (seeing == Seeing::Reject && !confirmed) watched_ = false;
        return seeing;
    }

    void tell(const Tunnel& /*tunnel*/, TunnelEventKind kind, Side from, Instant now,
              uint64_t value) noexcept override {
        told_.push_back({kind, from, now, value});
    }

    [[nodiscard]] bool watched() const { return watched_; }
    [[nodiscard]] bool confirmed() const { return watched_ && tunnel_.confirmed(); }
    [[nodiscard]] const Tunnel& tunnel() const { return tunnel_; }
    [[nodiscard]] const std::vector<Told>& told() const { return told_; }
    /// Data packets that passed the observer by.
    [[nodiscard]] size_t passed() const { return passed_; }
    [[nodiscard]] size_t observed() const { return observed_; }

  private:
    TunnelObserver observer_;
    std::array<uint16_t, 2> ports_;
    Tunnel tunnel_;
    std::vector<Told> told_;
    size_t passed_ = 0;
    size_t observed_ = 0;
    bool asked_ = false;
    bool watched_ = false;
};

}  // namespace ravelin::testing
