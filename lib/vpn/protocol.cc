// SPDX-License-Identifier: BSD-3-Clause
#include "vpn/protocol.h"

#include "vpn/tunnel_record.h"

#include <array>

namespace ravelin {

namespace {

constexpr std::array<const char*, kVpnProtocolCount> kProtocols = {"none", "openvpn", "wireguard",
                                                                   "ike",  "esp",     "dtls"};
constexpr std::array<const char*, static_cast<size_t>(ControlWrap::Count)> kWraps = {
    "none", "plain", "tls-auth", "tls-crypt", "tls-crypt-v2", "unknown"};
constexpr std::array<const char*, 2> kSides = {"client", "server"};
constexpr std::array<const char*, kTunnelStageCount> kStages = {"candidate", "handshake",
                                                                "established", "closing", "closed"};
constexpr std::array<const char*, kTunnelEventKindCount> kEvents = {
    "started",       "retried",   "answered", "established", "picked_up",   "failed",
    "renegotiating", "keepalive", "clock",    "silent",      "heard",       "exit",
    "restart",       "restarted", "stuck",    "moved",       "answers_old", "under_load",
    "icmp_error",    "path_mtu",  "late",     "ended",       "resumed"};

}  // namespace

const char* keyword(VpnProtocol protocol) noexcept {
    return kProtocols[static_cast<size_t>(protocol)];
}

const char* keyword(ControlWrap wrap) noexcept {
    return kWraps[static_cast<size_t>(wrap)];
}

const char* keyword(Side side) noexcept {
    return kSides[static_cast<size_t>(side)];
}

const char* keyword(TunnelStage stage) noexcept {
    return kStages[static_cast<size_t>(stage)];
}

const char* keyword(TunnelEventKind kind) noexcept {
    return kEvents[static_cast<size_t>(kind)];
}

}  // namespace ravelin
