// SPDX-License-Identifier: BSD-3-Clause
#include "appliance.h"

#include <cstring>

namespace ravelin::differential {

namespace {

constexpr uint8_t kOutside = 0;
constexpr uint8_t kInside = 1;
constexpr FragmentCapacity kFragments{.datagrams = 1U << 14, .fragments = 1U << 16};

Runtime allow_all(const TrackingOptions& tracking, uint16_t generation) {
    Runtime runtime;
    runtime.generation = generation;
    runtime.tracking = tracking;
    runtime.policy.default_allow[kOutside] = true;
    runtime.policy.default_allow[kInside] = true;
    return runtime;
}

void copy_address(const Address& from, Family family, std::array<uint8_t, 16>& to) {
    if (family == Family::Ipv6) {
        to = from.bytes;
    } else {
        std::memcpy(to.data(), from.bytes.data() + 12, 4);
    }
}

Entry entry_of(const FlowRecord& record) {
    Entry entry;
    entry.original.family = record.family;
    entry.original.protocol = record.protocol;
    entry.original.source_port = record.source_port;
    entry.original.destination_port = record.destination_port;
    copy_address(record.source, record.family, entry.original.source);
    copy_address(record.destination, record.family, entry.original.destination);
    entry.reply = inverted(entry.original);
    const bool has_state =
        record.protocol == ip_protocol::kTcp || record.protocol == ip_protocol::kSctp;
    entry.state = has_state ? record.state : 0;
    entry.seen_reply = (record.flags & connection_flag::kSeenReply) != 0;
    entry.assured = (record.flags & connection_flag::kAssured) != 0;
    entry.packets = record.packets;
    entry.bytes = record.bytes;
    entry.remaining = record.remaining;
    entry.age = record.age;
    entry.vlan = record.outer_vlan;
    return entry;
}

}  // namespace

uint32_t WindowIo::receive(uint32_t, Burst& burst) noexcept {
    const size_t count = std::min<size_t>(chosen_.size(), kBurstSize);
    for (size_t i = 0; i < count; ++i) {
        Passage& passage = passages_[chosen_[i]];
        burst.add({.buffer = &passage,
                   .data = passage.bytes.data(),
                   .length = static_cast<uint32_t>(passage.bytes.size()),
                   .port = static_cast<uint8_t>(passage.side)});
    }
    chosen_ = chosen_.subspan(count);
    return static_cast<uint32_t>(count);
}

uint32_t WindowIo::transmit(uint8_t, std::span<void*> buffers) noexcept {
    for (void* buffer : buffers)
        static_cast<Passage*>(buffer)->ravelin.came_out = true;
    return static_cast<uint32_t>(buffers.size());
}

void WindowIo::observe(const Packet& packet) noexcept {
    Verdict& verdict = static_cast<Passage*>(packet.frame.buffer)->ravelin;
    verdict.ct_class = packet.ct_class;
    verdict.direction = packet.direction;
    verdict.reason = packet.reason;
    observed_.push_back(packet);
}

Appliance::Appliance(uint32_t capacity)
    : runtime_{std::make_unique<const Runtime>(allow_all(TrackingOptions::linux_profile(), 1))},
      records_(capacity) {
    topology_.port_count = 2;
    topology_.ports[kOutside] = {.peer = kInside, .wire = 0, .inside = false};
    topology_.ports[kInside] = {.peer = kOutside, .wire = 0, .inside = true};
    topology_.transmitter[kOutside] = {0};
    topology_.transmitter[kInside] = {0};
    link_.capacity = capacity;
    link_.events_wanted = true;
    quiescence_.enter(0);
    worker_ = std::make_unique<Worker<WindowIo, SetClock>>(
        WorkerParts{0, topology_, indirection_, runtime_, quiescence_, mesh_, link_,
                    HashSecret{11, 22, 33}, ShardCapacity{.fragments = kFragments}},
        io_, clock_);
    worker_->shard().conntrack.identify(true);
}

Appliance::~Appliance() {
    quiescence_.leave(0);
}

void Appliance::configure(const Campaign& campaign) {
    const uint16_t generation = static_cast<uint16_t>(runtime_.get().generation + 1);
    // The worker runs in this very thread and holds nothing between two turns.
    static_cast<void>(runtime_.publish(
        std::make_unique<const Runtime>(allow_all(campaign.tracking, generation))));
}

void Appliance::exchange(std::span<Passage> passages, std::span<const uint32_t> chosen, Instant now,
                         Coverage& coverage) {
    clock_.set(now);
    io_.offer(passages, chosen);
    // A full burst is decided in the turn after the one that it came in.
    for (bool more = true; more;) {
        more = worker_->run_once();
        remember_events();
        for (const Packet& packet : io_.observed())
            cover(packet, coverage);
        io_.observed().clear();
    }
}

void Appliance::settle(Instant now) {
    clock_.set(now);
    do {
        worker_->run_once();
        remember_events();
        io_.observed().clear();
    } while (link_.counters.expiry_lag_ticks.value() != 0);
}

void Appliance::dump(std::vector<Entry>& entries, Instant now) {
    entries.clear();
    uint32_t cursor = 0;
    uint32_t written = 0;
    worker_->shard().conntrack.dump(cursor, UINT32_MAX, records_, written, now);
    for (uint32_t i = 0; i < written; ++i)
        entries.push_back(entry_of(records_[i]));
}

void Appliance::flush() {
    // What is held points into passages that are about to be forgotten.
    worker_->drop_held();
    io_.observed().clear();
    uint32_t cursor = 0;
    worker_->shard().conntrack.flush(cursor, UINT32_MAX, clock_.now());
    std::array<FlowEvent, 64> events;
    while (link_.events.pop(events.data(), events.size()) != 0) {
    }
    known_.clear();
    news_.clear();
}

size_t Appliance::KeyHash::operator()(const FlowKey& key) const noexcept {
    uint64_t words[2];
    uint32_t last = 0;
    std::memcpy(words, &key, sizeof words);
    std::memcpy(&last, reinterpret_cast<const uint8_t*>(&key) + 16, sizeof last);
    return (words[0] * 0x9e3779b97f4a7c15 ^ words[1]) * 0xbf58476d1ce4e5b9 ^ last;
}

void Appliance::remember_events() {
    std::array<FlowEvent, 64> events;
    while (const uint32_t count = link_.events.pop(events.data(), events.size())) {
        for (uint32_t i = 0; i < count; ++i) {
            const FlowEvent& event = events[i];
            // The packet that reopens a connection meets the old one.
            if (event.end_reason == EndReason::Replaced) continue;
            news_[event.flow.id] =
                event.kind == EventKind::Destroy ? StateLabel::None : state_label(event.flow);
        }
    }
}

void Appliance::cover(const Packet& packet, Coverage& coverage) {
    // A fragment carries its datagram's verdict, nothing else.
    if (static_cast<const Passage*>(packet.frame.buffer)->is_fragment) return;
    if (!was_tracked(packet) || packet.is_icmp_error) return;
    Known& known = known_[packet.id.key];
    // It may have ended by its deadline since its last packet.
    const auto ended = news_.find(known.flow);
    if (ended != news_.end() && known.flow != packet.flow) {
        known.state = StateLabel::None;
        news_.erase(ended);
    }
    // A packet that reopens a connection is the new one's original; here the old one counts.
    const bool reply = known.state != StateLabel::None && known.swapped != packet.id.swapped;
    coverage.count_packet(known.state, reply ? Direction::Reply : Direction::Original, packet);
    if (packet.flow == 0) return;
    if (known.flow != packet.flow) known.swapped = packet.id.swapped;
    known.flow = packet.flow;
    const auto news = news_.find(packet.flow);
    if (news == news_.end()) return;
    known.state = news->second;
    news_.erase(news);
}

}  // namespace ravelin::differential
