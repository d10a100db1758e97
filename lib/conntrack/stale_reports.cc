// SPDX-License-Identifier: BSD-3-Clause
#include "conntrack/stale_reports.h"

#include "base/check.h"

namespace ravelin {

StaleReports::StaleReports(uint32_t capacity) : reports_{capacity} {
    CHECK(capacity <= UINT16_MAX);  // Tombstone::report counts from 1
}

StaleRecord& StaleReports::of(Tombstone& tombstone) noexcept {
    DCHECK(capacity() != 0);
    if (tombstone.report != 0) {
        Report& known = reports_[tombstone.report - 1U];
        if (known.hash == tombstone.hash && known.ended == tombstone.ended) return known.record;
    }
    Report& fresh = reports_[next_];
    next_ = next_ + 1 == capacity() ? 0 : next_ + 1;
    fresh = Report{.hash = tombstone.hash, .ended = tombstone.ended};
    tombstone.report = static_cast<uint16_t>(&fresh - &reports_[0] + 1);
    return fresh.record;
}

bool StaleReports::dump(uint32_t& cursor, uint32_t budget, std::span<StaleRecord> out,
                        uint32_t& written) const noexcept {
    for (; cursor < capacity() && budget > 0 && written < out.size(); ++cursor, --budget) {
        if (reports_[cursor].hash != 0) out[written++] = reports_[cursor].record;
    }
    return cursor == capacity();
}

}  // namespace ravelin
