// SPDX-License-Identifier: BSD-3-Clause
#pragma once

#include "base/time.h"
#include "pipeline/burst.h"

#include <concepts>
#include <cstdint>
#include <span>

namespace ravelin {

/// Where a worker gets packets from and where they go: real ports, a capture, or a test's arrays.
///
/// A source is one (port, queue) pair that this worker polls; receive() adds what is there to an
/// empty burst and returns how many frames that were. transmit() takes the first n buffers
/// of the list and returns n; the rest stays the caller's. release() takes all. An Io may have
/// `void observe(const Packet&)`, which is called with every packet once its fate is decided and
/// before it is transmitted or released (replay uses it; a worker without it pays nothing), and
/// `bool rewrite(Frame&, std::span<const uint8_t>)`, which puts an answer into a received buffer
/// and says so in the frame; false when it can't. Without it nobody is told of a rejected packet.
template <class T>
concept PacketIo = requires(T io, uint32_t source, Burst& burst, uint8_t port,
                            std::span<void*> buffers) {
    { io.source_count() }
    noexcept->std::same_as<uint32_t>;
    { io.receive(source, burst) }
    noexcept->std::same_as<uint32_t>;
    { io.transmit(port, buffers) }
    noexcept->std::same_as<uint32_t>;
    { io.release(buffers) }
    noexcept->std::same_as<void>;
};

/// The only source of time for a worker. It may stand still, it never goes back.
template <class T>
concept TimeSource = requires(T clock) {
    { clock.now() }
    noexcept->std::same_as<Instant>;
};

}  // namespace ravelin
