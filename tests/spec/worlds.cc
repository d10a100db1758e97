// SPDX-License-Identifier: BSD-3-Clause
#include "spec/worlds.h"

namespace ravelin::spec {

namespace {

using testing::Bytes;
using testing::PacketBuilder;

constexpr uint16_t kPorts[] = {40000, 443};  // by Side
constexpr uint32_t kPayload = 10;            // of an ACK that is ahead
constexpr uint32_t kFar = 1U << 30;          // outside every window
constexpr const char* kRouter = "203.0.113.9";

constexpr std::array<const char*, 6> kKinds{"S", "SA", "FA", "A", "RA", "0"};
constexpr size_t kAckKind = 3;

const char* address(Side side) {
    return side == Side::Client ? Device::kClient : Device::kServer;
}

PacketBuilder from(Side side) {
    return PacketBuilder{}.ipv4(address(side), address(other(side)));
}

/// An ICMP error that a router sends to whoever sent `quoted`.
Bytes error_about(Side sender, const Bytes& quoted) {
    return PacketBuilder{}.ipv4(kRouter, address(sender)).icmp_error(3, 1, quoted, 28).build();
}

struct Wait {
    const char* text;
    Time time;
};
// Around each boundary that UDP and ICMP have: 2 s, 30 s, 120 s, 180 s.
constexpr std::array<Wait, 6> kWaits{{{"wait 1", 1s},
                                      {"wait 2.1", 2100ms},
                                      {"wait 29", 29s},
                                      {"wait 31", 31s},
                                      {"wait 121", 121s},
                                      {"wait 181", 181s}}};

}  // namespace

TcpWorld::TcpWorld(const Device& device, Profile profile, const Setup& setup)
    : setup_{&setup}, frames_{std::make_shared<Frames>()}, spec_{profile}, next_{setup.initial} {
    for (const Side side : {Side::Client, Side::Server}) {
        const auto own = static_cast<size_t>(side);
        for (size_t kind = 0; kind < kKinds.size(); ++kind) {
            for (const size_t loaded : {0, 1}) {
                PacketBuilder builder = from(side);
                builder.tcp(kPorts[own], kPorts[1 - own], kind == 5 ? "" : kKinds[kind]);
                builder.window(setup.window);
                if (kind < 2 && setup.scale) builder.options({3, 3, *setup.scale, 1});
                if (loaded != 0) builder.payload(Bytes(kPayload));
                frames_->of[own][kind][loaded] = device.parse(builder.build());
            }
        }
    }
}

Step TcpWorld::step(size_t symbol) {
    const size_t own = symbol / 18;
    const size_t kind = symbol / 3 % 6;
    const size_t where = symbol % 3;
    const std::string_view flags = kKinds[kind];
    const auto has = [&](char letter) { return flags.find(letter) != std::string_view::npos; };

    Segment segment;
    segment.from = static_cast<Side>(own);
    segment.syn = has('S');
    segment.ack = has('A');
    segment.fin = has('F');
    segment.rst = has('R');
    // A SYN is sent again with the number that it had before.
    segment.sequence = segment.syn ? setup_->initial[own] : next_[own];
    if (where == 1) segment.sequence += setup_->ahead;
    if (where == 2) segment.sequence += kFar;
    segment.acknowledges = segment.ack ? next_[1 - own] : 0;
    segment.window = setup_->window;
    const bool loaded = kind == kAckKind && where == 1;
    segment.length = loaded ? kPayload : 0;
    if (segment.syn) segment.scale = setup_->scale;
    if (where != 2 && static_cast<int32_t>(segment.end() - next_[own]) > 0)
        next_[own] = segment.end();

    now_ += 1s;
    return {.packet = {&frames_->of[own][kind][loaded ? 1 : 0],
                       Packet::Numbers{segment.sequence, segment.acknowledges}},
            .now = now_,
            .expected = spec_.receive(segment, now_)};
}

std::string TcpWorld::text(size_t symbol, const Step& step) {
    const Packet::Numbers& numbers = *step.packet.tcp;
    const size_t kind = symbol / 3 % 6;
    std::string line{symbol / 18 == 0 ? "> " : "< "};
    line += kKinds[kind];
    line += " =" + std::to_string(numbers.sequence);
    if (std::string_view{kKinds[kind]}.find('A') != std::string_view::npos)
        line += " ack =" + std::to_string(numbers.acknowledges);
    if (kind == kAckKind && symbol % 3 == 1) line += " len " + std::to_string(kPayload);
    return line;
}

UdpWorld::UdpWorld(const Device& device, Profile profile)
    : frames_{std::make_shared<std::vector<Frame>>()}, spec_{profile} {
    const auto datagram = [](Side side) {
        const auto own = static_cast<size_t>(side);
        return from(side).udp(kPorts[own], kPorts[1 - own]).payload("data").build();
    };
    const Bytes other_port = from(Side::Client).udp(kPorts[0], 53).payload("data").build();
    for (const Bytes& bytes :
         {datagram(Side::Client), datagram(Side::Server),
          error_about(Side::Client, datagram(Side::Client)),
          error_about(Side::Server, datagram(Side::Server)), error_about(Side::Client, other_port)})
        frames_->push_back(device.parse(bytes));
}

Step UdpWorld::step(size_t symbol) {
    if (symbol >= frames_->size()) {
        now_ += kWaits[symbol - frames_->size()].time;
        return {.packet = {}, .now = now_, .expected = spec_.look(now_)};
    }
    Seen expected;
    if (symbol < 2) {
        expected = spec_.datagram(static_cast<Side>(symbol), now_);
    } else if (symbol < 4) {
        expected = spec_.error(static_cast<Side>(symbol - 2), now_);
    } else {
        expected = spec_.look(now_);  // about no connection: INVALID, and nothing happens
    }
    return {.packet = {&(*frames_)[symbol], {}}, .now = now_, .expected = expected};
}

std::string UdpWorld::text(size_t symbol, const Step&) {
    constexpr std::array<const char*, 5> kTexts{"> udp", "< udp", "error about > udp",
                                                "error about < udp", "error about another port"};
    return symbol < kTexts.size() ? kTexts[symbol] : kWaits[symbol - kTexts.size()].text;
}

namespace {

/// The packets of IcmpWorld.
enum class IcmpEvent : uint8_t { Request, Reply, ErrorAboutRequest, ErrorAboutReply };
struct IcmpSymbol {
    const char* text;
    IcmpEvent event;
    IcmpSpec::Query query;
};
constexpr IcmpSpec::Query kEcho{Side::Client, 8, 1};
constexpr IcmpSpec::Query kBack{Side::Server, 8, 1};
constexpr IcmpSpec::Query kStamp{Side::Client, 13, 1};
constexpr IcmpSpec::Query kOther{Side::Client, 8, 2};
constexpr std::array<IcmpSymbol, 8> kIcmp{{
    {"> echo request 1", IcmpEvent::Request, kEcho},
    {"< echo reply 1", IcmpEvent::Reply, kEcho},
    {"< echo request 1", IcmpEvent::Request, kBack},
    {"> timestamp request 1", IcmpEvent::Request, kStamp},
    {"< timestamp reply 1", IcmpEvent::Reply, kStamp},
    {"< echo reply 2, which nobody asked for", IcmpEvent::Reply, kOther},
    {"error about > echo request 1", IcmpEvent::ErrorAboutRequest, kEcho},
    {"error about < echo reply 1", IcmpEvent::ErrorAboutReply, kEcho},
}};

Bytes icmp_frame(const IcmpSymbol& symbol) {
    const IcmpSpec::Query& query = symbol.query;
    const uint32_t rest = static_cast<uint32_t>(query.identifier) << 16 | 1;
    const Side replier = other(query.asker);
    const auto reply_type = static_cast<uint8_t>(query.type == 8 ? 0 : query.type + 1);
    const Bytes request = from(query.asker).icmp(query.type, 0, rest).payload(Bytes(12)).build();
    const Bytes reply = from(replier).icmp(reply_type, 0, rest).payload(Bytes(12)).build();
    switch (symbol.event) {
        case IcmpEvent::Request:
            return request;
        case IcmpEvent::Reply:
            return reply;
        case IcmpEvent::ErrorAboutRequest:
            return error_about(query.asker, request);
        case IcmpEvent::ErrorAboutReply:
            return error_about(replier, reply);
    }
    return {};
}

}  // namespace

IcmpWorld::IcmpWorld(const Device& device, Profile profile)
    : frames_{std::make_shared<std::vector<Frame>>()}, spec_{profile} {
    for (const IcmpSymbol& symbol : kIcmp)
        frames_->push_back(device.parse(icmp_frame(symbol)));
}

Step IcmpWorld::step(size_t symbol) {
    if (symbol >= kIcmp.size()) {
        now_ += kWaits.at(symbol - kIcmp.size()).time;
        return {.packet = {}, .now = now_, .expected = spec_.wait(now_)};
    }
    const IcmpSpec::Query& query = kIcmp[symbol].query;
    Seen expected;
    switch (kIcmp[symbol].event) {
        case IcmpEvent::Request:
            expected = spec_.request(query, now_);
            break;
        case IcmpEvent::Reply:
            expected = spec_.reply(query, now_);
            break;
        case IcmpEvent::ErrorAboutRequest:
            expected = spec_.error_about_request(query, now_);
            break;
        case IcmpEvent::ErrorAboutReply:
            expected = spec_.error_about_reply(query, now_);
            break;
    }
    return {.packet = {&(*frames_)[symbol], {}}, .now = now_, .expected = expected};
}

std::string IcmpWorld::text(size_t symbol, const Step&) {
    return symbol < kIcmp.size() ? kIcmp[symbol].text : kWaits.at(symbol - kIcmp.size()).text;
}

}  // namespace ravelin::spec
