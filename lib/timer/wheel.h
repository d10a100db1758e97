// SPDX-License-Identifier: BSD-3-Clause
#pragma once

#include "base/page_array.h"
#include "base/time.h"

#include <algorithm>
#include <array>
#include <cstddef>
#include <cstdint>

namespace ravelin {

/// A hierarchical timer wheel over indices 0 .. capacity-1, each armed at most once.
///
/// Theory of operation: four levels of 256 slots; level 0 has one tick per slot, each next level
/// 256 times that. A slot is a list of 64-byte chunks that hold indices one after the other, so
/// that firing a slot reads memory in order and the entries behind the indices can be asked for
/// some indices ahead, each a little after the one before: of many at once the processor drops
/// some. Disarming moves the slot's last index into the gap, so that only a slot's first chunk is
/// ever partly filled: the number of chunks is bounded and nothing is allocated after construction.
///
/// The wheel is lazy: a deadline that moves later isn't told to it. When a slot fires, advance()
/// asks for the index's deadline and puts it where it belongs now. Only a deadline that moves
/// earlier needs arm() again (ADR 6).
class Wheel {
  public:
    static constexpr uint32_t kNone = UINT32_MAX;
    static constexpr uint32_t kLevels = 4;
    /// So often at most advance() handles an index for having been armed once: it comes nearer by
    /// a level each time.
    static constexpr uint32_t kMostHandlings = kLevels;

    /// Where each index stands in the wheel is kept with whatever it is the index of, since that is
    /// looked at whenever its time may have come: `first_place` is index 0's, the others follow
    /// `stride` bytes apart. All must be kNone, outlive the wheel, and are nobody else's.
    Wheel(uint32_t capacity, Tick start, uint32_t* first_place, size_t stride);

    /// Puts `index` at `deadline`, or moves it there. A deadline that has passed fires at the next
    /// advance().
    void arm(uint32_t index, Tick deadline) noexcept;
    /// Takes `index` out; nothing happens if it is not in.
    void disarm(uint32_t index) noexcept;
    [[nodiscard]] bool armed(uint32_t index) const noexcept { return place(index) != kNone; }
    [[nodiscard]] uint32_t size() const noexcept { return size_; }

    /// Handles indices whose slot has come, at most `budget` of them, and steps over at most
    /// kStepsPerBudget * `budget` empty slots; what is left comes first next time.
    ///
    /// `prefetch(index)` is called well ahead, to ask for what deadline() reads, and
    /// `prepare(index)` shortly ahead, when that has come, to ask for what else expired() needs;
    /// both may be called for an index that isn't handled. `deadline(index)` returns the current
    /// deadline: later than `now` means "not yet" and the index is put there; otherwise it is taken
    /// out of the wheel and `expired(index)` is called, which may arm and disarm. Returns how many
    /// indices were handled.
    template <class Prefetch, class Prepare, class Deadline, class Expired>
    uint32_t advance(Tick now, uint32_t budget, Prefetch&& prefetch, Prepare&& prepare,
                     Deadline&& deadline, Expired&& expired) noexcept {
        uint32_t handled = 0;
        const uint32_t most_steps = budget * kStepsPerBudget;
        for (uint32_t steps = 0; !now.before(current_) && steps < most_steps; ++steps) {
            for (uint32_t level = first_level_due(); level < kLevels; --level) {
                const uint32_t slot = slot_of(level, current_);
                begin_slot(slot, prefetch);
                while (heads_[slot] != kNone) {
                    if (handled == budget) return handled;
                    look_ahead(slot, prefetch, prepare);
                    ++handled;
                    const uint32_t index = pop(slot);
                    const Tick due = deadline(index);
                    if (now.before(due)) {
                        arm(index, due);
                    } else {
                        expired(index);
                    }
                }
                if (level == 0) break;
            }
            step(now);
        }
        return handled;
    }

    /// How many ticks the wheel is behind `now` because of the budget; 0 when it is up to date.
    [[nodiscard]] uint32_t lag(Tick now) const noexcept {
        return now.before(current_) ? 0 : static_cast<uint32_t>(now.since(current_)) + 1;
    }
    [[nodiscard]] size_t memory_bytes() const noexcept { return chunks_.bytes(); }

  private:
    static constexpr uint32_t kSlots = 256;
    static constexpr uint32_t kPerChunk = 14;
    /// An empty slot costs that much less than an index.
    static constexpr uint32_t kStepsPerBudget = 16;
    /// How many indices ahead memory is asked for.
    static constexpr uint32_t kFar = 2 * kPerChunk;
    static constexpr uint32_t kNear = 5;

    struct alignas(64) Chunk {
        uint32_t next = kNone;  ///< of the slot's list, or of the free list
        uint16_t slot = 0;
        uint16_t count = 0;
        std::array<uint32_t, kPerChunk> index{};
    };
    static_assert(sizeof(Chunk) == 64);

    /// chunk * 16 + position, or kNone.
    [[nodiscard]] uint32_t& place(uint32_t index) const noexcept {
        return *reinterpret_cast<uint32_t*>(first_place_ + index * stride_);
    }
    static uint32_t slot_of(uint32_t level, Tick tick) noexcept {
        return level * kSlots + (tick.value() >> (8 * level)) % kSlots;
    }
    /// The highest level whose slot begins at the current tick.
    [[nodiscard]] uint32_t first_level_due() const noexcept {
        const uint32_t tick = current_.value();
        if (tick % (1U << 8) != 0) return 0;
        if (tick % (1U << 16) != 0) return 1;
        return tick % (1U << 24) != 0 ? 2 : 3;
    }
    /// The index that comes `distance` after the slot's next one, kFar at most, or kNone.
    [[nodiscard]] uint32_t coming(uint32_t slot, uint32_t distance) const noexcept {
        const Chunk* chunk = &chunks_[heads_[slot]];
        while (distance >= chunk->count) {
            if (chunk->next == kNone) return kNone;
            distance -= chunk->count;
            chunk = &chunks_[chunk->next];
        }
        return chunk->index[chunk->count - 1U - distance];
    }
    /// The chunk that comes `distance` after another one, or kNone.
    [[nodiscard]] uint32_t chunk_after(uint32_t chunk, uint32_t distance) const noexcept {
        for (; distance != 0 && chunk != kNone; --distance)
            chunk = chunks_[chunk].next;
        return chunk;
    }
    template <class Prefetch>
    void fetch(uint32_t index, Prefetch&& prefetch) const noexcept {
        if (index != kNone) prefetch(index);
    }
    template <class Prefetch>
    void begin_slot(uint32_t slot, Prefetch&& prefetch) const noexcept {
        for (uint32_t i = 0; i < kFar && heads_[slot] != kNone; ++i)
            fetch(coming(slot, i), prefetch);
    }
    template <class Prefetch, class Prepare>
    void look_ahead(uint32_t slot, Prefetch&& prefetch, Prepare&& prepare) const noexcept {
        const Chunk& head = chunks_[heads_[slot]];
        if (head.count == kPerChunk && head.next != kNone) {
            const uint32_t after = chunk_after(head.next, kFar / kPerChunk);
            if (after != kNone) __builtin_prefetch(&chunks_[after], 1);
        }
        fetch(coming(slot, kFar), prefetch);
        const uint32_t near = coming(slot, kNear);
        if (near != kNone) prepare(near);
    }
    void push(uint32_t slot, uint32_t index) noexcept;
    uint32_t pop(uint32_t slot) noexcept;
    void shrink(uint32_t slot) noexcept;
    /// To the next tick that can hold anything, but not past now + 1.
    void step(Tick now) noexcept;

    Tick current_;  ///< the next tick to handle
    uint32_t size_ = 0;
    uint32_t free_chunk_ = kNone;
    std::array<uint32_t, kLevels> level_size_{};
    std::array<uint32_t, size_t{kLevels} * kSlots> heads_{};
    std::byte* first_place_;
    size_t stride_;
    PageArray<Chunk> chunks_;
};

}  // namespace ravelin
