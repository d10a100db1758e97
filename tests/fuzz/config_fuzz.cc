// SPDX-License-Identifier: BSD-3-Clause
// Any bytes as ravelin.yaml. Whatever they are: a configuration or an error, never both and never
// neither; findings in order and inside the file; references that hold; and loading the same text
// again says the same.
#include "config/load.h"

#include <cstdint>
#include <cstdlib>
#include <string>
#include <string_view>

namespace ravelin {
namespace {

void require(bool holds) {
    if (!holds) std::abort();
}

bool check_findings(const LoadResult& result, std::string_view text) {
    bool error = false;
    uint32_t lines = 1;
    for (const char byte : text)
        lines += byte == '\n' ? 1 : 0;
    const Finding* last = nullptr;
    for (const Finding& finding : result.findings) {
        error = error || finding.severity == Finding::Severity::Error;
        require(!finding.message.empty() && finding.length >= 1);
        require(finding.message.find_first_of(std::string_view{"\n\r\x1b\0", 4}) ==
                std::string::npos);
        require(finding.line <= lines && (finding.line == 0) == (finding.column == 0));
        require(last == nullptr || last->line < finding.line ||
                (last->line == finding.line && last->column <= finding.column));
        last = &finding;
    }
    return error;
}

void check_config(const Config& config) {
    require(!config.wires.empty() && config.ports.size() <= kMaxPorts);
    require(config.ports.size() == 2 * config.wires.size());
    for (const WireConfig& wire : config.wires) {
        require(wire.outside < config.ports.size() && wire.inside < config.ports.size());
        require(wire.outside != wire.inside);
    }
    for (const Rule& rule : config.policy.rules) {
        require(!rule.name.empty() && !rule.where.empty());
        require(!rule.from_port || *rule.from_port < config.ports.size());
    }
    require(!config.cores.workers.empty() && !config.cores.management.empty());
    require(config.tracking.timeouts.udp_replied >= 1s);
    require(config.sha256.size() == 64);
}

}  // namespace
}  // namespace ravelin

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
    using namespace ravelin;
    const std::string_view text{reinterpret_cast<const char*>(data), size};
    const LoadResult result = load_config_text(text, "fuzz.yaml");
    const bool error = check_findings(result, text);
    require(result.config.has_value() != error);
    if (result.config) check_config(*result.config);
    const std::string rendered = render_findings(result, text, "fuzz.yaml");
    require(rendered.find('\x1b') == std::string::npos);
    require(load_config_text(text, "fuzz.yaml").findings.size() == result.findings.size());
    return 0;
}
