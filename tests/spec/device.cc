// SPDX-License-Identifier: BSD-3-Clause
#include "spec/device.h"

#include "conntrack/related.h"
#include "packet/icmp.h"
#include "packet/parse.h"

#include <cstdlib>

namespace ravelin::spec {

namespace {

constexpr uint8_t kWire = 0;

Instant at(Time now) {
    return Instant{} + now;
}

Class class_of(CtClass ct_class) {
    switch (ct_class) {
        case CtClass::New:
            return Class::New;
        case CtClass::Established:
            return Class::Established;
        case CtClass::Related:
            return Class::Related;
        case CtClass::Untracked:
            return Class::Untracked;
        case CtClass::Invalid:
        case CtClass::None:
        case CtClass::Stale:
            break;
    }
    return Class::Invalid;
}

constexpr std::array<std::string_view, kTcpPhaseCount> kTcpNames{
    "NONE",       "SYN_SENT", "SYN_RECV",  "ESTABLISHED", "FIN_WAIT",
    "CLOSE_WAIT", "LAST_ACK", "TIME_WAIT", "CLOSE",       "SYN_SENT2"};

}  // namespace

Device::Device(Profile profile)
    : options_{profile == Profile::Strict ? TrackingOptions::strict()
                                          : TrackingOptions::linux_profile()},
      conntrack_{std::make_unique<Conntrack>(ConntrackCapacity{kCapacity},
                                             FlowExtractor{HashSecret{1, 2, 3}}, uint8_t{0},
                                             *counters_, EventPort{}, Instant{})} {}

Frame Device::parse(testing::Bytes bytes) const {
    Frame frame{.bytes = std::move(bytes)};
    Headers& headers = frame.headers;
    if (ravelin::parse(frame.bytes, options_.parse, false, headers) != DropReason::None)
        std::abort();  // the alphabet holds no packet that isn't worth tracking
    const uint8_t* l3 = frame.bytes.data() + headers.l3_offset;
    const FlowExtractor& extractor = conntrack_->extractor();
    const bool icmp = headers.protocol == ip_protocol::kIcmp;
    if (!icmp || !is_icmp_error(headers.family, headers.icmp_type)) {
        extractor.extract(headers, l3, kWire, frame.id);
        return frame;
    }
    QuotedError error;
    frame.is_icmp_error = true;
    frame.refused =
        read_icmp_error(headers, {l3, headers.ip_length}, options_, error) != DropReason::None;
    frame.quoted_sequence = error.tcp_sequence;
    extractor.extract(error.quoted, l3 + error.quoted_offset, kWire, frame.id);
    return frame;
}

void Device::reset() {
    uint32_t cursor = 0;
    conntrack_->flush(cursor, UINT32_MAX, Instant{});
}

Class Device::receive(const Packet& packet, Time now) {
    Frame& frame = *packet.frame;
    uint8_t* l4 = frame.bytes.data() + frame.headers.l4_offset;
    if (packet.tcp) {
        store_be32(l4 + 4, packet.tcp->sequence);
        store_be32(l4 + 8, packet.tcp->acknowledges);
    }
    if (frame.refused) return Class::Invalid;
    if (frame.is_icmp_error) {
        return class_of(
            conntrack_->relate(frame.id, frame.quoted_sequence, Conntrack::kNone, options_, at(now))
                .ct_class);
    }
    const Tracked tracked =
        conntrack_->track(frame.headers, frame.id, l4, Conntrack::kNone, options_, at(now));
    if (tracked.missing && tracked.ct_class == CtClass::New &&
        conntrack_->open(frame.headers, frame.id, l4, Opening{}, options_, at(now)).reason !=
            DropReason::None) {
        std::abort();  // no sequence has as many connections as there is room
    }
    return class_of(tracked.ct_class);
}

Seen Device::look(Time now) const {
    std::array<FlowRecord, kCapacity> records;
    uint32_t cursor = 0;
    uint32_t count = 0;
    conntrack_->dump(cursor, UINT32_MAX, records, count, at(now));
    static const Address client = *Address::parse(kClient);
    Seen seen;
    for (const FlowRecord& record : std::span{records}.first(count)) {
        const bool tcp = record.protocol == ip_protocol::kTcp;
        const bool icmp = record.protocol == ip_protocol::kIcmp;
        seen.add({.opener = record.source == client ? Side::Client : Side::Server,
                  .query = icmp ? static_cast<uint16_t>((record.destination_port & 0xff00U) |
                                                        (record.source_port & 0xffU))
                                : uint16_t{0},
                  .state = tcp ? kTcpNames.at(record.state) : std::string_view{},
                  .seen_reply = (record.flags & connection_flag::kSeenReply) != 0,
                  .assured = (record.flags & connection_flag::kAssured) != 0,
                  .left = std::chrono::duration_cast<Time>(record.remaining)});
    }
    seen.sort();
    return seen;
}

}  // namespace ravelin::spec
