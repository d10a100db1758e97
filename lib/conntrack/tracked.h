// SPDX-License-Identifier: BSD-3-Clause
#pragma once

#include "conntrack/tombstones.h"
#include "conntrack/tracker.h"
#include "packet/drop_reason.h"

#include <cstdint>

namespace ravelin {

/// Who opens a connection and why it may.
struct Opening {
    bool from_inside = false;
    uint16_t rule = 0;
    uint16_t policy_generation = 0;
    StalePolicy late = StalePolicy::General;  ///< kept for its tombstone
    uint8_t timeout_set = 0;                  ///< TrackingSets::of()
};

/// What became of an opening.
struct Opened {
    DropReason reason = DropReason::None;  ///< TableFull: there was no room
    uint64_t flow = 0;                     ///< as in Tracked
    uint32_t index = 0;                    ///< of the connection
};

/// What tracking found out about one packet.
struct Tracked {
    CtClass ct_class = CtClass::Invalid;
    Direction direction = Direction::Original;
    DropReason reason = DropReason::None;  ///< for Invalid
    /// No connection: for New the policy is asked, and open() makes one.
    bool missing = false;
    uint64_t flow = 0;    ///< id of the connection when identify() was asked for, else 0
    uint32_t tunnel = 0;  ///< handle of whoever has to see the packet, 0: nobody
    uint32_t index = 0;   ///< of the connection, unless it is missing
};

/// The connection that a packet is too late for.
struct Late {
    Tombstone* tombstone = nullptr;  ///< nullptr: none; valid until a connection ends
    Direction direction = Direction::Original;
    Certainty certainty = Certainty::Tuple;
    uint32_t tunnel = 0;     ///< handle that the connection carried, 0: none
    uint64_t tunnel_id = 0;  ///< for the report; whoever knows handles sets it
};

}  // namespace ravelin
