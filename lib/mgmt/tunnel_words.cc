// SPDX-License-Identifier: BSD-3-Clause
#include "mgmt/tunnel_words.h"

#include "mgmt/flow_format.h"
#include "packet/drop_reason.h"

#include <algorithm>

namespace ravelin {

namespace {

std::string the(Side side) {
    return std::string{"the "} + keyword(side);
}

Duration nanoseconds(uint64_t value) {
    return Duration{static_cast<int64_t>(std::min<uint64_t>(value, INT64_MAX))};
}

std::string failed_words(const TunnelEvent& event) {
    if (event.value == static_cast<uint64_t>(TunnelStage::Candidate))
        return "the handshake failed: the server never answered";
    return "the handshake failed: the server answered, but no data followed both ways";
}

std::string renegotiating_words(const TunnelEvent& event) {
    std::string text = the(event.from) + " begins another key";
    const TunnelRecord& tunnel = event.tunnel;
    if (tunnel.protocol == VpnProtocol::OpenVpn)
        text += " (key id " + std::to_string(event.value) + ")";
    if (tunnel.renegotiation_interval > 0s)
        text += ", " + seconds_text(tunnel.renegotiation_interval) + " after the last one";
    return text;
}

/// RFC 792, RFC 4443: what VPN tunnels meet.
std::string icmp_words(const TunnelEvent& event) {
    const auto type = static_cast<uint8_t>(event.value >> 8);
    const auto code = static_cast<uint8_t>(event.value);
    const bool ipv4 = event.tunnel.address[0].is_ipv4();
    if (type == (ipv4 ? 3 : 1) && code == (ipv4 ? 3 : 4)) return "port unreachable";
    if (ipv4 && type == 3 && code == 4) return "packet too big";
    if (!ipv4 && type == 2) return "packet too big";
    if (type == (ipv4 ? 3 : 1) && code == (ipv4 ? 1 : 3)) return "host unreachable";
    if (type == (ipv4 ? 3 : 1) && code == 0)
        return ipv4 ? "network unreachable" : "no route to destination";
    if (type == (ipv4 ? 11 : 3)) return "time exceeded";
    return "type " + std::to_string(type) + " code " + std::to_string(code);
}

std::string late_words(const TunnelEvent& event) {
    const auto reason = static_cast<DropReason>(
        event.value < kDropReasonCount ? event.value : static_cast<uint64_t>(DropReason::None));
    std::string text = "a packet of " + the(event.from) + " came after its connection's end";
    if (reason != DropReason::None)
        text += " and was dropped (" + std::string{keyword(reason)} + ")";
    return text;
}

std::string moved_words(const TunnelEvent& event) {
    return "the client moved from " + endpoint_text({event.address, event.port}) + " to " +
           endpoint_text(endpoint(event.tunnel, Side::Client));
}

std::string answers_old_words(const TunnelEvent& event) {
    std::string text = "the client's packets come from " +
                       endpoint_text(endpoint(event.tunnel, Side::Client)) +
                       ", but the server's answers still go to ";
    const TunnelEndpoint old{event.address, event.port};
    return text + (old == TunnelEndpoint{} ? "its old address" : endpoint_text(old));
}

std::string retried_words(const TunnelEvent& event) {
    return the(event.from) + " repeats it: no answer to " + std::to_string(event.value) +
           (event.value == 1 ? " attempt" : " attempts");
}

std::string established_words(const TunnelEvent& event) {
    return "data goes both ways, " + seconds_text(event.at - event.tunnel.started) +
           " after the handshake's first packet";
}

std::string silent_words(const TunnelEvent& event) {
    return "nothing from " + the(event.from) + " for " + seconds_text(nanoseconds(event.value)) +
           ", while " + the(opposite(event.from)) + " goes on";
}

std::string heard_words(const TunnelEvent& event) {
    std::string text = the(event.from) + " is heard again";
    if (event.value != 0)
        text += " after " + seconds_text(nanoseconds(event.value)) + " of silence";
    return text;
}

std::string path_mtu_words(const TunnelEvent& event) {
    return "the path towards " + the(event.from) + " takes no packets over " +
           std::to_string(event.value) + " bytes, says an ICMP error";
}

}  // namespace

std::string endpoint_text(const TunnelEndpoint& endpoint) {
    std::string address = endpoint.address.to_string();
    if (endpoint.port == 0) return address;
    const std::string port = ":" + std::to_string(endpoint.port);
    return endpoint.address.is_ipv4() ? address + port : "[" + address + "]" + port;
}

std::string seconds_text(Duration duration) {
    duration = std::max(Duration{0}, duration);
    if (duration < 1s) return std::to_string(duration / 1ms) + " ms";
    if (duration >= 60s) return short_duration(duration);
    const auto tenths = duration / 100ms;
    return std::to_string(tenths / 10) + "." + std::to_string(tenths % 10) + " s";
}

std::string_view protocol_name(VpnProtocol protocol) noexcept {
    switch (protocol) {
        case VpnProtocol::OpenVpn:
            return "OpenVPN";
        case VpnProtocol::WireGuard:
            return "WireGuard";
        case VpnProtocol::Ike:
            return "IKE";
        case VpnProtocol::Esp:
            return "ESP";
        case VpnProtocol::Dtls:
            return "DTLS";
        case VpnProtocol::None:
        case VpnProtocol::Count:
            break;
    }
    return "VPN";
}

std::string_view close_reason_words(CloseReason reason) noexcept {
    switch (reason) {
        case CloseReason::Idle:
            return "because nothing came for its timeout";
        case CloseReason::Fin:
            return "by FIN";
        case CloseReason::Reset:
            return "by RST";
        case CloseReason::Shutdown:
            return "by SHUTDOWN or ABORT";
        case CloseReason::Answered:
            return "because every request was answered";
        case CloseReason::IcmpError:
            return "by an ICMP error";
        case CloseReason::Replaced:
            return "because its addresses and ports were taken for a new one";
        case CloseReason::Operator:
            return "by an operator's flush";
        case CloseReason::Exit:
            return "by an exit notice inside the tunnel";
        case CloseReason::Moved:
            return "because the client goes on from another address or port";
        case CloseReason::None:
        case CloseReason::Count:
            break;
    }
    return "in an unknown way";
}

std::string event_words(const TunnelEvent& event) {
    switch (event.kind) {
        case TunnelEventKind::Started:
            return "the client begins a handshake";
        case TunnelEventKind::Retried:
            return retried_words(event);
        case TunnelEventKind::Answered:
            return "the server answers after " + seconds_text(event.at - event.tunnel.started);
        case TunnelEventKind::Established:
            return established_words(event);
        case TunnelEventKind::PickedUp:
            return "taken up in mid-stream: its handshake was not seen";
        case TunnelEventKind::Failed:
            return failed_words(event);
        case TunnelEventKind::Renegotiating:
            return renegotiating_words(event);
        case TunnelEventKind::Keepalive:
            return the(event.from) + " sends a keepalive every " +
                   seconds_text(nanoseconds(event.value));
        case TunnelEventKind::Clock:
            return the(event.from) + " shows its clock: Unix time " + std::to_string(event.value);
        case TunnelEventKind::Silent:
            return silent_words(event);
        case TunnelEventKind::Heard:
            return heard_words(event);
        case TunnelEventKind::Exit:
            return the(event.from) + (event.tunnel.ip_protocol == ip_protocol::kTcp
                                          ? " closes the TCP connection"
                                          : " says good-bye");
        case TunnelEventKind::Restart:
            return the(event.from) + " says that it restarts";
        case TunnelEventKind::Restarted:
            return "the client begins a new session on the same addresses and ports";
        case TunnelEventKind::Stuck:
            return "the handshake on the ports of an older session gets no further: the server "
                   "still holds that one; nobind or explicit-exit-notify at the client avoids it";
        case TunnelEventKind::Moved:
            return moved_words(event);
        case TunnelEventKind::AnswersOld:
            return answers_old_words(event);
        case TunnelEventKind::UnderLoad:
            return "the server is under load: it asks the client for a cookie first";
        case TunnelEventKind::IcmpError:
            return "an ICMP error (" + icmp_words(event) + ") came from the " +
                   keyword(event.from) + "'s side";
        case TunnelEventKind::PathMtu:
            return path_mtu_words(event);
        case TunnelEventKind::Late:
            return late_words(event);
        case TunnelEventKind::Ended:
            return "its connection ended " + std::string{close_reason_words(event.reason)};
        case TunnelEventKind::Resumed:
            return "it goes on with a late packet of " + the(event.from) +
                   ", as the policy for late packets wants it";
        case TunnelEventKind::Count:
            break;
    }
    return "something happened";
}

}  // namespace ravelin
