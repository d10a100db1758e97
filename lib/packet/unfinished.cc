// SPDX-License-Identifier: BSD-3-Clause
#include "packet/unfinished.h"

#include "packet/checksum.h"
#include "packet/ipv4.h"
#include "packet/ipv6.h"

#include <array>
#include <cstring>

namespace ravelin {

bool has_unfinished_checksum(std::span<const uint8_t> frame, const Headers& headers) noexcept {
    if (headers.protocol == ip_protocol::kSctp) {
        // Linux leaves the CRC as zero for a card that offers NETIF_F_SCTP_CRC, as veth does.
        const size_t crc = headers.l4_offset + size_t{8};
        constexpr std::array<uint8_t, 4> kZero{};
        return crc + kZero.size() <= frame.size() &&
               std::memcmp(frame.data() + crc, kZero.data(), kZero.size()) == 0;
    }
    const bool tcp = headers.protocol == ip_protocol::kTcp;
    if (!tcp && headers.protocol != ip_protocol::kUdp) return false;
    const size_t field = headers.l4_offset + (tcp ? size_t{16} : size_t{6});
    if (field + 2 > frame.size()) return false;

    const uint8_t* const l3 = frame.data() + headers.l3_offset;
    const uint64_t pseudo =
        headers.family == Family::Ipv4
            ? checksum_pseudo_ipv4(l3 + Ipv4::kSourceOffset, headers.protocol, headers.l4_length)
            : checksum_pseudo_ipv6(l3 + Ipv6::kSourceOffset, headers.protocol, headers.l4_length);
    uint16_t stored = 0;
    std::memcpy(&stored, frame.data() + field, sizeof stored);
    return stored == checksum_fold(pseudo);
}

}  // namespace ravelin
