// SPDX-License-Identifier: BSD-3-Clause
#pragma once

#include "capture/replay.h"

#include <string>
#include <string_view>

namespace ravelin {

/// The line of --verdicts for one packet, with its newline:
///
///     {"n":1,"ts":"1700000000.000001","port":"outside","class":"NEW","verdict":"forward",
///      "reason":"","flow":1}
///
/// in one line and without the space. `ts` is the capture's own time stamp, cut to microseconds.
std::string verdict_line(const ReplayedPacket& packet, std::string_view port);

/// "NEW"; "NONE" for what isn't IP.
[[nodiscard]] std::string_view class_word(CtClass ct_class) noexcept;

/// "forward", "drop" or "held".
[[nodiscard]] std::string_view verdict_word(Action action) noexcept;

}  // namespace ravelin
