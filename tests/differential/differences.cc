// SPDX-License-Identifier: BSD-3-Clause
#include "differences.h"

#include "base/byteorder.h"
#include "frame.h"
#include "packet/ipv6.h"
#include "packet/parse.h"

#include <algorithm>
#include <array>

namespace ravelin::differential {

bool is_tcp_reset(std::span<const uint8_t> frame) {
    constexpr size_t kFlags = 13;
    const Place at = place_behind_options(frame);
    const Extent extent = extent_of(frame);
    if (at.protocol != ip_protocol::kTcp || kFlags < extent.from || kFlags >= extent.to)
        return false;
    return (frame[at.l4 + kFlags - extent.from] & tcp_flag::kRst) != 0;
}

bool is_atomic_fragment(std::span<const uint8_t> frame) {
    const Place at = place_of(frame);
    return at.family == Family::Ipv6 && at.protocol == ip_protocol::kFragment &&
           frame.size() >= at.l4 + 8 && (load_be16(&frame[at.l4 + 2]) & 0xfff9) == 0;
}

namespace {

bool has_direction(CtClass ct_class) {
    return ct_class == CtClass::New || ct_class == CtClass::Established ||
           ct_class == CtClass::Related;
}

bool same_remaining(const EntryCase& c) {
    // The kernel rounds down to whole seconds.
    return c.ravelin->remaining > c.kernel->remaining - 1s - c.delay &&
           c.ravelin->remaining < c.kernel->remaining + 2s + c.delay;
}

/// Gone on one side, and on the other about to go within the time that the kernel lags behind.
bool ends_within_the_delay(const EntryCase& c) {
    if (c.ravelin == nullptr) return c.kernel->remaining < 1s + c.delay;
    return c.kernel == nullptr && c.ravelin->remaining < c.delay;
}

/// By no more than the headers of atomic fragments.
bool differ_by_fragment_headers(const EntryCase& c) {
    const uint64_t kernel = c.kernel->bytes[0] + c.kernel->bytes[1];
    const uint64_t ravelin = c.ravelin->bytes[0] + c.ravelin->bytes[1];
    const uint64_t more = ravelin - kernel;
    return ravelin > kernel && more % 8 == 0 && more <= uint64_t{8} * c.atomic_fragments;
}

bool counts_fragment_headers(const EntryCase& c) {
    return c.kernel != nullptr && c.ravelin != nullptr && differing_fields(c) == "bytes" &&
           differ_by_fragment_headers(c);
}

/// A stream only because virtual time has passed. D25 may come on top.
bool is_young_stream(const EntryCase& c) {
    if (c.kernel == nullptr || c.ravelin == nullptr || !c.real_time_is_short) return false;
    const std::string fields = differing_fields(c);
    if (c.ravelin->original.protocol != ip_protocol::kUdp) return false;
    if (fields == "ASSURED, bytes, remaining time") return differ_by_fragment_headers(c);
    return fields == "ASSURED, remaining time" || fields == "ASSURED";
}

bool same_judgement(const Verdict& a, const Verdict& b) {
    return a.came_out && a.ct_class == b.ct_class &&
           (!has_direction(a.ct_class) || a.direction == b.direction);
}

/// The bytes of the IP packet.
std::span<const uint8_t> packet_of(std::span<const uint8_t> frame) {
    return frame.subspan(std::min(frame.size(), place_of(frame).l3));
}

bool is_icmp_error_frame(const PacketCase& c, std::span<const uint8_t>& quote) {
    const Place at = place_behind_options(c.frame);
    const bool v6 = at.family == Family::Ipv6;
    if (at.protocol != (v6 ? ip_protocol::kIcmpv6 : ip_protocol::kIcmp)) return false;
    if (c.frame.size() <= at.l4 + 8) return false;
    quote = c.frame.subspan(at.l4 + 8);
    return is_icmp_error(at.family, c.frame[at.l4]) || (v6 && c.frame[at.l4] == 137);
}

/// The next header of an IPv6 packet, whole or quoted; 59 when it is cut or IPv4.
uint8_t next_header(std::span<const uint8_t> ip, Family family) {
    return family == Family::Ipv6 && ip.size() >= 40 ? ip[6] : ip_protocol::kNoNextHeader;
}

/// AH over IPv6: the kernel walks over it, here it is a protocol. Even when the two agree on the
/// class, their entries differ.
bool is_ipv6_ah(std::span<const uint8_t> frame) {
    const Place at = place_behind_options(frame);
    return at.family == Family::Ipv6 && at.protocol == ip_protocol::kAh;
}

bool is_refused_extension(DropReason reason) {
    return reason >= DropReason::Ipv6Jumbogram && reason <= DropReason::Ipv6RoutingHeader;
}

/// Headers that only one of the two takes for extension headers, or refuses as such.
bool is_extension_matter(const PacketCase& c) {
    const DropReason reason = c.ravelin.reason;
    if (is_refused_extension(reason)) return true;
    if (is_ipv6_ah(c.frame)) return true;
    std::span<const uint8_t> quote;
    if (!is_icmp_error_frame(c, quote)) return false;
    const uint8_t next = next_header(quote, place_of(c.frame).family);
    return next == ip_protocol::kAh ||
           (next != ip_protocol::kNoNextHeader && is_extension_header(next) &&
            reason == DropReason::IcmpErrorMalformed);
}

/// ESP, AH or GRE that ends within its header, which the generic tracker doesn't read.
bool is_short_header(const PacketCase& c) {
    const uint8_t protocol = place_of(c.frame).protocol;
    const bool known = protocol == ip_protocol::kEsp || protocol == ip_protocol::kAh ||
                       protocol == ip_protocol::kGre;
    return known && c.ravelin.reason == DropReason::L4Malformed && c.kernel.came_out &&
           (c.kernel.ct_class == CtClass::New || c.kernel.ct_class == CtClass::Established);
}

bool is_land(const PacketCase& c) {
    const Place at = place_of(c.frame);
    if (c.frame.size() < at.l4 || source_of(c.frame, at) != destination_of(c.frame, at))
        return false;
    const bool is_answer = has_direction(c.kernel.ct_class) &&
                           c.kernel.direction == Direction::Reply &&
                           c.ravelin.direction == Direction::Original;
    return is_answer ||
           (c.kernel.ct_class == CtClass::Invalid && c.ravelin.ct_class == CtClass::New);
}

bool is_dropped_before(const PacketCase& c) {
    return !c.is_fragment && !c.kernel.came_out && !c.ravelin.came_out &&
           c.ravelin.reason < DropReason::L4Malformed;
}

bool is_udp_with_surplus(const PacketCase& c) {
    const Place at = place_of(c.frame);
    if (at.protocol != ip_protocol::kUdp || c.frame.size() < at.l4 + 8) return false;
    const std::span<const uint8_t> ip = packet_of(c.frame);
    const size_t length = at.family == Family::Ipv6 ? 40U + load_be16(&ip[4]) : load_be16(&ip[2]);
    const size_t header = at.l4 - at.l3;
    const size_t datagram = load_be16(&c.frame[at.l4 + 4]);
    if (length < header || datagram >= length - header) return false;
    return (c.kernel.ct_class == CtClass::Invalid) != (c.ravelin.reason == DropReason::L4Checksum);
}

bool is_quoted_version(const PacketCase& c) {
    std::span<const uint8_t> quote;
    if (!is_icmp_error_frame(c, quote)) return false;
    const bool v6 = place_of(c.frame).family == Family::Ipv6;
    return c.kernel.ct_class == CtClass::Related &&
           c.ravelin.reason == DropReason::IcmpErrorMalformed &&
           (quote[0] >> 4 != (v6 ? 6 : 4) || (!v6 && (quote[0] & 0xf) < 5));
}

/// What follows shows it, too: for the kernel the connection is closed or gone.
bool is_forgiven_reset(const PacketCase& c) {
    if (!c.campaign.tracking.tcp_be_liberal || !c.after_reset) return false;
    std::span<const uint8_t> quote;
    return place_behind_options(c.frame).protocol == ip_protocol::kTcp ||
           is_icmp_error_frame(c, quote);
}

/// Both let it through, but only for the kernel it closes.
bool was_forgiven_reset(const EntryCase& c) {
    const Entry& entry = c.ravelin != nullptr ? *c.ravelin : *c.kernel;
    return c.campaign.tracking.tcp_be_liberal && c.after_reset &&
           entry.original.protocol == ip_protocol::kTcp;
}

bool is_trimmed(const PacketCase& c) {
    return c.kernel.trimmed && !c.kernel.altered && same_judgement(c.kernel, c.ravelin);
}

/// The kernel drops what one run of adjacent fragments covers, whatever its bytes, and gives up the
/// datagram for any other overlap; here an equal copy is dropped alone (netfilter
/// inet_frag_queue_insert()).
bool is_other_overlap(const PacketCase& c) {
    if (c.differing_copy) return true;
    return c.overlaps && (c.ravelin.reason == DropReason::FragmentDuplicate ||
                          c.ravelin.reason == DropReason::FragmentOverlap);
}

/// An SCTP packet of several chunks that both refuse, perhaps not for its first chunk.
bool is_refused_bundle(const PacketCase& c) {
    const Place at = place_behind_options(c.frame);
    constexpr size_t kFirstChunk = 12;
    if (at.protocol != ip_protocol::kSctp || c.ravelin.ct_class != CtClass::Invalid) return false;
    if (c.is_fragment || c.frame.size() < at.l4 + kFirstChunk + 4) return c.is_fragment;
    return c.frame.size() >
           at.l4 + kFirstChunk + ((load_be16(&c.frame[at.l4 + kFirstChunk + 2]) + 3U) & ~3U);
}

bool is_header_chain_cut(const PacketCase& c) {
    return c.is_fragment && c.ravelin.reason == DropReason::FragmentHeaderChain;
}

constexpr std::array<Difference, 17> kDifferences{{
    {.code = "D07",
     .reason = "the kernel calls UDP a stream after two seconds that can't be stepped over",
     .entry = is_young_stream},
    {.code = "D08",
     .reason = "an entry ends too close to a step: seconds there, ticks of 10 ms here",
     .entry = ends_within_the_delay},
    {.code = "D11",
     .reason = "IPv6 extension headers: their number and order are bounded, AH is a protocol",
     .packet = is_extension_matter},
    {.code = "D12",
     .reason = "source and destination are one: the kernel takes the second packet for an answer",
     .packet = is_land},
    {.code = "D13",
     .reason = "the bridge drops a broken IP header before connection tracking sees it",
     .packet = is_dropped_before,
     .harmless = true},
    {.code = "D14",
     .reason = "a VLAN tag is part of the key here, the kernel's has none",
     .packet = [](const PacketCase& c) { return c.retagged; },
     .entry = [](const EntryCase& c) { return c.retagged; }},
    {.code = "D15",
     .reason = "ESP, AH and GRE that end within their header are no packets of theirs",
     .packet = is_short_header},
    {.code = "D21",
     .reason = "the bridge cuts off what follows the IP packet; here bytes leave as they came",
     .packet = is_trimmed,
     .harmless = true},
    {.code = "D22",
     .reason = "UDP shorter than its IP packet: RFC 768 sums the datagram, the kernel all of it",
     .packet = is_udp_with_surplus},
    {.code = "D23",
     .reason =
         "the kernel looks neither at the version nor at a small length of a quoted IP header",
     .packet = is_quoted_version,
     .harmless = true},
    {.code = "D24",
     .reason = "be_liberal: the kernel forgives an RST, too (threats T21); here it never is",
     .packet = is_forgiven_reset,
     .entry = was_forgiven_reset},
    {.code = "D25",
     .reason =
         "an atomic fragment is accounted as it passes; the kernel takes its header off first",
     .entry = counts_fragment_headers,
     .harmless = true},
    {.code = "D26",
     .reason = "overlaps: bytes that are there already, and the same, are a copy; the kernel "
               "looks at where runs of fragments end",
     .packet = is_other_overlap,
     .unseen = true},
    {.code = "D27",
     .reason = "an atomic fragment has nothing to do with others of its number (RFC 6946)",
     .packet = [](const PacketCase& c) { return c.atomic_among_others; }},
    {.code = "D28",
     .reason = "a fragment in the middle whose length is no multiple of eight is dropped alone; "
               "the kernel cuts it, or for IPv6 lets it pass",
     .packet = [](const PacketCase& c) { return c.odd_among_others; }},
    {.code = "D29",
     .reason = "IPv6: the first fragment has to hold SCTP's header, too (RFC 7112)",
     .packet = is_header_chain_cut},
    {.code = "D30",
     .reason = "SCTP: a refused packet changes nothing; the kernel keeps what its first chunks did",
     .packet = is_refused_bundle},
}};

}  // namespace

std::span<const Difference> differences() {
    return kDifferences;
}

size_t index_of(const Difference& difference) {
    return static_cast<size_t>(&difference - kDifferences.data());
}

const Difference& near_its_end() {
    return kDifferences[1];
}

bool agree(const PacketCase& c) {
    if (c.atomic_among_others || c.odd_among_others || c.differing_copy) return false;
    // Of what was refused here before anybody tracked it the kernel may have learned, INVALID
    // though it calls it.
    if (c.kernel.came_out &&
        (c.ravelin.reason == DropReason::FragmentOverlap || is_refused_extension(c.ravelin.reason)))
        return false;
    return !c.kernel.altered && !c.kernel.trimmed && same_judgement(c.kernel, c.ravelin) &&
           !is_ipv6_ah(c.frame) && !is_refused_bundle(c);
}

bool agree(const EntryCase& c) {
    return differing_fields(c).empty();
}

std::string differing_fields(const EntryCase& c) {
    if (c.kernel == nullptr) return "being there: Ravelin's only";
    if (c.ravelin == nullptr) return "being there: the kernel's only";
    const Entry& a = *c.kernel;
    const Entry& b = *c.ravelin;
    std::string fields;
    const auto compare = [&](bool same, const char* name) {
        if (!same) fields.append(fields.empty() ? "" : ", ").append(name);
    };
    compare(a.reply == b.reply, "reply tuple");
    compare(a.state == b.state, "state");
    compare(a.seen_reply == b.seen_reply, "SEEN_REPLY");
    compare(a.assured == b.assured, "ASSURED");
    compare(a.packets == b.packets, "packets");
    compare(a.bytes == b.bytes, "bytes");
    compare(same_remaining(c), "remaining time");
    return fields;
}

const Difference* explain(const PacketCase& packet) {
    for (const Difference& difference : kDifferences)
        if (difference.packet != nullptr && difference.packet(packet)) return &difference;
    return nullptr;
}

const Difference* explain(const EntryCase& entry) {
    for (const Difference& difference : kDifferences)
        if (difference.entry != nullptr && difference.entry(entry)) return &difference;
    return nullptr;
}

}  // namespace ravelin::differential
