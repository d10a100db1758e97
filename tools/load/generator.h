// SPDX-License-Identifier: BSD-3-Clause
#pragma once

#include "choice.h"
#include "connection_set.h"
#include "frame_writer.h"
#include "frames_in_flight.h"
#include "histogram.h"
#include "message.h"
#include "pace.h"

#include <array>
#include <cstdint>
#include <span>
#include <string>

namespace ravelin::load {

/// What is sent.
struct Traffic {
    uint32_t connections = 1024;
    Order order = Order::RoundRobin;
    double zipf_exponent = 1.0;
    Protocols protocols = Protocols::Udp;
    Families families = Families::Ipv4;
    uint32_t frame_size = 60;     ///< bytes, without the frame check sequence
    uint16_t server_port = 5001;  ///< where no VPN and no other known protocol lives
    double icmp_errors = 0;       ///< share of the replies, 0 to 1
    double fragments = 0;         ///< share of the clients' UDP datagrams, 0 to 1
    uint32_t window = 512;        ///< most frames in flight, both directions together
    bool ignore_mac = false;      ///< the device exchanges Ethernet addresses
};

/// Counts of one direction, named after the side that sends.
struct Counts {
    uint64_t sent = 0;
    uint64_t sent_bytes = 0;  ///< without the frame check sequence
    uint64_t arrived = 0;     ///< unchanged
    uint64_t damaged = 0;     ///< arrived with other bytes
    uint64_t lost = 0;
    uint64_t unknown = 0;  ///< arrived late or twice, or pretends to be ours
    uint64_t foreign = 0;  ///< others' frames, such as ARP; no fault

    Counts& operator+=(const Counts& other) noexcept;
};

/// Takes frames to a port.
class Sender {
  public:
    virtual ~Sender() = default;
    /// The bytes stay as they are until the frame arrives or is lost.
    virtual void send(Side from, std::span<const uint8_t> frame) = 0;
};

/// Both ends of the wire: speaks for clients and servers, and checks what arrives.
///
/// Knows no port and no clock: `now` is in ticks, all of one counter.
class Generator {
  public:
    Generator(const Traffic& traffic, Sender& sender);

    /// Who begins something.
    enum class Plan : uint8_t {
        Open,   ///< each connection that isn't open, in order
        Speak,  ///< connections by choice
        Renew,  ///< connections in order, a new one in place of each
        Hurry,  ///< likewise, but TCP carries data once before it closes
        Close,  ///< each open TCP connection, in order, for good
    };
    /// Sends up to `most` of the clients' messages, as far as the window allows; returns how many.
    /// May return fewer when many connections have nothing to say now.
    uint32_t speak(Plan plan, uint32_t most, uint64_t now);

    /// A frame that must come from `sender` reached the other side: it is checked, and answered if
    /// that is due.
    void arrived(Side sender, std::span<const uint8_t> frame, uint64_t now);

    /// Whatever was sent before `limit` is lost.
    void expire(uint64_t limit);

    [[nodiscard]] uint32_t in_flight() const noexcept {
        return flights_[0].count() + flights_[1].count();
    }
    [[nodiscard]] uint32_t room() const noexcept {
        return in_flight() < window_ ? window_ - in_flight() : 0;
    }
    [[nodiscard]] const ConnectionSet& connections() const noexcept { return connections_; }
    [[nodiscard]] const Counts& counts(Side from) const noexcept { return counts_[index_of(from)]; }
    /// Ticks from sending to arriving, by the side that sent; the caller may clear it.
    [[nodiscard]] Histogram& latency(Side from) noexcept { return latency_[index_of(from)]; }
    /// How the first damaged frame differs; empty when there was none.
    [[nodiscard]] const std::string& first_damage() const noexcept { return first_damage_; }

  private:
    std::optional<Message> message_of(Plan plan, uint32_t connection) noexcept;
    void send(Side from, const Message& message, uint64_t now);
    void send_fragments(Message message, uint64_t now);
    void send_error(const Message& about, std::span<const uint8_t> frame, uint64_t now);
    void send_written(Side from, const Message& message, uint32_t number, uint32_t length,
                      uint64_t now);
    void describe_damage(const FramesInFlight::Record& record, Side sender,
                         std::span<const uint8_t> frame);

    FrameWriter writer_;
    ConnectionSet connections_;
    Choice choice_;
    Share icmp_errors_;
    Share fragments_;
    uint32_t window_;
    uint32_t in_order_ = 0;
    bool closing_ = false;
    Sender& sender_;
    std::array<FramesInFlight, 2> flights_;
    std::array<Counts, 2> counts_{};
    std::array<Histogram, 2> latency_{};
    std::string first_damage_;
};

}  // namespace ravelin::load
