// SPDX-License-Identifier: BSD-3-Clause
#pragma once

#include "base/time.h"
#include "pipeline/burst.h"
#include "pipeline/runtime.h"
#include "pipeline/shard.h"

namespace ravelin {

// The life of a packet:
//
//     receive -> parse -> steer | look_up -> track -> classify -> decide | transmit
//                   burst k + 1 |             burst k
//
// Each stage is a loop over a burst, decides a packet or leaves it pending for the next, and writes
// only its own fields (packet.h names them). A connection table lives in DRAM, so the stages stand
// around its latency: steer() asks for the bucket's line, look_up() reads it and asks for the
// connection's, or for the next bucket's where the first one was full, track() reads that. The bars
// are where the worker turns to another burst, so that the bucket lines of burst k + 1 are on their
// way while burst k is tracked and transmitted.

/// Bytes -> headers and identity of the connection, or a drop. Not IP: passed by EtherType.
void parse(Burst& burst, const Shard& shard, const Runtime& runtime) noexcept;

/// Marks what another worker owns for handing over; asks for the bucket of what is ours.
void steer(Burst& burst, const Shard& shard) noexcept;

/// Reads the bucket, asks for the connection.
void look_up(Burst& burst, const Shard& shard) noexcept;

/// The connection -> class and direction; renews, moves or ends it. No connection: left to
/// decide().
void track(Burst& burst, Shard& shard, const Runtime& runtime, Instant now) noexcept;

/// First packets of connections ask the rules, several at a time, so that they wait for the rules'
/// memory together. An earlier packet of the burst may open the connection of a later one, which
/// then needs no answer.
void classify(Burst& burst, const Policy& policy) noexcept;

/// Class and policy -> verdict. Only here a connection begins. Fragments go to reassembly.h.
void decide(Burst& burst, Shard& shard, const Runtime& runtime, Instant now) noexcept;

/// All stages for one packet: what becomes of a datagram whose fragments have all come.
void judge(Packet& packet, Shard& shard, const Runtime& runtime, Instant now) noexcept;

/// What came in: called when frames are received from a port.
void account_received(Burst& burst, WorkerCounters& counters) noexcept;

/// First half: what can be done while the previous burst's memory is on its way.
inline void begin(Burst& burst, Shard& shard, const Runtime& runtime) noexcept {
    parse(burst, shard, runtime);
    steer(burst, shard);
}

/// Second half: ends with every packet forwarded, dropped, handed over or held.
inline void finish(Burst& burst, Shard& shard, const Runtime& runtime, Instant now) noexcept {
    look_up(burst, shard);
    track(burst, shard, runtime, now);
    classify(burst, runtime.policy);
    decide(burst, shard, runtime, now);
}

}  // namespace ravelin
