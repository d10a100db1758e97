// SPDX-License-Identifier: BSD-3-Clause
#include "packet/parse.h"

#include "packet/parse_any.h"
#include "packet/plain.h"

namespace ravelin {
namespace {

/// A fragment, nothing wrong with it.
bool parse_plain_fragment(std::span<const uint8_t> frame, Headers& headers) noexcept {
    using namespace plain;
    if (!has_plain_header(frame)) return false;
    const Header ip{frame.data() + kIp};
    if (!ip.is_fragment() || !is_good(ip, frame)) return false;
    headers = {.ether_type = ether_type::kIpv4,
               .family = Family::Ipv4,
               .protocol = ip.protocol(),
               .l3_offset = kIp,
               .l4_offset = kUpper,
               .ip_length = ip_length(frame),
               .l4_length = ip_length(frame) - static_cast<uint32_t>(Ipv4::kMinimumLength),
               .ttl = ip.ttl(),
               .is_fragment = true,
               .fragment_offset = ip.fragment_offset(),
               .fragment_data = kUpper};
    return true;
}

}  // namespace

DropReason parse(std::span<const uint8_t> frame, const ParseOptions& options, bool l4_checksum_good,
                 Headers& headers) noexcept {
    if (parse_plain(frame, options.verify_checksums && !l4_checksum_good, headers))
        return DropReason::None;
    return parse_rare(frame, options, l4_checksum_good, headers);
}

DropReason parse_rare(std::span<const uint8_t> frame, const ParseOptions& options,
                      bool l4_checksum_good, Headers& headers) noexcept {
    if (parse_plain_fragment(frame, headers)) return DropReason::None;
    return parse_any(frame, options, l4_checksum_good, headers);
}

}  // namespace ravelin
