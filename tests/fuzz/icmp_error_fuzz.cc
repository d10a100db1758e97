// SPDX-License-Identifier: BSD-3-Clause
// The packet that an ICMP error quotes. The input describes a connection, how far it got, and an
// error about one of its packets, damaged or not. A check written anew, which knows what was sent,
// says whether the error may be RELATED; and an error creates nothing and renews nothing.
#include "machine.h"
#include "support/packet_builder.h"

#include <algorithm>
#include <array>
#include <cstdint>
#include <memory>
#include <optional>
#include <span>
#include <string_view>
#include <vector>

namespace ravelin::fuzz {
namespace {

using testing::Bytes;
using testing::PacketBuilder;

/// Takes bytes from the input; zeros when it is used up.
class Choices {
  public:
    explicit Choices(std::span<const uint8_t> bytes) : rest_{bytes} {}
    uint8_t byte() {
        if (rest_.empty()) return 0;
        const uint8_t value = rest_[0];
        rest_ = rest_.subspan(1);
        return value;
    }
    uint16_t word() {
        const auto high = static_cast<uint16_t>(byte() << 8);
        return static_cast<uint16_t>(high | byte());
    }
    [[nodiscard]] bool empty() const { return rest_.empty(); }

  private:
    std::span<const uint8_t> rest_;
};

constexpr uint16_t kWindow = 1000;
constexpr std::array<uint8_t, 4> kProtocols{ip_protocol::kTcp, ip_protocol::kUdp, 0,
                                            ip_protocol::kGre};
constexpr std::array<uint16_t, 2> kPorts{40000, 443};
constexpr uint16_t kEchoId = 0x4321;

struct Sent {
    size_t side = 0;  ///< 0: the opener
    Bytes packet;     ///< without Ethernet
};

/// A connection between two ends, and all that was sent.
class Exchange {
  public:
    Exchange(bool v6, uint8_t protocol)
        : v6_{v6},
          protocol_{protocol != 0 ? protocol
                    : v6          ? ip_protocol::kIcmpv6
                                  : ip_protocol::kIcmp} {}

    /// The next packet of the protocol's usual course.
    void send_next(Machine& machine, bool answered) {
        const size_t step = sent_.size();
        const size_t side = answered ? step % 2 : 0;
        PacketBuilder builder = from(side);
        switch (protocol_) {
            case ip_protocol::kTcp:
                segment(builder, side);
                break;
            case ip_protocol::kUdp:
                builder.udp(kPorts[side], kPorts[1 - side]).payload("hello");
                break;
            case ip_protocol::kGre:
                builder.gre().payload("0123456789");
                break;
            default:
                builder.icmp_echo(kEchoId, 1, side == 1).payload("hello");
                break;
        }
        Bytes frame = builder.build();
        machine.pass(static_cast<uint8_t>(1 - side), 10ms, frame);
        const size_t l3 = testing::ip_offset(frame);
        frame.erase(frame.begin(), frame.begin() + static_cast<std::ptrdiff_t>(l3));
        sent_.push_back({side, std::move(frame)});
    }

    [[nodiscard]] PacketBuilder from(size_t side) const {
        PacketBuilder builder;
        return v6_ ? builder.ipv6(address(side), address(1 - side))
                   : builder.ipv4(address(side), address(1 - side));
    }
    [[nodiscard]] std::string_view address(size_t side) const {
        if (side == 2) return v6_ ? "2001:db8:5::1" : "198.51.100.77";  // a router
        if (v6_) return side == 0 ? "2001:db8:1::2" : "2001:db8:2::443";
        return side == 0 ? "10.0.0.2" : "192.0.2.20";
    }
    [[nodiscard]] const std::vector<Sent>& sent() const { return sent_; }
    [[nodiscard]] bool v6() const { return v6_; }
    [[nodiscard]] uint8_t protocol() const { return protocol_; }
    [[nodiscard]] bool is_icmp() const {
        return protocol_ == ip_protocol::kIcmp || protocol_ == ip_protocol::kIcmpv6;
    }

    /// Whether this side could have a segment with this sequence number on its way: it has not been
    /// acknowledged for longer than a window, and has been sent.
    [[nodiscard]] bool in_flight(size_t side, uint32_t sequence) const {
        if (!spoke_[side]) return false;
        // Before its SYN is answered there is nothing below it.
        const uint32_t lowest =
            spoke_[1 - side] ? acknowledged_[side].value_or(next_[side]) - kWindow : first_[side];
        return sequence - lowest <= next_[side] - lowest;
    }

  private:
    void segment(PacketBuilder& builder, size_t side) {
        const bool first = !spoke_[side];
        const bool answer = spoke_[1 - side];
        const std::string_view flags = first ? (answer ? "SA" : "S") : (answer ? "PA" : "S");
        builder.tcp(kPorts[side], kPorts[1 - side], flags).window(kWindow).seq(next_[side]);
        if (answer) builder.ack(next_[1 - side]);
        const bool data = !first && answer;
        if (data) builder.payload("0123456789");
        if (answer) acknowledged_[1 - side] = next_[1 - side];
        if (first) next_[side] += 1;
        if (data) next_[side] += 10;
        // An unanswered SYN is sent again as it was.
        if (!first && !answer) builder.seq(first_[side]);
        spoke_[side] = true;
    }

    bool v6_;
    uint8_t protocol_;
    std::vector<Sent> sent_;
    std::array<bool, 2> spoke_{};
    std::array<uint32_t, 2> first_{0xfffffff0, 5000};
    std::array<uint32_t, 2> next_{0xfffffff0, 5000};
    std::array<std::optional<uint32_t>, 2> acknowledged_{};
};

uint32_t be16(std::span<const uint8_t> bytes, size_t at) {
    return static_cast<uint32_t>(bytes[at] << 8 | bytes[at + 1]);
}
uint32_t be32(std::span<const uint8_t> bytes, size_t at) {
    return be16(bytes, at) << 16 | be16(bytes, at + 2);
}

/// One ICMP error: what it says, and what it quotes.
struct ErrorPacket {
    uint8_t type = 0;
    uint8_t code = 0;
    uint32_t rest = 0;
    size_t to = 0;  ///< addressed to this side
    Bytes quote;
};

/// The independent judge.
class Judge {
  public:
    Judge(const Exchange& exchange, const ErrorPacket& error, bool strict)
        : exchange_{exchange}, error_{error}, strict_{strict}, quote_{error.quote} {}

    /// Nothing: it quotes IPv6 extension headers, which this judge doesn't read.
    [[nodiscard]] std::optional<bool> may_be_related() const {
        if (!known_type()) return false;
        const size_t minimum = exchange_.v6() ? 40 : 20;
        if (quote_.size() < minimum) return false;
        return exchange_.v6() ? ipv6() : ipv4();
    }

  private:
    [[nodiscard]] bool known_type() const {
        const uint8_t type = error_.type;
        const uint8_t code = error_.code;
        if (exchange_.v6()) {
            if (!strict_) return type < 128;
            return (type == 1 && code <= 8) || (type == 2 && code == 0) ||
                   (type == 3 && code <= 1) || (type == 4 && code <= 10);
        }
        if (!strict_) return type == 3 || type == 4 || type == 5 || type == 11 || type == 12;
        return (type == 3 && code <= 15) || (type == 11 && code <= 1) || (type == 12 && code <= 2);
    }
    [[nodiscard]] bool ipv4() const {
        const size_t header = (quote_[0] & 0xfU) * 4;
        if (quote_[0] >> 4 != 4 || header < 20 || header > quote_.size()) return false;
        if ((be16(quote_, 6) & 0x1fff) != 0) return false;
        if (strict_ && testing::internet_checksum(quote_.first(header)) != 0) return false;
        return fits(quote_[9], header, be16(quote_, 2), 12, 4);
    }
    [[nodiscard]] std::optional<bool> ipv6() const {
        if (quote_[0] >> 4 != 6) return false;
        const uint8_t next = quote_[6];
        if (next == 0 || next == 43 || next == 44 || next == 60) return std::nullopt;
        return fits(next, 40, 40 + be16(quote_, 4), 8, 16);
    }

    [[nodiscard]] bool fits(uint8_t protocol, size_t header, size_t ip_length, size_t addresses,
                            size_t width) const {
        if (protocol != exchange_.protocol()) return false;
        auto upper = quote_.subspan(header);
        if (strict_) {
            if (ip_length < header) return false;
            upper = upper.first(std::min(upper.size(), ip_length - header));
            if (!plausible_mtu(ip_length)) return false;
        }
        for (size_t side = 0; side < 2; ++side) {
            const auto is = [&](size_t at, size_t end) {
                const Bytes address = testing::address_bytes(exchange_.address(end));
                return std::equal(address.begin(), address.end(),
                                  quote_.begin() + static_cast<std::ptrdiff_t>(at),
                                  quote_.begin() + static_cast<std::ptrdiff_t>(at + width));
            };
            if (is(addresses, side) && is(addresses + width, 1 - side))
                return error_.to == side && fits_upper(upper, side, ip_length - header);
        }
        return false;
    }
    [[nodiscard]] bool plausible_mtu(size_t ip_length) const {
        if (exchange_.v6())
            return error_.type != 2 || (error_.rest >= 1280 && error_.rest < ip_length);
        const uint32_t mtu = error_.rest & 0xffff;
        return error_.type != 3 || error_.code != 4 || (mtu >= 68 && mtu < ip_length);
    }
    [[nodiscard]] bool fits_upper(std::span<const uint8_t> upper, size_t side,
                                  size_t whole_length) const {
        const size_t wanted = strict_ ? 8 : 4;
        switch (exchange_.protocol()) {
            case ip_protocol::kTcp:
            case ip_protocol::kUdp:
                if (upper.size() < wanted || be16(upper, 0) != kPorts[side] ||
                    be16(upper, 2) != kPorts[1 - side])
                    return false;
                return exchange_.protocol() == ip_protocol::kUdp || !strict_ ||
                       exchange_.in_flight(side, be32(upper, 4));
            case ip_protocol::kGre:
                if (strict_ && upper.size() < std::min<size_t>(wanted, whole_length)) return false;
                // Version 1 carries PPP (RFC 2637 4.1), and its call id names the connection.
                if (upper.size() < 8 || (upper[1] & 7) != 1) return true;
                return be16(upper, 2) == 0x880b && be16(upper, 6) == 0;
            default:
                if (upper.size() < 8 || upper[1] != 0 || be16(upper, 4) != kEchoId) return false;
                if (side == 0) return upper[0] == (exchange_.v6() ? 128 : 8);
                return upper[0] == (exchange_.v6() ? 129 : 0);
        }
    }

    const Exchange& exchange_;
    const ErrorPacket& error_;
    bool strict_;
    std::span<const uint8_t> quote_;
};

Machine& machine_for(bool strict) {
    static std::array<std::unique_ptr<Machine>, 2> machines;
    std::unique_ptr<Machine>& machine = machines[strict ? 1 : 0];
    if (!machine) {
        Runtime runtime;
        runtime.tracking = strict ? TrackingOptions::strict() : TrackingOptions::linux_profile();
        runtime.policy.default_allow = {false, true};
        machine = std::make_unique<Machine>(std::move(runtime));
    }
    return *machine;
}

/// The error that the input describes.
ErrorPacket read_error(const Exchange& exchange, Choices& choices) {
    static constexpr std::array<std::array<uint8_t, 2>, 4> kUsual4{
        {{3, 1}, {3, 4}, {11, 0}, {12, 0}}};
    static constexpr std::array<std::array<uint8_t, 2>, 4> kUsual6{
        {{1, 4}, {2, 0}, {3, 0}, {4, 0}}};
    ErrorPacket error;
    const uint8_t kind = choices.byte();
    const auto& usual = (exchange.v6() ? kUsual6 : kUsual4)[kind % 4];
    error.type = (kind & 0x80) != 0 ? choices.byte() : usual[0];
    error.code = (kind & 0x80) != 0 ? choices.byte() : usual[1];
    error.rest = choices.word();
    const Sent& about = exchange.sent()[choices.byte() % exchange.sent().size()];
    error.to = about.side ^ (kind >> 6 & 1);
    error.quote = about.packet;
    const uint8_t length = choices.byte();
    const bool mend = (kind & 0x20) != 0;
    while (!choices.empty()) {
        const size_t at = choices.byte() % error.quote.size();
        error.quote[at] ^= choices.byte();
    }
    if (length != 0) error.quote.resize(std::min<size_t>(error.quote.size(), length));
    if (mend && !exchange.v6() && error.quote.size() >= 20) {
        const size_t header =
            std::clamp<size_t>((error.quote[0] & 0xfU) * 4, 20, error.quote.size());
        testing::put16(error.quote, 10, 0);
        testing::put16(error.quote, 10,
                       testing::internet_checksum(std::span{error.quote}.first(header)));
    }
    return error;
}

bool same_connection(const FlowRecord& a, const FlowRecord& b) {
    return a.id == b.id && a.flags == b.flags && a.state == b.state && a.packets == b.packets &&
           a.bytes == b.bytes && a.remaining == b.remaining;
}

void check_error(Machine& machine, const Exchange& exchange, const ErrorPacket& error,
                 bool strict) {
    const auto listed = machine.flows();
    const std::vector<FlowRecord> before(listed.begin(), listed.end());
    PacketBuilder builder;
    if (exchange.v6())
        builder.ipv6(exchange.address(2), exchange.address(error.to));
    else
        builder.ipv4(exchange.address(2), exchange.address(error.to));
    const Bytes frame =
        builder.icmp(error.type, error.code, error.rest).payload(error.quote).build();
    const CtClass verdict = machine.pass(static_cast<uint8_t>(error.to), 0s, frame);
    const bool related = verdict == CtClass::Related;
    const auto after = machine.flows();

    const auto expected =
        before.empty() ? std::optional{false} : Judge{exchange, error, strict}.may_be_related();
    if (expected) CHECK(related == *expected);
    // Types that are no errors may be queries, which live a life of their own.
    if (!is_icmp_error(exchange.v6() ? Family::Ipv6 : Family::Ipv4, error.type)) return;
    CHECK(verdict != CtClass::New && verdict != CtClass::Established);
    CHECK(after.size() <= before.size());
    // Only what was not answered may end; each echo request waits for an answer of its own.
    const bool unanswered =
        !before.empty() &&
        (exchange.is_icmp() || (before[0].flags & connection_flag::kSeenReply) == 0);
    if (!related || !strict || !unanswered) CHECK(after.size() == before.size());
    if (after.size() == before.size())
        for (size_t i = 0; i < after.size(); ++i)
            CHECK(same_connection(before[i], after[i]));
}

}  // namespace
}  // namespace ravelin::fuzz

/// Input: family, protocol and profile; how many packets; then the error (read_error()).
extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
    using namespace ravelin;
    using namespace ravelin::fuzz;
    Choices choices{{data, size}};
    const uint8_t first = choices.byte();
    const bool strict = (first & 1) == 0;
    Machine& machine = machine_for(strict);
    machine.reset();
    Exchange exchange{(first & 2) != 0, kProtocols[first >> 2 & 3]};
    const int packets = 1 + choices.byte() % 6;
    for (int i = 0; i < packets; ++i)
        exchange.send_next(machine, (first & 16) == 0);
    check_error(machine, exchange, read_error(exchange, choices), strict);
    return 0;
}
