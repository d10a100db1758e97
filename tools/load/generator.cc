// SPDX-License-Identifier: BSD-3-Clause
#include "generator.h"

#include <algorithm>
#include <optional>

namespace ravelin::load {
namespace {

/// Connections that one call looks at; more would hold up the ports.
constexpr uint32_t kLook = 64;

/// A wire's ends may each have all frames in flight, and a few answers on top.
FramesInFlight make_flight(const Traffic& traffic, const FrameWriter& writer) {
    return FramesInFlight{traffic.window, writer.longest(traffic.fragments > 0),
                          traffic.ignore_mac};
}

}  // namespace

Counts& Counts::operator+=(const Counts& other) noexcept {
    sent += other.sent;
    sent_bytes += other.sent_bytes;
    arrived += other.arrived;
    damaged += other.damaged;
    lost += other.lost;
    unknown += other.unknown;
    foreign += other.foreign;
    return *this;
}

Generator::Generator(const Traffic& traffic, Sender& sender)
    : writer_{traffic.frame_size, traffic.server_port},
      connections_{traffic.connections, traffic.protocols, traffic.families,
                   writer_.tcp_data(false), writer_.tcp_data(true)},
      choice_{traffic.order, traffic.connections, traffic.zipf_exponent},
      icmp_errors_{traffic.icmp_errors},
      fragments_{traffic.fragments},
      window_{traffic.window},
      sender_{sender},
      flights_{make_flight(traffic, writer_), make_flight(traffic, writer_)} {}

std::optional<Message> Generator::message_of(Plan plan, uint32_t connection) noexcept {
    switch (plan) {
        case Plan::Open:
            if (connections_.is_open(connection)) return {};
            return connections_.next(connection);
        case Plan::Speak:
            return connections_.next(connection);
        case Plan::Renew:
            return connections_.renew(connection);
        case Plan::Hurry:
            return connections_.hurry(connection);
        case Plan::Close:
            return connections_.close(connection);
    }
    return {};
}

uint32_t Generator::speak(Plan plan, uint32_t most, uint64_t now) {
    most = std::min({most, room(), kLook});
    if (most == 0) return 0;
    closing_ = plan == Plan::Close;
    // A connection's memory is rarely in a cache: ask for all of them before the first is used.
    const uint32_t look = plan == Plan::Speak ? most : kLook;
    std::array<uint32_t, kLook> chosen;
    for (uint32_t i = 0; i < look; ++i) {
        chosen[i] = plan == Plan::Speak ? choice_.next() : (in_order_ + i) % connections_.size();
        connections_.prefetch(chosen[i]);
    }
    uint32_t looked = 0;
    uint32_t spoken = 0;
    // Where there are fewer connections than that, none is asked twice.
    const uint32_t once = plan == Plan::Speak ? look : std::min(look, connections_.size());
    for (; looked < once && spoken < most; ++looked) {
        const std::optional<Message> message = message_of(plan, chosen[looked]);
        if (!message) continue;
        ++spoken;
        if (message->kind == Kind::UdpData && !message->opens && fragments_.next()) {
            send_fragments(*message, now);
        } else {
            send(Side::Outside, *message, now);
        }
    }
    if (plan != Plan::Speak) in_order_ = (in_order_ + looked) % connections_.size();
    return spoken;
}

void Generator::send_written(Side from, const Message& message, uint32_t number, uint32_t length,
                             uint64_t now) {
    FramesInFlight& flight = flights_[index_of(from)];
    flight.sent(number, length, message, now);
    Counts& counts = counts_[index_of(from)];
    ++counts.sent;
    counts.sent_bytes += length;
    sender_.send(from, {flight.bytes(number), length});
}

void Generator::send(Side from, const Message& message, uint64_t now) {
    FramesInFlight& flight = flights_[index_of(from)];
    const uint32_t number = flight.reserve();
    const uint32_t length = writer_.write(from, message, number, flight.bytes(number));
    send_written(from, message, number, length, now);
}

void Generator::send_fragments(Message message, uint64_t now) {
    FramesInFlight& flight = flights_[index_of(Side::Outside)];
    const uint32_t number = flight.reserve(2);
    const auto lengths =
        writer_.write_fragments(message, number, flight.bytes(number), flight.bytes(number + 1));
    message.kind = Kind::FirstFragment;
    send_written(Side::Outside, message, number, lengths[0], now);
    message.kind = Kind::LastFragment;
    send_written(Side::Outside, message, number + 1, lengths[1], now);
}

void Generator::send_error(const Message& about, std::span<const uint8_t> frame, uint64_t now) {
    FramesInFlight& flight = flights_[index_of(Side::Inside)];
    const uint32_t number = flight.reserve();
    Message message = about;
    message.kind = Kind::IcmpError;
    const uint32_t length = writer_.write_icmp_error(about, frame, number, flight.bytes(number));
    send_written(Side::Inside, message, number, length, now);
}

void Generator::arrived(Side sender, std::span<const uint8_t> frame, uint64_t now) {
    const Side at = other(sender);
    Counts& counts = counts_[index_of(sender)];
    const FramesInFlight::Record* record = nullptr;
    switch (flights_[index_of(sender)].arrived(frame, record)) {
        case FramesInFlight::Arrival::Foreign:
            ++counts.foreign;
            return;
        case FramesInFlight::Arrival::Unknown:
            ++counts.unknown;
            return;
        case FramesInFlight::Arrival::Damaged:
            ++counts.damaged;
            if (first_damage_.empty()) describe_damage(*record, sender, frame);
            connections_.lost(record->message);
            return;
        case FramesInFlight::Arrival::Expected:
            break;
    }
    ++counts.arrived;
    latency_[index_of(sender)].add(now - record->sent);
    const Message message = record->message;
    const bool data = message.kind == Kind::UdpData || message.kind == Kind::TcpData;
    if (at == Side::Inside && data && !message.opens && icmp_errors_.next()) {
        send_error(message, frame, now);
        return;
    }
    if (const auto reply = connections_.arrived(at, message)) send(at, *reply, now);
    // What was closed is to be renewed; by choice that might take long.
    if (message.kind != Kind::TcpFinAck || closing_) return;
    if (const auto fresh = connections_.next(message.connection)) send(at, *fresh, now);
}

void Generator::expire(uint64_t limit) {
    for (const Side side : {Side::Outside, Side::Inside}) {
        flights_[index_of(side)].expire(limit, [&](const Message& message) {
            ++counts_[index_of(side)].lost;
            connections_.lost(message);
        });
    }
}

void Generator::describe_damage(const FramesInFlight::Record& record, Side sender,
                                std::span<const uint8_t> frame) {
    const uint8_t* const sent = flights_[index_of(sender)].bytes(record.number);
    first_damage_ = "connection " + std::to_string(record.message.connection) + ", ";
    if (frame.size() != record.length) {
        first_damage_ += std::to_string(record.length) + " bytes were sent and " +
                         std::to_string(frame.size()) + " arrived";
        return;
    }
    const auto differs =
        static_cast<size_t>(std::mismatch(frame.begin(), frame.end(), sent).first - frame.begin());
    first_damage_ += "byte " + std::to_string(differs) + " of " + std::to_string(frame.size()) +
                     " was " + std::to_string(sent[differs]) + " and is " +
                     std::to_string(frame[differs]) +
                     (differs < 12 ? " (an Ethernet address: see --ignore-mac)" : "");
}

}  // namespace ravelin::load
