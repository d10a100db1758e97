// SPDX-License-Identifier: BSD-3-Clause
#include "pipeline/ntp.h"

#include "pipeline/query.h"
#include "pipeline/shard.h"

namespace ravelin {

namespace {

/// Of client and server, whatever port the client has this time; never 0.
uint64_t key_of(const Packet& packet, bool from_server, const FlowExtractor& extractor) noexcept {
    FlowKey key = packet.id.key;
    const bool client_is_low = packet.id.swapped == from_server;
    (client_is_low ? key.low_port : key.high_port) = 0;
    return extractor.hash64(key);
}

void request(NtpEntry& entry, const NtpPacket& message, const Packet& packet, Shard& shard,
             Instant now) noexcept {
    NtpRecord& record = entry.record;
    const PortRole& role = shard.topology.ports[packet.frame.port];
    const Query query = query_of(packet);
    record.client = query.source;
    record.server = query.destination;
    record.wire = role.wire;
    record.shard = shard.index;
    record.client_inside = role.inside;
    record.last_request = now;
    ++record.requests;
    if (record.unanswered != UINT32_MAX) ++record.unanswered;
    shard.counters.ntp_requests.add();
    entry.request = message;
    entry.asked = now;
    entry.waits = true;
}

void answer(NtpEntry& entry, const NtpPacket& message, Shard& shard, Instant now) noexcept {
    NtpRecord& record = entry.record;
    const bool basic = message.originate == entry.request.transmit;
    // RFC 9769 3: the client has put the time of the last answer there.
    const bool interleaved =
        entry.request.receive != 0 && message.originate == entry.request.receive;
    if (!entry.waits || !(basic || interleaved)) return;
    entry.waits = false;
    record.last_answer = now;
    ++record.answers;
    record.unanswered = 0;
    record.synchronised = message.is_synchronised();
    record.leap = message.leap;
    record.stratum = message.stratum;
    record.reference_id = message.reference_id;
    record.asked = entry.asked;
    record.client_sent = entry.request.transmit;
    record.server_got = basic ? message.receive : 0;
    record.server_sent = basic ? message.transmit : 0;
    (record.synchronised ? shard.counters.ntp_answers : shard.counters.ntp_bad_answers).add();
}

}  // namespace

[[gnu::noinline]] bool observe_ntp(const Packet& packet, std::span<const uint8_t> payload,
                                   Shard& shard, Instant now) noexcept {
    const auto message = NtpPacket::read(payload);
    if (!message || message->from_server != (packet.direction == Direction::Reply)) return false;
    const uint64_t key = key_of(packet, message->from_server, shard.conntrack.extractor());
    if (!message->from_server) {
        request(shard.ntp.of(key), *message, packet, shard, now);
    } else if (NtpEntry* const entry = shard.ntp.find(key)) {
        answer(*entry, *message, shard, now);
    }
    return true;
}

}  // namespace ravelin
