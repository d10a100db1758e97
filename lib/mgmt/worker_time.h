// SPDX-License-Identifier: BSD-3-Clause
#pragma once

#include "conntrack/record.h"
#include "pipeline/link.h"
#include "pipeline/ntp_record.h"
#include "pipeline/pause_guard.h"
#include "vpn/tunnel_record.h"

#include <span>

namespace ravelin {

// From a worker's own time to the clock that all share (ADR 16). Durations are right as they are.

inline void put_on_the_clock(FlowRecord& /*flow*/, const PauseHistory& /*pauses*/) noexcept {}

inline void put_on_the_clock(FlowEvent& event, const PauseHistory& pauses) noexcept {
    event.at = pauses.on_the_clock(event.at);
    event.stale.ended = pauses.on_the_clock(event.stale.ended);
}

inline void put_on_the_clock(StaleRecord& record, const PauseHistory& pauses) noexcept {
    record.first = pauses.on_the_clock(record.first);
    record.last = pauses.on_the_clock(record.last);
    record.info.ended = pauses.on_the_clock(record.info.ended);
}

inline void put_on_the_clock(DenialRecord& record, const PauseHistory& pauses) noexcept {
    record.first = pauses.on_the_clock(record.first);
    record.last = pauses.on_the_clock(record.last);
}

inline void put_on_the_clock(NtpRecord& record, const PauseHistory& pauses) noexcept {
    for (Instant* time : {&record.last_request, &record.last_answer, &record.asked})
        if (*time != Instant{}) *time = pauses.on_the_clock(*time);
}

inline void put_on_the_clock(TunnelRecord& tunnel, const PauseHistory& pauses) noexcept {
    // The beginning of time stands for "never".
    for (Instant* time :
         {&tunnel.started, &tunnel.established, &tunnel.last_seen[0], &tunnel.last_seen[1]})
        if (*time != Instant{}) *time = pauses.on_the_clock(*time);
}

inline void put_on_the_clock(TunnelEvent& event, const PauseHistory& pauses) noexcept {
    event.at = pauses.on_the_clock(event.at);
    put_on_the_clock(event.tunnel, pauses);
}

/// All that was just taken from a worker. Its pauses are read here, after the things: one is known
/// before anything that comes after it.
template <class Thing>
void put_on_the_clock(std::span<Thing> things, const WorkerLink& link) noexcept {
    const PauseHistory pauses = link.pauses.value();
    if (pauses.count == 0) return;
    for (Thing& thing : things)
        put_on_the_clock(thing, pauses);
}

}  // namespace ravelin
