// SPDX-License-Identifier: BSD-3-Clause
#include "base/byteorder.h"
#include "packets.h"
#include "support/headers_check.h"

#include <gtest/gtest.h>

namespace ravelin {
namespace {

using testing::broken_promise;
using testing::Bytes;
using testing::NamedPacket;
using testing::parse_bytes;
using testing::valid_packets;

Bytes first(const Bytes& bytes, size_t size) {
    return {bytes.begin(), bytes.begin() + static_cast<std::ptrdiff_t>(size)};
}

TEST(ParseCut, a_frame_cut_at_any_length_is_refused_for_what_is_missing) {
    for (const NamedPacket& packet : valid_packets()) {
        const size_t ip = testing::ip_offset(packet.bytes);
        const bool v6 = packet.bytes[ip] >> 4 == 6;
        const size_t header = v6 ? 40 : (packet.bytes[ip] & 0xfU) * 4;
        for (size_t size = 0; size < packet.bytes.size(); ++size) {
            Headers headers;
            const Bytes cut = first(packet.bytes, size);
            const DropReason reason = parse_bytes(cut, headers);
            DropReason expected = v6 ? DropReason::Ipv6Malformed : DropReason::Ipv4Malformed;
            if (size < ip) expected = DropReason::L2Malformed;
            if (size >= ip + header) expected = DropReason::IpTruncated;
            ASSERT_EQ(keyword(reason), keyword(expected)) << packet.name << " cut to " << size;
            ASSERT_EQ(broken_promise(reason, headers, size), nullptr) << packet.name << size;
        }
    }
}

/// Cut as well, but so that IP's own length and checksum know of it.
Bytes shortened(const Bytes& bytes, size_t size) {
    Bytes out = first(bytes, size);
    const size_t ip = testing::ip_offset(bytes);
    if (out[ip] >> 4 == 6) {
        store_be16(&out[ip + 4], static_cast<uint16_t>(size - ip - 40));
        return out;
    }
    const size_t header = (out[ip] & 0xfU) * 4;
    store_be16(&out[ip + 2], static_cast<uint16_t>(size - ip));
    store_be16(&out[ip + 10], 0);
    store_be16(&out[ip + 10], testing::internet_checksum({&out[ip], header}));
    return out;
}

TEST(ParseCut, a_packet_that_ends_early_by_its_own_word_is_refused_or_taken_as_what_it_is) {
    for (const NamedPacket& packet : valid_packets()) {
        const size_t ip = testing::ip_offset(packet.bytes);
        const bool v6 = packet.bytes[ip] >> 4 == 6;
        const size_t header = v6 ? 40 : (packet.bytes[ip] & 0xfU) * 4;
        for (size_t size = ip + header; size < packet.bytes.size(); ++size) {
            for (const bool verify : {true, false}) {
                ParseOptions options;
                options.verify_checksums = verify;
                Headers headers;
                const DropReason reason =
                    parse_bytes(shortened(packet.bytes, size), headers, options);
                ASSERT_EQ(broken_promise(reason, headers, size), nullptr) << packet.name << size;
                if (reason == DropReason::None) {
                    ASSERT_EQ(headers.l3_offset + headers.ip_length, size) << packet.name;
                    continue;
                }
                ASSERT_TRUE(reason == DropReason::L4Malformed || reason == DropReason::L4Checksum ||
                            reason == DropReason::Ipv6ExtensionTruncated ||
                            reason == DropReason::Ipv6Jumbogram ||
                            reason == DropReason::MartianSource)
                    << packet.name << " of " << size << ": " << keyword(reason);
            }
        }
    }
}

TEST(ParseCut, padding_of_any_length_changes_nothing) {
    for (const NamedPacket& packet : valid_packets()) {
        Headers plain;
        ASSERT_EQ(parse_bytes(packet.bytes, plain), DropReason::None);
        for (size_t padding = 1; padding <= 64; ++padding) {
            Bytes padded = packet.bytes;
            padded.insert(padded.end(), padding, 0xa5);
            Headers headers;
            ASSERT_EQ(parse_bytes(padded, headers), DropReason::None) << packet.name << padding;
            ASSERT_EQ(headers, plain) << packet.name << padding;
        }
    }
}

TEST(ParseCut, any_flipped_bit_of_an_ipv4_header_is_found_by_its_checksum) {
    for (const NamedPacket& packet : valid_packets()) {
        const size_t ip = testing::ip_offset(packet.bytes);
        if (packet.bytes[ip] >> 4 != 4) continue;
        const size_t header = (packet.bytes[ip] & 0xfU) * 4;
        for (size_t bit = 0; bit < header * 8; ++bit) {
            Bytes damaged = packet.bytes;
            damaged[ip + bit / 8] ^= static_cast<uint8_t>(1U << (bit % 8));
            Headers headers;
            const DropReason reason = parse_bytes(damaged, headers);
            // The first byte says where the header ends: with another the sum has no place.
            const bool no_header = bit < 8 && reason == DropReason::Ipv4Malformed;
            ASSERT_TRUE(reason == DropReason::Ipv4Checksum || no_header)
                << packet.name << " bit " << bit << ": " << keyword(reason);
        }
    }
}

TEST(ParseCut, any_flipped_bit_behind_ip_is_found_by_the_checksum_or_changes_the_protocol) {
    for (const NamedPacket& packet : valid_packets()) {
        Headers headers;
        parse_bytes(packet.bytes, headers);
        const uint8_t protocol = headers.protocol;
        if (protocol != ip_protocol::kTcp && protocol != ip_protocol::kUdp &&
            protocol != ip_protocol::kIcmp && protocol != ip_protocol::kIcmpv6) {
            continue;
        }
        const size_t start = headers.l4_offset;
        for (size_t bit = 0; bit < headers.l4_length * 8; ++bit) {
            Bytes damaged = packet.bytes;
            damaged[start + bit / 8] ^= static_cast<uint8_t>(1U << (bit % 8));
            Headers other;
            // Damage may make it no DHCP request, no neighbour solicitation: refused for that.
            ASSERT_NE(parse_bytes(damaged, other), DropReason::None) << packet.name << bit;
        }
    }
}

}  // namespace
}  // namespace ravelin
