// SPDX-License-Identifier: BSD-3-Clause
#pragma once

#include "config/load.h"

#include <fstream>
#include <sstream>
#include <string>
#include <string_view>
#include <vector>

namespace ravelin::config_test {

/// The least that a file must have. What a test adds begins in line 6.
inline constexpr std::string_view kBase =
    "version: 1\n"
    "ports:\n"
    "  a: {device: net_null0}\n"
    "  b: {device: net_null1}\n"
    "wires: [{name: w, outside: a, inside: b}]\n";

inline std::string with(std::string_view more) {
    return std::string{kBase} + std::string{more};
}

/// "6:3 error: message", as the tables of the tests have them.
inline std::vector<std::string> shown(const LoadResult& result) {
    std::vector<std::string> lines;
    for (const Finding& finding : result.findings) {
        lines.push_back(std::to_string(finding.line) + ":" + std::to_string(finding.column) +
                        (finding.severity == Finding::Severity::Error ? " error: " : " warning: ") +
                        finding.message);
    }
    return lines;
}

inline bool has_error(const LoadResult& result) {
    for (const Finding& finding : result.findings) {
        if (finding.severity == Finding::Severity::Error) return true;
    }
    return false;
}

inline std::string source_path(std::string_view relative) {
    return std::string{RAVELIN_SOURCE_ROOT} + "/" + std::string{relative};
}

inline std::string read_file(const std::string& path) {
    std::ifstream file{path, std::ios::binary};
    std::ostringstream text;
    text << file.rdbuf();
    return text.str();
}

/// Every file that is shipped in conf/.
inline const std::vector<std::string>& shipped_files() {
    static const std::vector<std::string> files{"conf/ravelin.yaml",
                                                "conf/demo.yaml",
                                                "conf/loadtest.yaml",
                                                "conf/examples/openvpn.yaml",
                                                "conf/examples/wireguard.yaml",
                                                "conf/examples/ipsec.yaml"};
    return files;
}

}  // namespace ravelin::config_test
