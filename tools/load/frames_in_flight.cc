// SPDX-License-Identifier: BSD-3-Clause
#include "frames_in_flight.h"

#include "base/check.h"
#include "frame_writer.h"

#include <algorithm>
#include <bit>
#include <cstring>

namespace ravelin::load {

namespace {

constexpr uint32_t kMacs = 12;

/// Twice the room, so that places which lost frames hold don't get in the way.
uint32_t places_for(uint32_t most) {
    CHECK(most <= FramesInFlight::kMost);
    return std::bit_ceil(std::max(most, 8U) * 2);
}

}  // namespace

FramesInFlight::FramesInFlight(uint32_t most, uint32_t longest, bool ignore_mac)
    : mask_{places_for(most) - 1},
      stride_{(longest + 63) & ~63U},
      compare_from_{ignore_mac ? kMacs : 0},
      records_(mask_ + 1),
      bytes_(size_t{mask_ + 1} * stride_) {}

uint32_t FramesInFlight::reserve(uint32_t count) noexcept {
    while (at(next_).in_flight || (count > 1 && at(next_ + 1).in_flight))
        ++next_;
    const uint32_t number = next_;
    next_ += count;
    return number;
}

void FramesInFlight::sent(uint32_t number, uint32_t length, const Message& message,
                          uint64_t now) noexcept {
    // One by one: a whole record would be put together elsewhere first, and its copy wait for that.
    Record& record = at(number);
    record.sent = now;
    record.message = message;
    record.number = number;
    record.length = static_cast<uint16_t>(length);
    record.in_flight = true;
    ++count_;
}

FramesInFlight::Arrival FramesInFlight::arrived(std::span<const uint8_t> frame,
                                                const Record*& record) noexcept {
    const auto mark = read_mark(frame);
    if (!mark) return Arrival::Foreign;
    const uint32_t number = mark->number + (mark->later_fragment ? 1 : 0);
    Record& kept = at(number);
    if (!kept.in_flight || ((kept.number ^ number) & mark->mask) != 0) return Arrival::Unknown;
    kept.in_flight = false;
    --count_;
    record = &kept;
    const bool same = frame.size() == kept.length &&
                      std::memcmp(frame.data() + compare_from_, bytes(number) + compare_from_,
                                  frame.size() - compare_from_) == 0;
    return same ? Arrival::Expected : Arrival::Damaged;
}

}  // namespace ravelin::load
