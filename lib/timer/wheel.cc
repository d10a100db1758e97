// SPDX-License-Identifier: BSD-3-Clause
#include "timer/wheel.h"

#include "base/check.h"

namespace ravelin {

Wheel::Wheel(uint32_t capacity, Tick start, uint32_t* first_place, size_t stride)
    : current_{start},
      first_place_{reinterpret_cast<std::byte*>(first_place)},
      stride_{stride},
      chunks_{capacity / kPerChunk + size_t{kLevels} * kSlots + 1} {
    heads_.fill(kNone);
    for (size_t i = chunks_.size(); i-- > 0;) {
        chunks_[i].next = free_chunk_;
        free_chunk_ = static_cast<uint32_t>(i);
    }
}

void Wheel::arm(uint32_t index, Tick deadline) noexcept {
    disarm(index);
    push(slot_for(deadline), index);
}

void Wheel::disarm(uint32_t index) noexcept {
    const uint32_t at = place(index);
    if (at == kNone) return;
    Chunk& chunk = chunks_[at / 16];
    const uint32_t slot = chunk.slot;
    const Chunk& head = chunks_[heads_[slot]];
    const uint32_t last = head.index[head.count - 1U];
    chunk.index[at % 16] = last;
    place(last) = at;
    place(index) = kNone;
    shrink(slot);
}

uint32_t Wheel::begin_chunk(uint32_t slot) noexcept {
    const uint32_t fresh = free_chunk_;
    DCHECK(fresh != kNone);
    Chunk& chunk = chunks_[fresh];
    DCHECK(chunk.count == 0);
    free_chunk_ = chunk.next;
    chunk.next = heads_[slot];
    chunk.slot = static_cast<uint16_t>(slot);
    heads_[slot] = fresh;
    return fresh;
}

void Wheel::end_chunk(uint32_t slot) noexcept {
    const uint32_t head = heads_[slot];
    heads_[slot] = chunks_[head].next;
    chunks_[head].next = free_chunk_;
    free_chunk_ = head;
}

void Wheel::step(Tick now) noexcept {
    // Empty levels are stepped over as a whole, so that a long silence costs next to nothing.
    uint32_t level = 0;
    while (level < kLevels && level_size_[level] == 0)
        ++level;
    const Tick end = now + 1;
    if (level == kLevels) {
        current_ = end;
        return;
    }
    const uint32_t span = 1U << (8 * level);
    const Tick next{(current_.value() / span + 1) * span};
    current_ = next.before(end) ? next : end;
}

}  // namespace ravelin
