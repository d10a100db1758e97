// SPDX-License-Identifier: BSD-3-Clause
#pragma once

#include "fake_appliance.h"
#include "mgmt/tunnel_registry.h"
#include "packet/headers.h"

#include <algorithm>
#include <string>
#include <vector>

namespace ravelin::test {

inline constexpr Duration kScriptWall = 1700000000s;

/// An established OpenVPN tunnel's record: client 198.51.100.2:40000 + `number`, server
/// 192.0.2.20:1194, keepalive 8 s both ways.
inline TunnelRecord openvpn_record(uint32_t number, uint8_t worker = 0) {
    TunnelRecord record;
    record.id = uint64_t{worker} << 32 | (number + 1);
    record.worker = worker;
    record.address = {ipv4(0xc6336402), ipv4(0xc0000214)};
    record.port = {static_cast<uint16_t>(40000 + number), 1194};
    record.ip_protocol = ip_protocol::kUdp;
    record.protocol = VpnProtocol::OpenVpn;
    record.wrap = ControlWrap::TlsAuth;
    record.session = {uint64_t{0x43e5c0de00000000} + number, 0};
    return record;
}

/// Tells a registry what a worker would: keeps each tunnel's record as the worker has it.
class TunnelScript {
  public:
    explicit TunnelScript(bool synchronised = true) : registry{counters, HashSecret{}} {
        registry.set_wall(kScriptWall, synchronised);
    }

    TunnelTally counters;
    TunnelRegistry registry;
    std::vector<TunnelNews> news;  ///< so far

    void tell(TunnelRecord& record, TunnelEventKind kind, Duration at, Side from = Side::Client,
              uint64_t value = 0) {
        TunnelEvent event = make(record, kind, at, from);
        event.value = value;
        feed(event);
    }
    void feed(const TunnelEvent& event) {
        registry.feed(event);
        gather();
    }
    static TunnelEvent make(const TunnelRecord& record, TunnelEventKind kind, Duration at,
                            Side from = Side::Client) {
        TunnelEvent event;
        event.kind = kind;
        event.from = from;
        event.at = Instant{at};
        event.tunnel = record;
        return event;
    }
    /// The first packet of a handshake.
    void start(TunnelRecord& record, Duration at) {
        record.started = record.last_seen[0] = Instant{at};
        record.stage = TunnelStage::Candidate;
        tell(record, TunnelEventKind::Started, at, Side::Client, record.session[0]);
    }
    void answer(TunnelRecord& record, Duration at) {
        record.stage = TunnelStage::Handshake;
        record.last_seen[1] = Instant{at};
        tell(record, TunnelEventKind::Answered, at, Side::Server);
    }
    /// A whole handshake: answered after 10 ms, established after 50.
    void establish(TunnelRecord& record, Duration at) {
        start(record, at);
        answer(record, at + 10ms);
        record.stage = TunnelStage::Established;
        record.established = Instant{at + 50ms};
        record.last_seen = {Instant{at + 50ms}, Instant{at + 50ms}};
        tell(record, TunnelEventKind::Established, at + 50ms);
        record.keepalive = {8s, 8s};
    }
    void end(TunnelRecord& record, Duration at, CloseReason reason) {
        record.stage = TunnelStage::Closed;
        TunnelEvent event = make(record, TunnelEventKind::Ended, at);
        event.reason = reason;
        feed(event);
    }
    static void heard(TunnelRecord& record, Duration client, Duration server) {
        record.last_seen = {Instant{client}, Instant{server}};
    }
    /// Workers tell their figures.
    void figures(const std::vector<TunnelRecord>& records, Duration now) {
        registry.update(records, Instant{now});
        advance(now);
    }
    void advance(Duration now) {
        registry.advance(Instant{now});
        gather();
    }

    [[nodiscard]] size_t count(std::string_view kind) const {
        return static_cast<size_t>(std::count_if(
            news.begin(), news.end(), [&](const TunnelNews& one) { return one.kind == kind; }));
    }
    /// The last one of that kind, or nothing.
    [[nodiscard]] TunnelNews last(std::string_view kind) const {
        const auto found = std::find_if(news.rbegin(), news.rend(),
                                        [&](const TunnelNews& one) { return one.kind == kind; });
        return found == news.rend() ? TunnelNews{} : *found;
    }
    [[nodiscard]] std::string verdict() const {
        const TunnelNews found = last("verdict");
        return found.verdict ? std::string{keyword(*found.verdict)} : "none";
    }

  private:
    void gather() {
        for (TunnelNews& one : registry.take_news())
            news.push_back(std::move(one));
    }
};

}  // namespace ravelin::test
