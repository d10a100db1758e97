// SPDX-License-Identifier: BSD-3-Clause
// How fragments leave: put together to be judged, let go, forgotten.
#include "base/byteorder.h"
#include "base/check.h"
#include "conntrack/fragments.h"
#include "packet/checksum.h"
#include "packet/ipv4.h"
#include "packet/ipv6.h"

#include <algorithm>
#include <cstring>

namespace ravelin {

namespace {

/// IPv4: the length of the whole, no fragment fields.
void patch_ipv4(uint8_t* l3, size_t header, uint32_t total) noexcept {
    store_be16(l3 + 2, static_cast<uint16_t>(header + total));
    store_be16(l3 + 6, static_cast<uint16_t>(load_be16(l3 + 6) & 0x4000));
    store_be16(l3 + 10, 0);
    store_be16(l3 + 10, checksum_of(checksum_sum(l3, header)));
}

/// IPv6: the length of the whole; what pointed at the fragment header points at `next_header`.
/// `headers` are the bytes from the fixed header up to the fragment header.
void patch_ipv6(uint8_t* l3, size_t headers, uint8_t next_header, uint32_t total) noexcept {
    store_be16(l3 + 4, static_cast<uint16_t>(headers - Ipv6::kLength + total));
    size_t pointer = 6;
    for (size_t at = Ipv6::kLength; at < headers; at += (l3[at + 1] + 1U) * 8)
        pointer = at;
    l3[pointer] = next_header;
}

}  // namespace

Frame FragmentTable::assemble(uint32_t index, DropReason& reason) noexcept {
    constexpr size_t kFragmentHeader = 8;
    const Datagram& datagram = datagrams_[index];
    const Slot& first = slots_[datagram.part[0].slot];
    const bool v6 = datagram.key.family() == Family::Ipv6;
    const size_t headers = v6 ? first.data - kFragmentHeader : first.data;
    Frame frame = first.frame;
    frame.buffer = nullptr;
    frame.data = &scratch_[0];
    frame.length = static_cast<uint32_t>(headers + datagram.total);
    frame.l4_checksum_good = false;
    // Only now it's known how long the headers before the first fragment's bytes are.
    const size_t counted = frame.length - first.l3 - (v6 ? Ipv6::kLength : 0);
    reason = counted > UINT16_MAX ? DropReason::FragmentTooLong : DropReason::None;
    if (reason != DropReason::None) return frame;

    uint8_t* const out = &scratch_[0];
    std::memcpy(out, first.frame.data, headers);
    for (uint32_t i = 0; i < datagram.parts; ++i) {
        const Part& part = datagram.part[i];
        const Slot& slot = slots_[part.slot];
        std::memcpy(out + headers + part.offset, slot.frame.data + slot.data,
                    static_cast<size_t>(part.end - part.offset));
    }
    if (v6) {
        patch_ipv6(out + first.l3, headers - first.l3, first.frame.data[headers], datagram.total);
    } else {
        patch_ipv4(out + first.l3, headers - first.l3, datagram.total);
    }
    return frame;
}

void FragmentTable::settle(uint32_t datagram, const DatagramVerdict& verdict,
                           uint32_t place) noexcept {
    release(datagram, verdict, place);
    forget(datagram);
}

void FragmentTable::release(uint32_t index, const DatagramVerdict& verdict,
                            uint32_t place) noexcept {
    Datagram& datagram = datagrams_[index];
    if (datagram.first_slot == kNone) return;
    DCHECK(group_count_ < groups_.size());
    const size_t end = size_t{group_head_} + group_count_++;
    groups_[end < groups_.size() ? end : end - groups_.size()] = {
        .first = datagram.first_slot, .place = place, .verdict = verdict};
    Source& source = sources_[datagram.source];
    source.fragments -= datagram.parts;
    source.bytes -= datagram.bytes;
    waiting_ -= datagram.parts;
    waiting_bytes_ -= datagram.bytes;
    --incomplete_;
    datagram.first_slot = datagram.last_slot = kNone;
    datagram.bytes = datagram.covered = datagram.total = datagram.parts = 0;
}

void FragmentTable::drop(uint32_t index, DropReason reason, uint32_t place) noexcept {
    release(index, {.reason = reason, .family = datagrams_[index].key.family()}, place);
}

Duration FragmentTable::expire(const FragmentOptions& options, Instant now,
                               uint32_t budget) noexcept {
    Duration late{};
    for (const List& list : by_age_) {
        while (list.head != kNone) {
            const uint32_t index = list.head;
            const Instant end = datagrams_[index].arrived + timeout_of(datagrams_[index], options);
            if (now < end) break;
            if (budget == 0) {
                late = std::max(late, now - end + Duration{1});
                break;
            }
            --budget;
            drop(index, DropReason::FragmentTimeout, 0);
            forget(index);
        }
    }
    return late;
}

void FragmentTable::clear(DropReason reason) noexcept {
    for (const List& list : by_age_) {
        while (list.head != kNone) {
            const uint32_t index = list.head;
            drop(index, reason, 0);
            forget(index);
        }
    }
}

bool FragmentTable::next(FragmentGroup& group) noexcept {
    if (group_count_ == 0) return false;
    group = groups_[group_head_];
    if (++group_head_ == groups_.size()) group_head_ = 0;
    --group_count_;
    return true;
}

bool FragmentTable::take(FragmentGroup& group, Frame& frame) noexcept {
    if (group.first == kNone) return false;
    Slot& slot = slots_[group.first];
    const uint32_t index = group.first;
    frame = slot.frame;
    group.first = slot.next;
    slot.next = free_slot_;
    free_slot_ = index;
    --held_;
    return true;
}

}  // namespace ravelin
