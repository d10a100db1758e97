// SPDX-License-Identifier: BSD-3-Clause
#include "mgmt/chrony.h"

#include "base/byteorder.h"
#include "packet/address.h"

#include <arpa/inet.h>
#include <cctype>
#include <cmath>
#include <netinet/in.h>
#include <sys/socket.h>

namespace ravelin {

namespace {

constexpr uint8_t kVersion = 6;
constexpr uint8_t kRequest = 1;
constexpr uint8_t kReply = 2;
constexpr uint16_t kAskTracking = 33;
constexpr uint16_t kTellTracking = 5;
constexpr uint16_t kSuccess = 0;
constexpr uint16_t kUnsynchronised = 3;     // leap status
constexpr uint32_t kOwnClock = 0x7f7f0101;  // reference id of `local stratum`
constexpr uint32_t kNoHighSeconds = 0x7fffffff;

/// Seven bits of exponent, 25 of mantissa, both signed: mantissa * 2^(exponent - 25) seconds.
Duration read_seconds(const uint8_t* at) {
    const uint32_t bits = load_be32(at);
    const int32_t exponent = static_cast<int32_t>(bits) >> 25;
    const int32_t mantissa = static_cast<int32_t>(bits << 7) >> 7;
    const double seconds = std::ldexp(mantissa, exponent - 25);
    constexpr double kMost = 1e9;
    return std::chrono::duration_cast<Duration>(
        std::chrono::duration<double>(std::fmin(std::fmax(seconds, -kMost), kMost)));
}

/// Seconds in two halves, and nanoseconds.
Duration read_time(const uint8_t* at) {
    const uint32_t high = load_be32(at);
    const uint64_t seconds =
        (high == kNoHighSeconds ? 0 : uint64_t{high} << 32) | load_be32(at + 4);
    constexpr uint64_t kMost = 1ULL << 33;
    return std::chrono::seconds{seconds < kMost ? seconds : 0} + Duration{load_be32(at + 8)};
}

/// The reference id's four letters, as a reference clock or another server has them.
std::string letters(uint32_t id) {
    std::string text;
    for (int shift = 24; shift >= 0; shift -= 8)
        if (const auto letter = static_cast<uint8_t>(id >> shift); std::isalnum(letter) != 0)
            text += static_cast<char>(letter);
    return text;
}

std::string read_source(uint32_t id, const uint8_t* address) {
    const uint16_t family = load_be16(address + 16);
    if (family == 1) return Address::from_ipv4(address).to_string();
    if (family == 2) return Address::from_ipv6(address).to_string();
    if (id == 0) return "";
    return id == kOwnClock ? "its own clock" : "reference clock " + letters(id);
}

}  // namespace

std::string ChronyTracking::to_string() const {
    if (!synchronised) return "no source that it can follow";
    return source + ", stratum " + std::to_string(stratum);
}

std::array<uint8_t, kChronyMessageBytes> chrony_request(uint32_t sequence) noexcept {
    std::array<uint8_t, kChronyMessageBytes> request{kVersion, kRequest};
    store_be16(&request[4], kAskTracking);
    store_be32(&request[8], sequence);
    return request;
}

std::optional<ChronyTracking> read_chrony_reply(std::span<const uint8_t> reply, uint32_t sequence) {
    if (reply.size() < kChronyMessageBytes || reply[0] != kVersion || reply[1] != kReply ||
        load_be16(&reply[4]) != kAskTracking || load_be16(&reply[6]) != kTellTracking ||
        load_be16(&reply[8]) != kSuccess || load_be32(&reply[16]) != sequence)
        return std::nullopt;
    ChronyTracking tracking;
    tracking.source = read_source(load_be32(&reply[28]), &reply[32]);
    tracking.stratum = load_be16(&reply[52]);
    tracking.synchronised = load_be16(&reply[54]) != kUnsynchronised;
    tracking.reference_time = read_time(&reply[56]);
    tracking.last_offset = read_seconds(&reply[72]);
    tracking.rms_offset = read_seconds(&reply[76]);
    tracking.root_delay = read_seconds(&reply[92]);
    tracking.root_dispersion = read_seconds(&reply[96]);
    return tracking;
}

ChronyClient::ChronyClient(uint16_t port)
    : socket_{::socket(AF_INET, SOCK_DGRAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0)} {
    sockaddr_in chronyd{};
    chronyd.sin_family = AF_INET;
    chronyd.sin_port = htons(port);
    chronyd.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    // Connected: only it is heard, and its absence is an error that is told, and ignored.
    if (::connect(socket_.get(), reinterpret_cast<const sockaddr*>(&chronyd), sizeof chronyd) != 0)
        socket_ = Fd{};
}

const std::optional<ChronyTracking>& ChronyClient::look(Instant now) {
    if (!socket_) return tracking_;
    take_replies(now);
    if (tracking_ && now - answered_ > kSilent) tracking_.reset();
    if (now < next_request_) return tracking_;
    next_request_ = now + kInterval;
    const auto request = chrony_request(++sequence_);
    static_cast<void>(::send(socket_.get(), request.data(), request.size(), 0));
    return tracking_;
}

void ChronyClient::take_replies(Instant now) {
    std::array<uint8_t, 1024> buffer{};
    constexpr int kAtMost = 4;
    for (int i = 0; i < kAtMost; ++i) {
        const ssize_t size = ::recv(socket_.get(), buffer.data(), buffer.size(), 0);
        if (size <= 0) return;
        const std::span<const uint8_t> reply{buffer.data(), static_cast<size_t>(size)};
        if (auto tracking = read_chrony_reply(reply, sequence_)) {
            tracking_ = std::move(tracking);
            answered_ = now;
        }
    }
}

}  // namespace ravelin
