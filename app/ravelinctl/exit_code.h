// SPDX-License-Identifier: BSD-3-Clause
#pragma once

namespace ravelin::ctl {

/// What `ravelinctl` ends with; `ravelinctl --help` lists them.
enum ExitCode : int {
    kOk = 0,
    kFailed = 1,
    kUsage = 2,
    kUnreachable = 3,
    kConfigInvalid = 4,
};

}  // namespace ravelin::ctl
