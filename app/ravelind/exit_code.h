// SPDX-License-Identifier: BSD-3-Clause
#pragma once

namespace ravelin {

/// What ravelind's end tells its caller; docs/exit-codes.md. 3 is ravelinctl's alone.
enum class ExitCode : int {
    Ok = 0,
    Failure = 1,        ///< something broke while running
    Usage = 2,          ///< the command line
    Configuration = 4,  ///< ravelin.yaml
    Environment = 5,    ///< hugepages, device, permission, address or socket in use
};

}  // namespace ravelin
