// SPDX-License-Identifier: BSD-3-Clause
#pragma once

#include "base/time.h"
#include "packet/address.h"

#include <cstdint>

namespace ravelin {

/// What has been seen of one client's questions to one time server: what leaves a shard for
/// management. Timestamps of NTP as in NtpPacket.
struct NtpRecord {
    Address client{};
    Address server{};
    uint8_t wire = 0;
    uint8_t shard = 0;
    bool client_inside = false;
    uint64_t requests = 0;
    uint64_t answers = 0;
    uint32_t unanswered = 0;  ///< requests since the last answer
    Instant last_request{};
    Instant last_answer{};  ///< Instant{}: none yet
    // Of the last answer, and the request that it was for:
    bool synchronised = false;
    uint8_t leap = 0;
    uint8_t stratum = 0;
    uint32_t reference_id = 0;
    Instant asked{};           ///< when the request passed
    uint64_t client_sent = 0;  ///< the request's word for when it was sent; often a random number
    /// The server's word for when it got the request and sent the answer; 0: the answer was for an
    /// earlier one (interleaved, RFC 9769).
    uint64_t server_got = 0;
    uint64_t server_sent = 0;
};

}  // namespace ravelin
