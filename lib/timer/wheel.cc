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
    const Tick target = deadline.before(current_) ? current_ : deadline;
    const auto distance = static_cast<uint32_t>(target.since(current_));
    uint32_t level = 0;
    while (level + 1 < kLevels && distance >> (8 * (level + 1)) != 0)
        ++level;
    push(slot_of(level, target), index);
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

void Wheel::push(uint32_t slot, uint32_t index) noexcept {
    uint32_t head = heads_[slot];
    if (head == kNone || chunks_[head].count == kPerChunk) {
        const uint32_t fresh = free_chunk_;
        DCHECK(fresh != kNone);
        free_chunk_ = chunks_[fresh].next;
        chunks_[fresh].next = head;
        chunks_[fresh].slot = static_cast<uint16_t>(slot);
        DCHECK(chunks_[fresh].count == 0);
        heads_[slot] = head = fresh;
    }
    Chunk& chunk = chunks_[head];
    place(index) = head * 16 + chunk.count;
    chunk.index[chunk.count++] = index;
    ++size_;
    ++level_size_[slot / kSlots];
}

uint32_t Wheel::pop(uint32_t slot) noexcept {
    const Chunk& head = chunks_[heads_[slot]];
    const uint32_t index = head.index[head.count - 1U];
    place(index) = kNone;
    shrink(slot);
    return index;
}

void Wheel::shrink(uint32_t slot) noexcept {
    const uint32_t head = heads_[slot];
    Chunk& chunk = chunks_[head];
    --size_;
    --level_size_[slot / kSlots];
    if (--chunk.count != 0) return;
    heads_[slot] = chunk.next;
    chunk.next = free_chunk_;
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
