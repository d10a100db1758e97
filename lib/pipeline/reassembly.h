// SPDX-License-Identifier: BSD-3-Clause
#pragma once

#include "base/time.h"
#include "conntrack/fragments.h"
#include "pipeline/packet.h"
#include "pipeline/runtime.h"
#include "pipeline/shard.h"

#include <cstdint>

namespace ravelin {

/// A fragment that this worker is to judge: held, or dropped with its reason. When it is the last
/// one missing, the datagram is judged as one packet, and all its fragments may go (ADR 12).
/// `place` is the packet's in its burst.
void reassemble(Packet& packet, uint32_t place, Shard& shard, const Runtime& runtime,
                Instant now) noexcept;

/// The packet that goes on, or ends, for one frame of a settled group.
void continue_as(const DatagramVerdict& verdict, Packet& packet) noexcept;

}  // namespace ravelin
