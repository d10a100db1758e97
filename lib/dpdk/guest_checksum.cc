// SPDX-License-Identifier: BSD-3-Clause
#include "dpdk/guest_checksum.h"

#include "packet/parse.h"

#include <rte_ip.h>

#include <cstring>
#include <optional>
#include <span>

namespace ravelin {
namespace {

/// Only to find the L4 header; what may pass is decided later.
constexpr ParseOptions kLenient{.verify_checksums = false,
                                .refuse_ipv4_options = false,
                                .refuse_martians = false,
                                .refuse_routing_header = false,
                                .refuse_ttl_zero = false};

std::optional<size_t> checksum_offset(uint8_t protocol) noexcept {
    if (protocol == ip_protocol::kTcp) return 16;
    if (protocol == ip_protocol::kUdp) return 6;
    return std::nullopt;
}

}  // namespace

void finish_checksum(Frame& frame) noexcept {
    auto* buffer = static_cast<rte_mbuf*>(frame.buffer);
    if (!RTE_MBUF_DIRECT(buffer) || rte_mbuf_refcnt_read(buffer) != 1) return;
    Headers headers;
    const std::span<const uint8_t> bytes{frame.data, frame.length};
    if (parse(bytes, kLenient, true, headers) != DropReason::None) return;
    const auto offset = checksum_offset(headers.protocol);
    if (headers.family == Family::None || headers.is_fragment || !offset) return;
    const size_t end = size_t{headers.l4_offset} + headers.l4_length;
    if (*offset + sizeof(uint16_t) > headers.l4_length || end > frame.length) return;

    uint8_t* l4 = rte_pktmbuf_mtod_offset(buffer, uint8_t*, headers.l4_offset);
    // The field takes part: it holds the sum over the pseudo header.
    auto checksum = static_cast<uint16_t>(~rte_raw_cksum(l4, headers.l4_length));
    if (checksum == 0 && headers.protocol == ip_protocol::kUdp) checksum = 0xffff;  // RFC 768
    std::memcpy(l4 + *offset, &checksum, sizeof checksum);
    frame.l4_checksum_good = true;
}

}  // namespace ravelin
