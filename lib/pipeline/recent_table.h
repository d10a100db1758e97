// SPDX-License-Identifier: BSD-3-Clause
#pragma once

#include "base/page_array.h"
#include "base/time.h"

#include <cstdint>
#include <span>

namespace ravelin {

/// What one shard has written up, by key: kCapacity entries in sets of four. The entry of a set
/// that has been quiet for longest gives way to a new one.
///
/// An Entry has a `key`, never 0 while it is in use, a `record` that management is given, and
/// `last()`, when something was written to it.
template <class Entry, uint32_t kPlaces>
class RecentTable {
  public:
    using Record = decltype(Entry::record);
    static constexpr uint32_t kCapacity = kPlaces;

    RecentTable() : entries_{kCapacity} {}

    /// The entry of this key, or nullptr.
    [[nodiscard]] Entry* find(uint64_t key) noexcept {
        Entry& found = place_of(key);
        return found.key == key ? &found : nullptr;
    }
    /// The entry of this key; an empty one when there was none.
    [[nodiscard]] Entry& of(uint64_t key) noexcept {
        Entry& found = place_of(key);
        if (found.key != key) found = Entry{.key = key};
        return found;
    }

    /// Copies records from place `cursor` on, looking at no more than `budget` places, and moves
    /// `cursor`. True when the last place was looked at.
    bool dump(uint32_t& cursor, uint32_t budget, std::span<Record> out,
              uint32_t& written) const noexcept {
        for (; cursor < kCapacity && budget > 0 && written < out.size(); ++cursor, --budget) {
            if (entries_[cursor].key != 0) out[written++] = entries_[cursor].record;
        }
        return cursor == kCapacity;
    }

  private:
    static constexpr uint32_t kWays = 4;
    static constexpr uint32_t kSets = kCapacity / kWays;

    /// Where the key stands, or else the place that it would take.
    Entry& place_of(uint64_t key) noexcept {
        Entry* const set = &entries_[static_cast<uint32_t>(key >> 32) % kSets * kWays];
        Entry* quietest = set;
        for (Entry* entry = set; entry != set + kWays; ++entry) {
            if (entry->key == key) return *entry;
            if (entry->last() < quietest->last()) quietest = entry;
        }
        return *quietest;
    }

    PageArray<Entry> entries_;
};

}  // namespace ravelin
