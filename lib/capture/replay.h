// SPDX-License-Identifier: BSD-3-Clause
#pragma once

#include "base/keyed_hash.h"
#include "capture/merge.h"
#include "conntrack/record.h"
#include "pipeline/capacity.h"
#include "pipeline/io.h"
#include "pipeline/link.h"
#include "pipeline/packet.h"
#include "pipeline/runtime.h"

#include <cstdint>
#include <deque>
#include <functional>
#include <memory>
#include <span>
#include <vector>

namespace ravelin {

/// One replayed packet and its fate.
struct ReplayedPacket {
    uint64_t number = 0;  ///< from 1, in merged order
    uint8_t port = 0;     ///< it came in on
    CapturedFrame frame;
    CtClass ct_class = CtClass::None;
    Action action =
        Action::Pending;  ///< Forward or Drop; Pending: still held when the replay ended
    DropReason reason = DropReason::None;
    uint64_t flow = 0;
};

/// Called once for each packet, in merged order; packets behind a fragment that is held wait for
/// its fate.
using ReplaySink = std::function<void(const ReplayedPacket&)>;

/// Stands still between packets; Instant{} is the first packet's time.
class ReplayClock {
  public:
    [[nodiscard]] Instant now() const noexcept { return now_; }
    void set(Instant now) noexcept { now_ = now; }

  private:
    Instant now_{};
};

/// A worker's only port: it offers one packet at a time and takes back what was decided.
class ReplayIo {
  public:
    /// The next poll finds this packet, whose bytes are copied.
    void offer(const ReplayedPacket& packet);
    /// Hands over the packets whose fate, and that of all before them, is decided.
    void deliver(const ReplaySink& sink);
    /// Hands over all that are left.
    void deliver_rest(const ReplaySink& sink);

    [[nodiscard]] uint32_t source_count() const noexcept { return 1; }
    uint32_t receive(uint32_t source, Burst& burst) noexcept;
    uint32_t transmit(uint8_t port, std::span<void*> buffers) noexcept;
    void release(std::span<void*> buffers) noexcept;
    /// The verdict is all that counts.
    static bool rewrite(Frame&, std::span<const uint8_t>) noexcept { return true; }
    void observe(const Packet& packet) noexcept;

  private:
    struct Inside {
        ReplayedPacket packet{};
        std::vector<uint8_t> bytes;
        bool decided = false;
    };
    std::deque<Inside> inside_;  ///< in merged order; its elements stay where they are
    bool waiting_ = false;       ///< the last of them wasn't received yet
};
static_assert(PacketIo<ReplayIo>);

/// Runs captures through the very worker that forwards packets: one worker, one shard, the
/// captures' time stamps as its clock. Needs no EAL and no privilege.
///
/// Between two packets every timer that is due by then has fired, however long the gap is, so
/// that the outcome depends on the captures and the configuration alone.
class Replay {
  public:
    Replay(const Topology& topology, std::unique_ptr<const Runtime> runtime, uint32_t connections,
           const HashSecret& secret, const ShardCapacity& capacity = {});
    ~Replay();
    Replay(const Replay&) = delete;
    Replay& operator=(const Replay&) = delete;

    /// Once: reads the captures to their ends.
    void run(CaptureMerge& captures, const ReplaySink& sink);

    /// What has happened to tunnels since it was last asked.
    [[nodiscard]] std::vector<TunnelEvent> take_tunnel_events();
    /// The tunnels that are known now.
    [[nodiscard]] std::vector<TunnelRecord> tunnels();
    /// The connections that are open at the time of the last packet.
    [[nodiscard]] std::vector<FlowRecord> flows();
    [[nodiscard]] const WorkerCounters& counters() const noexcept;

  private:
    struct Engine;
    void advance_to(Instant instant);

    std::unique_ptr<Engine> engine_;
};

}  // namespace ravelin
