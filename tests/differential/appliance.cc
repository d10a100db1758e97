// SPDX-License-Identifier: BSD-3-Clause
#include "appliance.h"

#include <cstring>

namespace ravelin::differential {

namespace {

constexpr uint8_t kOutside = 0;
constexpr uint8_t kInside = 1;
constexpr FragmentCapacity kFragments{.datagrams = 1U << 10, .fragments = 1U << 12};

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

/// Outside one worker transmits for all, inside each has a queue of its own.
Topology topology_of(uint32_t workers) {
    Topology topology;
    topology.port_count = 2;
    topology.worker_count = workers;
    topology.ports[kOutside] = {.peer = kInside, .wire = 0, .inside = false};
    topology.ports[kInside] = {.peer = kOutside, .wire = 0, .inside = true};
    for (uint32_t worker = 0; worker < workers; ++worker) {
        topology.transmitter[kOutside].push_back(static_cast<uint8_t>(workers - 1));
        topology.transmitter[kInside].push_back(static_cast<uint8_t>(worker));
    }
    return topology;
}

std::array<bool, 2> transmits(const Topology& topology, uint8_t worker) {
    return {topology.transmitter[kOutside][worker] == worker,
            topology.transmitter[kInside][worker] == worker};
}

WorkerLink& with_capacity(WorkerLink& link, uint32_t capacity) {
    link.capacity = capacity;
    link.events_wanted = true;
    return link;
}

}  // namespace

uint32_t WindowIo::receive(uint32_t, Burst& burst) noexcept {
    const size_t count = std::min<size_t>(arrived_.size() - received_, kBurstSize);
    for (size_t i = 0; i < count; ++i) {
        Passage& passage = passages_[arrived_[received_ + i]];
        burst.add({.buffer = &passage,
                   .data = passage.bytes.data(),
                   .length = static_cast<uint32_t>(passage.bytes.size()),
                   .port = static_cast<uint8_t>(passage.side)});
    }
    received_ += count;
    if (received_ == arrived_.size()) {
        arrived_.clear();
        received_ = 0;
    }
    return static_cast<uint32_t>(count);
}

uint32_t WindowIo::transmit(uint8_t port, std::span<void*> buffers) noexcept {
    CHECK(transmits_[port]);
    for (void* buffer : buffers) {
        Passage& passage = *static_cast<Passage*>(buffer);
        CHECK(port == static_cast<uint8_t>(other(passage.side)) && !passage.ravelin.came_out);
        passage.ravelin.came_out = true;
        if (passage.decided_by != worker_) ++sent_for_others_;
    }
    return static_cast<uint32_t>(buffers.size());
}

void WindowIo::observe(const Packet& packet) noexcept {
    observed_.push_back(packet);
    if (packet.action == Action::HandOff) return;
    Passage& passage = *static_cast<Passage*>(packet.frame.buffer);
    passage.decided_by = worker_;
    passage.ravelin.ct_class = packet.ct_class;
    passage.ravelin.direction = packet.direction;
    passage.ravelin.reason = packet.reason;
}

Appliance::Member::Member(uint8_t index, Appliance& whole, uint32_t capacity)
    : io{index, transmits(whole.topology_, index)},
      worker{WorkerParts{index, whole.topology_, whole.indirection_, whole.runtime_,
                         whole.quiescence_, whole.mesh_, with_capacity(link, capacity),
                         HashSecret{11, 22, 33}, ShardCapacity{.fragments = kFragments}},
             io, whole.clock_} {
    whole.quiescence_.enter(index);
    worker.shard().conntrack.identify(true);
}

Appliance::Appliance(uint32_t workers, uint32_t capacity)
    : topology_{topology_of(workers)},
      indirection_{workers},
      quiescence_{workers},
      mesh_{workers},
      runtime_{std::make_unique<const Runtime>(allow_all(TrackingOptions::linux_profile(), 1))} {
    for (uint32_t index = 0; index < workers; ++index)
        members_.push_back(std::make_unique<Member>(static_cast<uint8_t>(index), *this, capacity));
}

Appliance::~Appliance() {
    for (uint32_t index = 0; index < members_.size(); ++index)
        quiescence_.leave(index);
}

void Appliance::configure(const Campaign& campaign) {
    const uint16_t generation = static_cast<uint16_t>(runtime_.get().generation + 1);
    // The workers run in this very thread and hold nothing between two turns.
    static_cast<void>(runtime_.publish(
        std::make_unique<const Runtime>(allow_all(campaign.tracking, generation))));
}

void Appliance::exchange(std::span<Passage> passages, std::span<const uint32_t> chosen, Instant now,
                         Coverage& coverage) {
    clock_.set(now);
    for (const auto& member : members_)
        member->io.begin(passages);
    for (const uint32_t passage : chosen)
        members_[passages[passage].arrives_at % members_.size()]->io.offer(passage);
    // A full burst is decided in the turn after the one that it came in, and may then be handed to
    // a worker that has had its turn: only two idle rounds say that nothing is left.
    for (int idle = 0; idle < 2; ++idle) {
        for (const auto& member : members_) {
            if (turn(*member)) idle = -1;
            for (const Packet& packet : member->io.observed())
                cover(packet, coverage);
            member->io.observed().clear();
        }
    }
    uint64_t sent_for_others = 0;
    for (const auto& member : members_)
        sent_for_others += member->io.sent_for_others();
    coverage.count_sent_for_others(members_.size(), sent_for_others - sent_for_others_);
    sent_for_others_ = sent_for_others;
}

bool Appliance::turn(Member& member) {
    const bool busy = member.worker.run_once();
    remember_events(member.link);
    return busy;
}

void Appliance::settle(Instant now) {
    clock_.set(now);
    for (const auto& member : members_) {
        do {
            turn(*member);
            member->io.observed().clear();
        } while (member->link.counters.expiry_lag_ticks.value() != 0);
    }
}

void Appliance::dump(std::vector<Entry>& entries, Instant now) const {
    std::array<FlowRecord, 256> records;
    for (const auto& member : members_) {
        uint32_t cursor = 0;
        for (bool at_end = false; !at_end;) {
            uint32_t written = 0;
            at_end =
                member->worker.shard().conntrack.dump(cursor, UINT32_MAX, records, written, now);
            for (uint32_t i = 0; i < written; ++i)
                entries.push_back(entry_of(records[i]));
        }
    }
}

void Appliance::flush() {
    for (const auto& member : members_) {
        // What is held points into passages that are about to be forgotten.
        member->worker.drop_held();
        member->io.observed().clear();
        uint32_t cursor = 0;
        member->worker.shard().conntrack.flush(cursor, UINT32_MAX, clock_.now());
        std::array<FlowEvent, 64> events;
        while (member->link.events.pop(events.data(), events.size()) != 0) {
        }
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

void Appliance::remember_events(WorkerLink& link) {
    std::array<FlowEvent, 64> events;
    while (const uint32_t count = link.events.pop(events.data(), events.size())) {
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
    if (packet.action == Action::HandOff) return coverage.count_handed(members_.size(), packet);
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

Appliances::Appliances(uint32_t capacity) {
    for (uint32_t i = 0; i < parts_.size(); ++i)
        parts_[i].appliance = std::make_unique<Appliance>(i + 1, capacity);
}

void Appliances::configure(const Campaign& campaign) {
    for (const Part& part : parts_)
        part.appliance->configure(campaign);
}

void Appliances::exchange(std::span<Passage> passages, std::span<const uint32_t> chosen,
                          Instant now, Coverage& coverage) {
    for (const uint32_t passage : chosen)
        parts_[passages[passage].workers - 1].chosen.push_back(passage);
    for (Part& part : parts_) {
        if (!part.chosen.empty()) part.appliance->exchange(passages, part.chosen, now, coverage);
        part.chosen.clear();
    }
}

void Appliances::settle(Instant now) {
    for (const Part& part : parts_)
        part.appliance->settle(now);
}

void Appliances::dump(std::vector<Entry>& entries, Instant now) {
    entries.clear();
    for (const Part& part : parts_)
        part.appliance->dump(entries, now);
}

void Appliances::flush() {
    for (const Part& part : parts_)
        part.appliance->flush();
}

}  // namespace ravelin::differential
