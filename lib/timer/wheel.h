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

    /// How many indices ahead memory is asked for: what deadline() reads, and what else expired()
    /// needs. Measured: fewer, and it hasn't come yet; more, and it has gone again.
    static constexpr uint32_t kFar = 40;
    static constexpr uint32_t kNear = 10;

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
        uint32_t left = budget;
        const auto clear = [&](uint32_t slot) {
            Ahead far{*this, slot};
            Ahead near{*this, slot};
            for (uint32_t i = 0; i < kFar; ++i)
                far.next(prefetch);
            for (uint32_t i = 0; i < kNear; ++i)
                near.next([](uint32_t) {});
            for (; heads_[slot] != kNone && left != 0; --left) {
                far.next(prefetch);
                near.next(prepare);
                const uint32_t index = pop(slot);
                const Tick due = deadline(index);
                if (now.before(due)) {
                    push(slot_for(due), index);
                } else {
                    place(index) = kNone;
                    expired(index);
                }
            }
        };
        const uint32_t most_steps = budget * kStepsPerBudget;
        for (uint32_t steps = 0; !now.before(current_) && steps < most_steps; ++steps) {
            for (uint32_t level = first_level_due(); level < kLevels; --level) {
                const uint32_t slot = slot_of(level, current_);
                if (heads_[slot] != kNone) clear(slot);
                if (heads_[slot] != kNone) return budget;
            }
            step(now);
        }
        return budget - left;
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
    /// Walks over a slot's indices ahead of their being handled. Whoever takes some of them out
    /// meanwhile may lead it astray; it never leaves the wheel's memory.
    class Ahead {
      public:
        Ahead(const Wheel& wheel, uint32_t slot) noexcept : chunks_{wheel.chunks_} {
            enter(wheel.heads_[slot]);
        }
        /// Calls `look` for the next index, if there is one.
        template <class Look>
        void next(Look&& look) noexcept {
            if (left_ == 0) {
                if (following_ == kNone) return;
                enter(following_);
                if (left_ == 0) return;
            }
            look(chunks_[chunk_].index[--left_]);
        }

      private:
        void enter(uint32_t chunk) noexcept {
            following_ = kNone;
            if (chunk == kNone) return;
            chunk_ = chunk;
            left_ = chunks_[chunk].count;
            following_ = chunks_[chunk].next;
            if (following_ != kNone) __builtin_prefetch(&chunks_[following_], 1);
        }

        const PageArray<Chunk>& chunks_;
        uint32_t chunk_ = 0;
        uint32_t left_ = 0;
        uint32_t following_ = kNone;
    };
    /// Where a deadline belongs now. One that has passed belongs to the current tick.
    [[nodiscard]] uint32_t slot_for(Tick deadline) const noexcept {
        const Tick target = deadline.before(current_) ? current_ : deadline;
        const auto distance = static_cast<uint32_t>(target.since(current_));
        const auto highest_bit = static_cast<uint32_t>(31 - __builtin_clz(distance | 1));
        return slot_of(highest_bit / 8, target);
    }
    void push(uint32_t slot, uint32_t index) noexcept {
        uint32_t head = heads_[slot];
        if (head == kNone || chunks_[head].count == kPerChunk) [[unlikely]]
            head = begin_chunk(slot);
        Chunk& chunk = chunks_[head];
        place(index) = head * 16 + chunk.count;
        chunk.index[chunk.count++] = index;
        ++size_;
        ++level_size_[slot / kSlots];
    }
    /// Takes the slot's next index, whose place stays as it was.
    uint32_t pop(uint32_t slot) noexcept {
        const Chunk& head = chunks_[heads_[slot]];
        const uint32_t index = head.index[head.count - 1U];
        shrink(slot);
        return index;
    }
    /// Takes the slot's last index away.
    void shrink(uint32_t slot) noexcept {
        --size_;
        --level_size_[slot / kSlots];
        if (--chunks_[heads_[slot]].count == 0) end_chunk(slot);
    }
    /// A new head of the slot's list; returns it.
    uint32_t begin_chunk(uint32_t slot) noexcept;
    /// Gives the slot's head back.
    void end_chunk(uint32_t slot) noexcept;
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
