// SPDX-License-Identifier: BSD-3-Clause
#pragma once

#include "mgmt/flow_format.h"
#include "pipeline/ntp_record.h"

#include <optional>
#include <string>
#include <vector>

namespace ravelin {

/// How far a clock is ahead of ours; the truth lies within `error` on either side.
struct NtpOffset {
    Duration offset{};
    Duration error{};
};

/// The server's, by its last answer: what an NTP client at our place would find (RFC 5905 8).
/// `unix_offset`: Unix time at Instant{}.
[[nodiscard]] std::optional<NtpOffset> server_offset(const NtpRecord& record, Duration unix_offset);

/// The client's, by what its request said, but for the time that this took to come here. Nothing
/// when it is over a day: then it is the random number that careful clients send.
[[nodiscard]] std::optional<Duration> client_offset(const NtpRecord& record, Duration unix_offset);

/// An array of objects:
///
///     {"client":"192.0.2.20","server":"198.51.100.1","wire":"vpn","worker":0,
///      "client_side":"inside","requests":12,"answers":11,"unanswered":1,"last_request_ago_s":3.2,
///      "last_answer_ago_s":67.2,"synchronised":true,"stratum":2,"reference_id":"c0000201",
///      "server_offset_s":0.000123,"server_offset_error_s":0.0004,"client_offset_s":null}
///
/// What only an answer tells is null before there was one.
[[nodiscard]] std::string ntp_json(const std::vector<NtpRecord>& records, const FlowNames& names,
                                   Instant now, Duration unix_offset);

}  // namespace ravelin
