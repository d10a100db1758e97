// SPDX-License-Identifier: BSD-3-Clause
#pragma once

#include "packet/headers.h"

#include <cstdint>

namespace ravelin {

namespace ipsec {
inline constexpr uint16_t kIkePort = 500;
}  // namespace ipsec

/// ESP or AH that isn't carried by UDP.
[[nodiscard]] constexpr bool is_ipsec(uint8_t protocol) noexcept {
    return protocol == ip_protocol::kEsp || protocol == ip_protocol::kAh;
}

}  // namespace ravelin
