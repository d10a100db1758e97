// SPDX-License-Identifier: BSD-3-Clause
#pragma once

namespace ravelin::ctl {

// What `ravelinctl` ends with; `ravelinctl --help` lists them.
inline constexpr int kOk = 0;
inline constexpr int kFailed = 1;
inline constexpr int kUsage = 2;
inline constexpr int kUnreachable = 3;
inline constexpr int kConfigInvalid = 4;

}  // namespace ravelin::ctl
