// SPDX-License-Identifier: BSD-3-Clause
#include "conntrack/tombstones.h"

#include "base/check.h"

namespace ravelin {

namespace {

constexpr std::array<const char*, kCloseReasonCount> kCloseReasons{
    "none",       "idle",     "fin",      "rst",  "shutdown", "answered",
    "icmp_error", "replaced", "operator", "exit", "moved"};
constexpr std::array<const char*, kClosedByCount> kClosedBy{"unknown", "nobody", "opener",
                                                            "responder", "operator"};

constexpr std::array<const char*, kCertaintyCount> kCertainties{"guess", "tuple", "exact"};

/// Unsigned, so that a record which the wrapping tick makes look like one of the future is very
/// old rather than very young.
uint32_t age(const Tombstone& tombstone, Tick now) noexcept {
    return now.value() - tombstone.ended.value();
}

}  // namespace

const char* keyword(CloseReason reason) noexcept {
    return kCloseReasons[static_cast<size_t>(reason)];
}

const char* keyword(ClosedBy who) noexcept {
    return kClosedBy[static_cast<size_t>(who)];
}

const char* keyword(Certainty certainty) noexcept {
    return kCertainties[static_cast<size_t>(certainty)];
}

TombstoneTable::TombstoneTable(uint32_t capacity)
    : buckets_{capacity / kWays + (capacity % kWays != 0 ? 1 : 0)},
      records_{size_t{buckets_} * kWays} {}

void TombstoneTable::prefetch(uint64_t hash) const noexcept {
    if (buckets_ == 0) return;
    const size_t first = bucket(hash);
    __builtin_prefetch(&records_[first], 1);
    __builtin_prefetch(&records_[first + kWays / 2], 1);
}

Tombstone& TombstoneTable::place_for(uint64_t hash, Tick now) noexcept {
    const size_t first = bucket(hash);
    // An empty place counts as older than any record.
    const auto rank = [&](const Tombstone& record) {
        return record.hash == 0 ? uint64_t{1} << 32 : uint64_t{age(record, now)};
    };
    size_t oldest = first;
    for (size_t i = first; i < first + kWays; ++i) {
        if (records_[i].hash == hash) return records_[i];
        if (rank(records_[i]) > rank(records_[oldest])) oldest = i;
    }
    return records_[oldest];
}

TombstoneTable::Inserted TombstoneTable::insert(const Tombstone& tombstone, Tick now) noexcept {
    DCHECK(tombstone.hash != 0);
    if (buckets_ == 0) return {};
    Tombstone& place = place_for(tombstone.hash, now);
    Inserted inserted;
    if (place.hash == 0) {
        inserted.place = Place::Empty;
        ++size_;
    } else if (place.hash == tombstone.hash) {
        inserted.place = Place::Same;
    } else {
        inserted = {.place = Place::Oldest, .age = age(place, now) * kTick};
    }
    place = tombstone;
    return inserted;
}

Tombstone* TombstoneTable::find(uint64_t hash, Tick now, Duration ttl) noexcept {
    if (buckets_ == 0) return nullptr;
    const size_t first = bucket(hash);
    for (size_t i = first; i < first + kWays; ++i) {
        if (records_[i].hash != hash) continue;
        return age(records_[i], now) * kTick > ttl ? nullptr : &records_[i];
    }
    return nullptr;
}

void TombstoneTable::erase(Tombstone& tombstone) noexcept {
    DCHECK(tombstone.hash != 0);
    tombstone = {};
    --size_;
}

}  // namespace ravelin
