// SPDX-License-Identifier: BSD-3-Clause
#pragma once

#include "campaign.h"
#include "conntrack_socket.h"
#include "namespaces.h"
#include "packet_port.h"
#include "verdict.h"

#include <memory>
#include <span>
#include <vector>

namespace ravelin::differential {

/// A frame on its way, and what both made of it.
struct Passage {
    std::span<uint8_t> bytes{};
    Side side = Side::A;
    bool is_fragment = false;
    uint8_t workers = 1;     ///< how many Ravelin has,
    uint8_t arrives_at = 0;  ///< ... the one that receives it,
    uint8_t decided_by = 0;  ///< ... and the one that says what becomes of it
    Verdict kernel{};
    Verdict ravelin{};
};

/// The kernel of this machine as the oracle: what goes in at one end, what comes out at the other,
/// with the class written into DSCP.
class Kernel {
  public:
    /// Most frames between two fences: fewer than the kernel's backlog takes.
    static constexpr size_t kWindow = 256;

    Kernel();

    void configure(const Campaign& campaign);

    /// Before the first exchange() of these passages, with how many there are. Frames are numbered
    /// on and on, so that a late one of an earlier run isn't taken for one of this.
    void begin(size_t passages) noexcept;

    /// Sends passages[i] for each i of `chosen`, all from one side and at most kWindow, and then a
    /// fence; what has not come out when the fence does never will, or is held. Fragments may come
    /// out with a later call.
    void exchange(std::span<Passage> passages, std::span<const uint32_t> chosen);

    /// Whether a frame of an earlier run came out since begin(): a fragment of this run completed a
    /// datagram that the kernel still held, and what it says of this run's is about two of them.
    [[nodiscard]] bool mixed() const noexcept { return mixed_; }

    [[nodiscard]] ConntrackSocket& table() noexcept { return table_; }

  private:
    void take(std::span<Passage> passages, std::span<const uint8_t> frame);
    PacketPort& port(Side side) { return *ports_[static_cast<size_t>(side)]; }

    Namespaces namespaces_;
    std::array<std::unique_ptr<PacketPort>, 2> ports_;
    ConntrackSocket table_;
    uint32_t first_number_ = 0;  ///< of this run's frames, counted modulo 2^32
    uint32_t next_number_ = 0;   ///< the first that no frame has had
    bool mixed_ = false;
};

}  // namespace ravelin::differential
