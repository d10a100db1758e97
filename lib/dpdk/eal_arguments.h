// SPDX-License-Identifier: BSD-3-Clause
#pragma once

#include "base/result.h"
#include "config/schema.h"

#include <cstdint>
#include <string>
#include <vector>

namespace ravelin {

/// The lcore that the n-th worker runs on; lcore 0 is management's.
[[nodiscard]] constexpr uint32_t lcore_of_worker(uint32_t worker) noexcept {
    return worker + 1;
}

/// A PCI device ("0000:03:00.0" or "03:00.0", arguments may follow after a comma) rather than a
/// virtual one ("net_memif0,...").
[[nodiscard]] bool is_pci_device(const std::string& device);

/// "net_memif0" of "net_memif0,role=server": the name that EAL knows a device by.
[[nodiscard]] std::string device_name(const std::string& device);

/// The command line that EAL is started with.
///
/// `cores:` becomes --lcores (management on lcore 0, one lcore per worker after it; a CPU may
/// serve several), PCI ports become -a, `eal:` follows as written. What the operator doesn't say
/// is chosen so that two instances don't meet and no file stays behind: a file prefix of this
/// process, --in-memory with hugepages, --no-shconf and enough -m without. Virtual devices are
/// not in it: they are probed one by one afterwards, so that a failure names its port.
///
/// Options that `cores:` owns are refused.
Result<std::vector<std::string>> eal_arguments(const Config& config, uint32_t process_id);

/// Whether `eal:` asks for a run without hugepages.
[[nodiscard]] bool runs_without_hugepages(const Config& config);

}  // namespace ravelin
