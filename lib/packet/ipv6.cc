// SPDX-License-Identifier: BSD-3-Clause
#include "packet/ipv6.h"

#include "packet/headers.h"

namespace ravelin {
namespace {

constexpr size_t kMaxChainBytes = 512;
/// Options in one hop-by-hop header, padding included (RFC 8504 5.3 suggests 8 without padding).
constexpr size_t kMaxOptions = 16;

namespace option {
constexpr uint8_t kPad1 = 0;
constexpr uint8_t kJumbo = 0xc2;  // RFC 2675
}  // namespace option

/// The options behind the first two bytes of a hop-by-hop header fill it exactly.
DropReason check_options(std::span<const uint8_t> options) noexcept {
    for (size_t count = 0; !options.empty(); ++count) {
        if (count == kMaxOptions) return DropReason::Ipv6HopByHopOptions;
        if (options[0] == option::kJumbo) return DropReason::Ipv6Jumbogram;
        const bool single = options[0] == option::kPad1;
        if (!single && options.size() < 2) return DropReason::Ipv6HopByHopOptions;
        const size_t length = single ? 1 : options[1] + 2U;
        if (length > options.size()) return DropReason::Ipv6HopByHopOptions;
        options = options.subspan(length);
    }
    return DropReason::None;
}

/// How often each header may come; `seen` counts them.
struct Seen {
    uint8_t destination_options = 0;
    uint8_t routing = 0;
    uint8_t fragment = 0;
};

/// Judges one header that lies wholly inside `header`; `index` is its place in the chain.
DropReason check_header(uint8_t type, size_t index, std::span<const uint8_t> header,
                        bool refuse_routing_header, Seen& seen) noexcept {
    bool repeated = false;
    switch (type) {
        case ip_protocol::kHopByHop:
            return index == 0 ? check_options(header.subspan(2)) : DropReason::Ipv6ExtensionOrder;
        case ip_protocol::kDestinationOptions:
            repeated = ++seen.destination_options > 2;
            break;
        case ip_protocol::kRouting:
            // Type 0 lets one packet bounce between two hosts: RFC 5095.
            if (refuse_routing_header || header[2] == 0) return DropReason::Ipv6RoutingHeader;
            repeated = ++seen.routing > 1;
            break;
        default:
            repeated = ++seen.fragment > 1;
            break;
    }
    return repeated ? DropReason::Ipv6ExtensionRepeated : DropReason::None;
}

/// The length of the header of type `type` at the start of `rest`, the last bytes of the packet;
/// 0: it is cut.
size_t length_of(uint8_t type, std::span<const uint8_t> rest) noexcept {
    if (rest.size() < 8) return 0;
    const size_t length = type == ip_protocol::kFragment ? 8 : (rest[1] + 1U) * 8;
    return length <= rest.size() ? length : 0;
}

}  // namespace

bool is_extension_header(uint8_t next_header) noexcept {
    switch (next_header) {
        case ip_protocol::kHopByHop:
        case ip_protocol::kRouting:
        case ip_protocol::kFragment:
        case ip_protocol::kNoNextHeader:
        case ip_protocol::kDestinationOptions:
            return true;
        default:
            return false;
    }
}

DropReason walk_extension_headers(uint8_t next, std::span<const uint8_t> bytes,
                                  bool refuse_routing_header, ExtensionChain& chain) noexcept {
    Seen seen;
    size_t at = 0;
    // Five headers at most: each kind has its number.
    for (size_t index = 0; is_extension_header(next); ++index) {
        // RFC 8200 4.7: nothing follows, so there is nothing to track.
        if (next == ip_protocol::kNoNextHeader) return DropReason::Ipv6NoNextHeader;
        const size_t length = length_of(next, bytes.subspan(at));
        if (length == 0) {
            // The rest of a first fragment's chain may be in the next one.
            if (chain.is_fragment) break;
            return DropReason::Ipv6ExtensionTruncated;
        }
        if (at + length > kMaxChainBytes) return DropReason::Ipv6ExtensionLength;
        const auto header = bytes.subspan(at, length);
        const DropReason reason = check_header(next, index, header, refuse_routing_header, seen);
        if (reason != DropReason::None) return reason;
        const bool fragment = next == ip_protocol::kFragment;
        next = header[0];
        at += length;
        if (!fragment) continue;
        const uint16_t field = load_be16(&header[2]);
        chain.fragment_offset = field & 0xfff8;
        chain.fragment_data = static_cast<uint16_t>(at);
        chain.is_fragment = (field & 0xfff9) != 0;
        chain.is_atomic = !chain.is_fragment;
        if (chain.fragment_offset != 0) break;
    }
    chain.protocol = next;
    chain.length = static_cast<uint16_t>(at);
    return DropReason::None;
}

}  // namespace ravelin
