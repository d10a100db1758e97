// SPDX-License-Identifier: BSD-3-Clause
#pragma once

#include "config/findings.h"

#include <optional>
#include <string>
#include <string_view>

namespace ravelin::config {

/// Reads a file once and whole. Symbolic links are followed (Kubernetes mounts configuration maps
/// as links); what they lead to must be a regular file. Never blocks on a FIFO.
std::optional<std::string> read_config_file(const std::string& path, Findings& findings);

/// SHA-256 in lower-case hexadecimal.
[[nodiscard]] std::string sha256_hex(std::string_view bytes);

}  // namespace ravelin::config
