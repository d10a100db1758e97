// SPDX-License-Identifier: BSD-3-Clause
#pragma once

#include "config/schema.h"

#include <cstdint>
#include <string>
#include <string_view>

namespace ravelin {

/// Why rte_eal_init() failed, in one line with the command that mends it, from what EAL logged.
/// `hugepages`: how many pages of 2 MiB there should be.
std::string diagnose_eal(std::string_view log, int error, uint64_t hugepages);

/// How many hugepages of 2 MiB to ask the kernel for, so that `bytes` more can be had besides those
/// that are reserved already.
uint64_t hugepages_for(uint64_t bytes);

/// Why a port's device couldn't be brought up by `call`, likewise.
std::string diagnose_device(const PortConfig& port, std::string_view call, std::string_view log,
                            int error);

/// The value of `key` in "net_memif0,role=server,id=1"; empty when it isn't there.
std::string device_argument(const std::string& device, std::string_view key);

}  // namespace ravelin
