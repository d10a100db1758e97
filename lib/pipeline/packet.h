// SPDX-License-Identifier: BSD-3-Clause
#pragma once

#include "conntrack/tracker.h"
#include "flow/key.h"
#include "packet/drop_reason.h"
#include "packet/frame.h"
#include "packet/headers.h"

#include <cstdint>

namespace ravelin {

enum class Action : uint8_t {
    Pending,
    Forward,
    Drop,
    Reject,  ///< goes back to its sender as an ICMP error or a TCP reset
    HandOff,
    Fragment,  ///< parsed and ours: decide() gives it to reassembly
    Hold,      ///< reassembly keeps it; its buffer is no longer the burst's
};

/// What is decided about a packet. Nothing at first, in all fields: one store clears them.
struct alignas(16) Fate {
    Action action = Action::Pending;            ///< any stage
    DropReason reason = DropReason::None;       ///< with Drop
    CtClass ct_class = CtClass::None;           ///< parse (None, Invalid, Untracked), track
    Direction direction = Direction::Original;  ///< track
    uint8_t out_port = 0;                       ///< parse
    uint8_t target = 0;                         ///< steer: worker that it is handed to
    bool is_icmp_error = false;                 ///< parse
    bool missed = false;  ///< track: no connection, so decide() asks the policy
    /// receive: another worker gave it here because of the datagram that it belongs to, whatever
    /// its own addresses say; so it isn't steered.
    bool steered = false;
    bool from_fragments = false;  ///< reassembly: stands for a datagram that came in pieces
    bool classified = false;      ///< classify: `rule` is what the policy says
    uint16_t rule = 0;            ///< classify: for Policy::judgement()
};
static_assert(sizeof(Fate) == 16);

/// One packet and everything that was learned about it. Each field names the stage that writes it.
struct Packet : Fate {
    Frame frame{};                    ///< receive
    uint64_t flow = 0;                ///< track: id of its connection, 0: none
    uint32_t candidate = UINT32_MAX;  ///< look_up: connection to look at first
    uint32_t tunnel = 0;              ///< track: handle of who has to see it, 0: nobody
    uint32_t connection = 0;          ///< track: index of its connection, if it has one
    uint32_t quoted_sequence = 0;     ///< parse, ICMP errors only: TCP sequence quoted
    Headers headers{};                ///< parse
    FlowId id{};                      ///< parse; of the quoted packet for an ICMP error

    void drop(DropReason why) noexcept {
        action = Action::Drop;
        reason = why;
    }
};

}  // namespace ravelin
