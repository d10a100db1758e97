// SPDX-License-Identifier: BSD-3-Clause
#include "conntrack/fragments.h"

#include "base/byteorder.h"
#include "base/check.h"
#include "packet/icmp.h"
#include "packet/ipv4.h"
#include "packet/ipv6.h"
#include "packet/tcp.h"
#include "packet/udp.h"

#include <algorithm>
#include <cstring>

namespace ravelin {

namespace {

constexpr uint32_t kLongestDatagram = UINT16_MAX;
constexpr size_t kSctpHeader = 12;  // RFC 9260 3.1
constexpr uint32_t kSources = 4096;
/// Ethernet with two tags, then the longest IP packet.
constexpr size_t kScratch = 14 + 8 + 40 + size_t{UINT16_MAX} + 1;

/// What of the upper layer has to stand in a first fragment.
size_t upper_header(uint8_t protocol) noexcept {
    switch (protocol) {
        case ip_protocol::kTcp:
            return Tcp::kMinimumLength;
        case ip_protocol::kUdp:
            return Udp::kLength;
        case ip_protocol::kIcmp:
        case ip_protocol::kIcmpv6:
            return Icmp::kLength;
        case ip_protocol::kSctp:
            return kSctpHeader;
        default:
            return 0;
    }
}

}  // namespace

struct FragmentTable::Fragment {
    const Frame& frame;
    const Headers& headers;
    uint32_t offset;
    uint32_t end;
    bool more;

    Fragment(const Frame& in, const Headers& of) noexcept
        : frame{in},
          headers{of},
          offset{of.fragment_offset},
          end{offset + of.l3_offset + of.ip_length - of.fragment_data},
          more{of.family == Family::Ipv4 ? (in.data[of.l3_offset + 6] & 0x20) != 0
                                         : (in.data[of.fragment_data - 5] & 1) != 0} {}

    [[nodiscard]] uint32_t length() const noexcept { return end - offset; }
    [[nodiscard]] const uint8_t* bytes() const noexcept {
        return frame.data + headers.fragment_data;
    }
    /// The length that IP's header would have to tell for the whole datagram.
    [[nodiscard]] uint32_t packet_length() const noexcept {
        const uint32_t before = headers.fragment_data - headers.l3_offset;
        // IPv6 counts from behind its fixed header, and the fragment header goes.
        return end + (headers.family == Family::Ipv4 ? before : before - 40 - 8);
    }

    /// None, FragmentTiny or FragmentHeaderChain.
    [[nodiscard]] DropReason check_first(bool refuse_tiny) const noexcept {
        const bool v6 = headers.family == Family::Ipv6;
        const uint32_t there = headers.l3_offset + headers.ip_length - headers.l4_offset;
        const size_t header = upper_header(headers.protocol);
        // RFC 8200 4.5, RFC 7112; like netfilter's nf_ct_frag6_gather() for IPv6 in any case.
        if (v6 && (is_extension_header(headers.protocol) || there < header))
            return DropReason::FragmentHeaderChain;
        if (!refuse_tiny) return DropReason::None;
        if (there < header) return DropReason::FragmentTiny;
        // RFC 1858 3: flags and options too.
        const bool cut = headers.protocol == ip_protocol::kTcp &&
                         there < (frame.data[headers.l4_offset + 12] >> 4U) * 4U;
        return cut ? DropReason::FragmentTiny : DropReason::None;
    }
};

FragmentTable::FragmentTable(const FragmentCapacity& capacity, const HashSecret& secret)
    : capacity_{capacity},
      hash_{secret},
      table_{capacity.datagrams * 2},
      datagrams_{capacity.datagrams},
      slots_{size_t{capacity.fragments} + kSpare},
      sources_{kSources},
      groups_{size_t{capacity.datagrams} + kSpare},
      scratch_{kScratch} {
    CHECK(capacity.datagrams > 0 && capacity.fragments >= kMaxParts);
    for (uint32_t i = 0; i < capacity.datagrams; ++i)
        datagrams_[i].by_age.next = i + 1 < capacity.datagrams ? i + 1 : kNone;
    for (uint32_t i = 0; i < slots_.size(); ++i)
        slots_[i].next = i + 1 < slots_.size() ? i + 1 : kNone;
}

FragmentTable::Key::Key(const Frame& frame, const Headers& headers) noexcept {
    const uint8_t* const l3 = frame.data + headers.l3_offset;
    const bool v4 = headers.family == Family::Ipv4;
    source =
        v4 ? _mm_loadu_si32(l3 + 12) : _mm_loadu_si128(reinterpret_cast<const __m128i*>(l3 + 8));
    destination =
        v4 ? _mm_loadu_si32(l3 + 16) : _mm_loadu_si128(reinterpret_cast<const __m128i*>(l3 + 24));
    const uint32_t identification =
        v4 ? load_be16(l3 + 4) : load_be32(frame.data + headers.fragment_data - 4);
    const uint64_t vlans = headers.outer_vlan | uint64_t{headers.inner_vlan} << 16;
    const uint64_t protocol = v4 ? headers.protocol : 0;
    const uint64_t way = frame.port | protocol << 8 | uint64_t(headers.family) << 16;
    rest = _mm_set_epi64x(static_cast<int64_t>(way << 32 | vlans), identification);
}

bool FragmentTable::Key::operator==(const Key& other) const noexcept {
    const __m128i ends = _mm_or_si128(_mm_xor_si128(source, other.source),
                                      _mm_xor_si128(destination, other.destination));
    const __m128i all = _mm_or_si128(ends, _mm_xor_si128(rest, other.rest));
    return _mm_testz_si128(all, all) != 0;
}

uint32_t FragmentTable::hash_of(const Key& key) const noexcept {
    return static_cast<uint32_t>(hash_(key.source, key.destination, key.rest));
}

uint32_t FragmentTable::source_of(const Key& key) const noexcept {
    // An IPv6 site has at least a /64 of addresses to spread over.
    const __m128i family = _mm_cvtsi32_si128(static_cast<int>(key.family()));
    return static_cast<uint32_t>(hash_(_mm_move_epi64(key.source), family)) % kSources;
}

Duration FragmentTable::timeout_of(const Datagram& datagram,
                                   const FragmentOptions& options) noexcept {
    return datagram.key.family() == Family::Ipv4 ? options.ipv4_timeout : options.ipv6_timeout;
}

template <FragmentTable::Link FragmentTable::Datagram::*kLink>
void FragmentTable::link(List& list, uint32_t index) noexcept {
    datagrams_[index].*kLink = {.previous = list.tail, .next = kNone};
    (list.tail == kNone ? list.head : (datagrams_[list.tail].*kLink).next) = index;
    list.tail = index;
}

template <FragmentTable::Link FragmentTable::Datagram::*kLink>
void FragmentTable::unlink(List& list, uint32_t index) noexcept {
    const Link link = datagrams_[index].*kLink;
    (link.previous == kNone ? list.head : (datagrams_[link.previous].*kLink).next) = link.next;
    (link.next == kNone ? list.tail : (datagrams_[link.next].*kLink).previous) = link.previous;
}

uint32_t FragmentTable::oldest() const noexcept {
    const uint32_t ipv4 = by_age_[0].head;
    const uint32_t ipv6 = by_age_[1].head;
    if (ipv4 == kNone || ipv6 == kNone) return ipv4 == kNone ? ipv6 : ipv4;
    return datagrams_[ipv4].age < datagrams_[ipv6].age ? ipv4 : ipv6;
}

void FragmentTable::forget(uint32_t index) noexcept {
    Datagram& datagram = datagrams_[index];
    table_.erase(datagram.hash, index);
    Source& source = sources_[datagram.source];
    unlink<&Datagram::by_age>(list_of(datagram.key.family()), index);
    unlink<&Datagram::by_source>(source.list, index);
    --source.datagrams;
    datagram.by_age.next = free_datagram_;
    free_datagram_ = index;
}

void FragmentTable::prefetch_oldest() const noexcept {
    const Datagram& datagram = datagrams_[oldest()];
    __builtin_prefetch(&datagrams_[datagram.by_age.next == kNone ? 0 : datagram.by_age.next]);
    __builtin_prefetch(&datagram.age);
    __builtin_prefetch(&sources_[datagram.source]);
    table_.prefetch(datagram.hash);
}

uint32_t FragmentTable::find(const Key& key, uint32_t hash, uint32_t place,
                             const FragmentOptions& options, Instant now) noexcept {
    const uint32_t index =
        table_.find(hash, [&](uint32_t at) { return datagrams_[at].key == key; });
    if (index == kNone) return kNone;
    // However far expire() is behind.
    if (now < datagrams_[index].arrived + timeout_of(datagrams_[index], options)) return index;
    drop(index, DropReason::FragmentTimeout, place);
    forget(index);
    return kNone;
}

uint32_t FragmentTable::create(const Key& key, uint32_t hash, uint32_t place,
                               const FragmentOptions& options, Instant now) noexcept {
    const uint32_t source_index = source_of(key);
    Source& source = sources_[source_index];
    const auto evict = [&](uint32_t index, DropReason reason) {
        drop(index, reason, place);
        forget(index);
    };
    while (source.datagrams != 0 && source.datagrams >= options.source_datagrams)
        evict(source.list.head, DropReason::FragmentSourceLimit);
    if (free_datagram_ == kNone) evict(oldest(), DropReason::FragmentTableFull);
    const uint32_t index = free_datagram_;
    if (!table_.insert(hash, index)) return kNone;
    Datagram& datagram = datagrams_[index];
    free_datagram_ = datagram.by_age.next;
    datagram.key = key;
    datagram.arrived = now;
    datagram.age = next_age_++;
    datagram.hash = hash;
    datagram.source = source_index;
    datagram.first_slot = datagram.last_slot = kNone;
    datagram.bytes = datagram.covered = datagram.total = datagram.parts = 0;
    datagram.poison = DropReason::None;
    link<&Datagram::by_age>(list_of(key.family()), index);
    link<&Datagram::by_source>(source.list, index);
    ++source.datagrams;
    if (free_datagram_ == kNone) prefetch_oldest();
    return index;
}

DropReason FragmentTable::check_overlap(const Datagram& datagram, const Fragment& fragment,
                                        uint32_t& at) const noexcept {
    const auto begin = datagram.part.begin();
    const auto end = begin + datagram.parts;
    // In order is the rule.
    auto part = end;
    if (datagram.parts != 0 && fragment.offset < end[-1].end) {
        part = std::partition_point(begin, end,
                                    [&](const Part& each) { return each.end <= fragment.offset; });
    }
    at = static_cast<uint32_t>(part - begin);
    uint32_t covered = 0;
    for (; part != end && part->offset < fragment.end; ++part) {
        const uint32_t from = std::max<uint32_t>(part->offset, fragment.offset);
        const uint32_t to = std::min<uint32_t>(part->end, fragment.end);
        const Slot& slot = slots_[part->slot];
        if (std::memcmp(slot.frame.data + slot.data + (from - part->offset),
                        fragment.bytes() + (from - fragment.offset), to - from) != 0) {
            return DropReason::FragmentOverlap;
        }
        covered += to - from;
    }
    if (covered == 0) return DropReason::None;
    // RFC 5722 3, and for IPv4 netfilter's inet_frag_queue_insert() too: no correct host makes
    // fragments that overlap in part.
    return covered == fragment.length() ? DropReason::FragmentDuplicate
                                        : DropReason::FragmentOverlap;
}

DropReason FragmentTable::check(const Datagram& datagram, const Fragment& fragment,
                                const FragmentOptions& options, uint32_t& at) const noexcept {
    if (fragment.packet_length() > kLongestDatagram) return DropReason::FragmentTooLong;
    // RFC 3128: a second fragment that would write over the TCP flags.
    if (options.refuse_tiny && fragment.offset == 8 &&
        fragment.headers.protocol == ip_protocol::kTcp) {
        return DropReason::FragmentTiny;
    }
    if (fragment.offset == 0) {
        const DropReason reason = fragment.check_first(options.refuse_tiny);
        if (reason != DropReason::None) return reason;
    }
    const uint32_t reached = datagram.parts == 0 ? 0 : datagram.part[datagram.parts - 1].end;
    const bool contradicts = datagram.total == 0 ? !fragment.more && reached >= fragment.end
                             : fragment.more     ? fragment.end >= datagram.total
                                                 : fragment.end != datagram.total;
    if (contradicts) return DropReason::FragmentEnd;
    const DropReason reason = check_overlap(datagram, fragment, at);
    if (reason != DropReason::None) return reason;
    return datagram.parts == kMaxParts ? DropReason::FragmentTooMany : DropReason::None;
}

DropReason FragmentTable::make_room(uint32_t index, const Frame& frame, uint32_t place,
                                    const FragmentOptions& options) noexcept {
    const Source& source = sources_[datagrams_[index].source];
    for (;;) {
        DropReason reason = DropReason::None;
        uint32_t victim = kNone;
        if (source.fragments >= options.source_fragments ||
            source.bytes + frame.length > options.source_bytes) {
            reason = DropReason::FragmentSourceLimit;
            victim = source.list.head;
        } else if (waiting_ >= capacity_.fragments ||
                   waiting_bytes_ + frame.length > options.bytes) {
            reason = DropReason::FragmentTableFull;
            victim = oldest();
        } else {
            return DropReason::None;
        }
        drop(victim, reason, place);
        if (victim == index) {
            datagrams_[index].poison = reason;
            return reason;
        }
        forget(victim);
    }
}

void FragmentTable::insert(uint32_t index, const Fragment& fragment, uint32_t at) noexcept {
    const uint32_t slot = free_slot_;
    free_slot_ = slots_[slot].next;
    slots_[slot] = {.frame = fragment.frame,
                    .next = kNone,
                    .data = fragment.headers.fragment_data,
                    .l3 = fragment.headers.l3_offset};
    Datagram& datagram = datagrams_[index];
    if (datagram.first_slot == kNone) {
        datagram.first_slot = slot;
        ++incomplete_;
    } else {
        slots_[datagram.last_slot].next = slot;
    }
    datagram.last_slot = slot;
    const auto part = datagram.part.begin() + at;
    std::copy_backward(part, datagram.part.begin() + datagram.parts,
                       datagram.part.begin() + datagram.parts + 1);
    *part = {static_cast<uint16_t>(fragment.offset), static_cast<uint16_t>(fragment.end), slot};
    ++datagram.parts;
    datagram.covered += fragment.length();
    if (!fragment.more) datagram.total = fragment.end;

    const uint32_t bytes = fragment.frame.length;
    datagram.bytes += bytes;
    waiting_bytes_ += bytes;
    ++waiting_;
    ++held_;
    Source& source = sources_[datagram.source];
    ++source.fragments;
    source.bytes += bytes;
}

uint32_t FragmentTable::prefetch(const Frame& frame, const Headers& headers) const noexcept {
    const Key key{frame, headers};
    const uint32_t hash = hash_of(key);
    table_.prefetch(hash);
    __builtin_prefetch(&sources_[source_of(key)]);
    return hash;
}

FragmentTable::Added FragmentTable::add(const Frame& frame, const Headers& headers, uint32_t hash,
                                        uint32_t place, const FragmentOptions& options,
                                        Instant now) noexcept {
    const Fragment fragment{frame, headers};
    // Nobody could put these to use, so they harm no datagram.
    if (fragment.length() == 0 || (fragment.more && fragment.length() % 8 != 0))
        return {.reason = DropReason::FragmentMalformed};
    const Key key{frame, headers};
    uint32_t index = find(key, hash, place, options, now);
    if (index == kNone) index = create(key, hash, place, options, now);
    if (index == kNone) return {.reason = DropReason::FragmentTableFull};
    Datagram& datagram = datagrams_[index];
    if (datagram.poison != DropReason::None) return {.reason = datagram.poison};

    uint32_t at = 0;
    DropReason reason = check(datagram, fragment, options, at);
    if (reason == DropReason::FragmentDuplicate) return {.reason = reason};
    if (reason != DropReason::None) {
        drop(index, reason, place);
        datagram.poison = reason;
        return {.reason = reason};
    }
    reason = make_room(index, frame, place, options);
    if (reason != DropReason::None) return {.reason = reason};
    insert(index, fragment, at);
    return {.complete = datagram.covered == datagram.total ? index : kNone};
}

}  // namespace ravelin
